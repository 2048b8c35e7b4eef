//! Boxes, annotations, detections, datasets and metrics: plain data and functions on it.
//!
//! Knows nothing of tables, stages or runs; only `voc` and `shapes` read and write files, where they are told to. Boxes are
//! `xyxy` in continuous pixels, counted from 0.

mod annotation;
mod boxes;
mod evidence;
pub mod metrics;
pub mod shapes;
pub mod voc;

pub use annotation::{AnnotatedImage, Annotation, Dataset, Detection, Detections, Image, ImageDetections, Source};
pub use boxes::BoundingBox;
pub use evidence::{Evidence, ImageEvidence, SeenBox, View};
