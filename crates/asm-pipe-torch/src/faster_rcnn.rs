//! The whole detector: images in, losses or boxes out. It knows no files and no schedule.

use asm_pipe::random::Stream;
use tch::{Tensor, nn};
use thiserror::Error;

use crate::config::DetectorConfig;

/// The objects of one image.
#[derive(Debug)]
pub struct Target {
    /// `[N, 4]` f32, xyxy in pixels of the image as given.
    pub boxes: Tensor,
    /// `[N]` i64, from 1 to the number of classes (0 is the background).
    pub labels: Tensor,
}

/// The four parts of the loss, each a scalar on the network's device.
#[derive(Debug)]
pub struct Losses {
    /// Cross entropy of the box head's classes.
    pub classifier: Tensor,
    /// Smooth L1 of the box head's offsets.
    pub box_reg: Tensor,
    /// Binary cross entropy of the proposals.
    pub objectness: Tensor,
    /// Smooth L1 of the proposals' offsets.
    pub rpn_box_reg: Tensor,
}

impl Losses {
    /// The parts by torchvision's names, as numbers: for progress, and to stop when one is not finite.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("loss_classifier", self.classifier.double_value(&[])),
            ("loss_box_reg", self.box_reg.double_value(&[])),
            ("loss_objectness", self.objectness.double_value(&[])),
            ("loss_rpn_box_reg", self.rpn_box_reg.double_value(&[])),
        ]
    }

    /// The sum of the parts, to take the gradient of.
    #[must_use]
    pub fn total(&self) -> Tensor {
        &self.classifier + &self.box_reg + &self.objectness + &self.rpn_box_reg
    }
}

/// What was found in one image, best first, on the CPU.
#[derive(Debug)]
pub struct ImageBoxes {
    /// `[N, 4]` f32, xyxy in pixels of the image as given.
    pub boxes: Tensor,
    /// `[N]` i64, from 1 (0 is the background).
    pub labels: Tensor,
    /// `[N]` f32 in `[0, 1]`.
    pub scores: Tensor,
}

/// Why a batch or a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DetectorError {
    /// The configuration contradicts itself.
    #[error("the detector's configuration is not usable: {0}")]
    Config(String),
    /// An image has a shape or a kind that the network cannot read.
    #[error("image {at} of the batch: {problem}")]
    Image {
        /// Its place in the batch, from 0.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// The boxes or labels of an image cannot be learned from.
    #[error("target {at} of the batch: {problem}")]
    Target {
        /// Its place in the batch, from 0.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// libtorch refused an operation.
    #[error(transparent)]
    Torch(#[from] tch::TchError),
}

/// Faster R-CNN with a feature pyramid (Ren 2015, Lin 2017), as torchvision defines it.
#[derive(Debug)]
pub struct FasterRcnn {
    config: DetectorConfig,
}

impl FasterRcnn {
    /// Builds the network with fresh weights on a path of a variable store (its root gives torchvision's names). Fresh weights
    /// come from libtorch's generator: call `tch::manual_seed` before.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(path: &nn::Path, config: &DetectorConfig) -> Result<Self, DetectorError> {
        let _ = path;
        Ok(Self { config: config.clone() })
    }

    /// The configuration that the network was built from.
    #[must_use]
    pub fn config(&self) -> &DetectorConfig {
        &self.config
    }

    /// The losses of a batch of images (`[3, H, W]` f32 in `[0, 1]`, sizes may differ) against their objects.
    /// The sampler decides which anchors and proposals take part.
    ///
    /// # Errors
    /// If an image or a target has a wrong shape, kind or value, or numbers do not match.
    pub fn losses(&self, images: &[Tensor], targets: &[Target], sampler: &mut Stream) -> Result<Losses, DetectorError> {
        let _ = (images, targets, sampler);
        Err(DetectorError::Config("not built".into()))
    }

    /// The boxes in each image (`[3, H, W]` f32 in `[0, 1]`, sizes may differ). Keeps no graph.
    ///
    /// # Errors
    /// If an image has a wrong shape or kind.
    pub fn detect(&self, images: &[Tensor]) -> Result<Vec<ImageBoxes>, DetectorError> {
        let _ = images;
        Err(DetectorError::Config("not built".into()))
    }
}
