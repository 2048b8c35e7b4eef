//! What lies on disk between stages: datasets, detections, and the small JSON files.
//!
//! Reads and writes; knows no stage and no run. What is read is checked, so that those who get it can trust it: known
//! images, known classes, finite numbers. The same data gives the same bytes.

mod dataset;
mod detections;
mod error;
mod evidence;
mod exchange;
mod json;
mod rows;
pub mod schema;

pub use dataset::{read_dataset, write_dataset};
pub use detections::{read_detections, write_detections};
pub use error::{ArtifactError, ArtifactFault};
pub use evidence::{read_evidence, write_evidence};
pub use exchange::ArtifactExchange;
pub use json::{read_json, write_json};
