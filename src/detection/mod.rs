//! Boxes, annotations, detections, datasets and metrics: plain data and functions on it.
//!
//! Knows nothing of tables, stages or runs; only the formats (`voc`, `coco`, `yolo`, with what they share in
//! `reading` and `export`), `folder`, `health` and `shapes` read and write files, where they are told to. Boxes are
//! `xyxy` in continuous pixels, counted from 0.

mod annotation;
mod boxes;
pub mod coco;
pub mod export;
pub mod folder;
pub mod health;

mod evidence;
pub mod metrics;
pub mod reading;
pub mod shapes;
pub mod voc;
pub mod yolo;

pub use annotation::{
    AnnotatedImage, Annotation, Dataset, Detection, Detections, Image, ImageDetections, Marks, Source,
};
pub use boxes::BoundingBox;
pub use evidence::{Evidence, ImageEvidence, SeenBox, View};
