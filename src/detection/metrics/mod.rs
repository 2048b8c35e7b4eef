//! How well detections fit the ground truth: average precision by COCO's and by VOC's rules.
//!
//! One matcher and one ranking serve every protocol; [`Rules`] says where the protocols differ. A class without ground truth has no
//! figure (`None`) and is left out of means. The same data give the same figures on any number of threads.

mod average_precision;
mod class;
mod coco;
pub mod coco_json;
mod confusion;
mod curve;
mod index;
mod matching;
mod outcomes;
mod protocol;
mod scene;
mod score;
mod switches;
#[cfg(test)]
mod tests;
mod voc;

pub use average_precision::{Interpolation, Ranking};
pub use coco::{AREAS, CocoFigures, coco};
pub use confusion::{BACKGROUND, Confusion, confusion};
pub use curve::{Curve, CurvePoint, curves, mean_curve};
pub use matching::{Assignment, Outcome};
pub use protocol::{DifficultObjects, OverlapRule, Protocol, Rules};
pub use scene::{Extent, Object, Scene, Scenes, ScenesError, ScoredBox};
pub use score::{ClassReport, Report, score, score_with};
pub use switches::{SwitchError, Switches};
pub use voc::{ClassPrecision, voc};
