//! All that a detector sees in an image, for those who choose what to annotate: more than boxes and scores.

use super::Detection;

/// What a detector sees in a list of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Class names; a label is an index into them.
    pub classes: Vec<String>,
    /// One entry an image, in the order of the dataset that was given.
    pub images: Vec<ImageEvidence>,
}

/// What a detector sees in one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageEvidence {
    /// The image's id.
    pub image: String,
    /// The image as a point: its feature maps, averaged. Of one length in all images.
    pub features: Vec<f64>,
    /// The boxes, by descending score.
    pub boxes: Vec<SeenBox>,
    /// What is seen when the image is changed; none if it was not asked for.
    pub views: Vec<View>,
}

/// An image changed, and what is seen in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// How it was changed: `flip`, `cut_out`, `resize`.
    pub name: String,
    /// The boxes, where they lie in the unchanged image, by descending score.
    pub boxes: Vec<SeenBox>,
}

/// A box with what the detector weighed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenBox {
    /// The box with its class and score.
    pub detection: Detection,
    /// The probability of the background, then of each class.
    pub probabilities: Vec<f64>,
    /// The box as a point: what the detector's last layer knows of it. May be empty.
    pub features: Vec<f64>,
}

impl Evidence {
    /// The entry of an image.
    #[must_use]
    pub fn image(&self, id: &str) -> Option<&ImageEvidence> {
        self.images.iter().find(|image| image.image == id)
    }
}
