//! YOLO folders: images, a text file of labels for each, and `data.yaml` or `classes.txt`, to a dataset and back.
//!
//! A line is a class and a box: centre and size as shares of the image. Of a polygon the box around it is taken. An image without a file of
//! labels is one without objects, as Ultralytics has it. Images go by the path of their file.

mod layout;
mod line;
mod names;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use layout::is_yolo;
pub use layout::sets;
pub use read::{YoloOptions, read};
pub use write::{YoloWriteError, write_labels};
