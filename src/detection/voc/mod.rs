//! Pascal VOC folders: `Annotations/*.xml`, `JPEGImages/`, `ImageSets/Main/<set>.txt`, to a dataset and back.
//!
//! VOC counts pixels from 1 and includes both corners, so a box goes in as (xmin - 1, ymin - 1, xmax, ymax) and comes out
//! the other way. Everything wrong with a folder is found before anything is said. An image's size is its file's; its EXIF
//! orientation is not applied, for annotations are drawn on the pixels as stored.

mod document;
mod image_file;
mod layout;
mod problem;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use image_file::{digest, image_size};
pub use layout::common_sets;
pub use problem::{VocError, VocFault, VocProblem};
pub use read::{OnProblem, VocDataset, VocOptions, VocSource, read};
pub use write::{VocWriteError, write_annotations};
