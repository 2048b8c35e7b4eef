//! Pascal VOC folders: `Annotations/*.xml`, `JPEGImages/`, `ImageSets/Main/<set>.txt`, to a dataset and back.
//!
//! VOC counts pixels from 1 and includes both corners, so a box goes in as (xmin - 1, ymin - 1, xmax, ymax) and comes out
//! the other way. Of an object its name, box, pose and flags are kept; its parts, and a file's source and owner, are not.

mod document;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use super::reading::{OnProblem, ReadDataset, ReadError, digest};
pub use layout::common_sets;
pub(super) use layout::is_voc;
pub use read::{VocOptions, read};
pub(super) use write::is_too_thin;
pub use write::{VocWriteError, write_annotations, write_annotations_from};
