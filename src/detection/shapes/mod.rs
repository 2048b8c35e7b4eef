//! The embedded dataset: drawn scenes of geometric shapes, annotated as Pascal VOC would.
//!
//! Six classes with look-alikes (a ring is nearly a circle, a small star nearly a cross), two of them rare; shapes that are no
//! class; most scenes easy, some crowded: so which images are annotated makes a difference. Each image has its own random
//! stream: its content depends on the seed, its part and its number only.

mod canvas;
mod colour;
mod outline;
mod scene;
mod setting;
mod write;

pub use scene::{CLASSES, Scene, scene};
pub use write::{ShapesError, write_images, write_voc};

/// What is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapesOptions {
    /// Scenes for training.
    pub train: usize,
    /// Scenes for testing.
    pub test: usize,
    /// Side of a square scene in pixels; others are 5/4 of it by 15/16.
    pub size: u32,
    /// How many of the scenes are crowded, blurred, of low contrast: a share in `[0, 1]`.
    pub hard_share: f64,
    /// The seed.
    pub seed: u64,
}

impl Default for ShapesOptions {
    fn default() -> Self {
        Self {
            train: 400,
            test: 100,
            size: 128,
            hard_share: 0.2,
            seed: 0,
        }
    }
}

/// A part of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// For training.
    Train,
    /// For testing.
    Test,
}

impl Part {
    /// Its name, which begins the ids of its images.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}
