//! What the readers of all formats have in common: problems with their places, what becomes of images that have some, names
//! and image files.
//!
//! An image's size is its file's; its EXIF orientation is not applied, for annotations are drawn on the pixels as stored.
//! Everything wrong with a folder is found before anything is said.

mod image_file;
mod limit;
mod load;
mod name;
mod position;
mod problem;

pub(super) use image_file::decode;
pub use image_file::{digest, image_size};
pub(super) use limit::spread;
pub use load::{ImageSource, OnProblem, ReadDataset};
pub(super) use load::{Loaded, image, place};
pub use name::is_plain_name;
pub(super) use name::{extension_of, flat_names};
pub(super) use position::position_of;
pub use problem::{Fault, Problem, ReadError};
