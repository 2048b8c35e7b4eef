//! COCO's instances files with a folder of images: `images`, `annotations`, `categories`, to a dataset and back.
//!
//! Images go by ascending id, as pycocotools has them, and so do classes. Boxes are x, y, width, height from 0, so they need no counting
//! of pixels. A crowd region is kept as a difficult object with a mark of its own; segmentations are not read, only the area
//! that the file says. What COCO has no key for (difficult, truncated, occluded, pose, and who said so) is written under keys that
//! other readers pass over.

mod document;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use layout::{CocoSet, find};
pub use read::{CocoOptions, read};
pub use write::{CocoWriteError, to_json};
