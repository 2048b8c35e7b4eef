//! What is remarkable about a dataset: faults of its files and boxes, things that a user should know, and what it holds.
//!
//! A dataset is examined as it was read with [`OnProblem::Keep`](super::reading::OnProblem): the reader has found what is wrong with single files, here
//! images are decoded and compared with each other.

mod boxes;
mod examine;
mod finding;
mod picture;
#[cfg(test)]
mod tests;

pub use boxes::{BoxSizes, ClassCount};
pub use examine::{Health, examine};
pub use finding::{Finding, FindingKind};
pub use picture::{Thumbnail, thumbnail};
