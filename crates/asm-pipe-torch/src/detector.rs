//! A detector of either family: images in, losses or boxes out.

use asm_pipe::random::Stream;
use tch::{Tensor, nn};

use crate::config::DetectorConfig;
use crate::faster_rcnn::{DetectorError, FasterRcnn, ImageBoxes, Insight, Losses, Target};
use crate::retina_net::RetinaNet;

/// A network that detects.
#[derive(Debug)]
pub enum Detector {
    /// Two stages: proposals, then what is in them.
    FasterRcnn(Box<FasterRcnn>),
    /// One stage.
    RetinaNet(Box<RetinaNet>),
}

impl Detector {
    /// Builds the network with fresh weights on a path of a variable store (its root gives torchvision's names). Fresh weights
    /// come from libtorch's generator: call `tch::manual_seed` before.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(path: &nn::Path, config: &DetectorConfig) -> Result<Self, DetectorError> {
        Ok(if config.architecture.is_single_stage() {
            Self::RetinaNet(Box::new(RetinaNet::new(path, config)?))
        } else {
            Self::FasterRcnn(Box::new(FasterRcnn::new(path, config)?))
        })
    }

    /// The configuration that the network was built from.
    #[must_use]
    pub fn config(&self) -> &DetectorConfig {
        match self {
            Self::FasterRcnn(network) => network.config(),
            Self::RetinaNet(network) => network.config(),
        }
    }

    /// The losses of a batch of images (`[3, H, W]` f32 in `[0, 1]`, sizes may differ) against their objects.
    ///
    /// # Errors
    /// If an image or a target has a wrong shape, kind or value, or numbers do not match.
    pub fn losses(&self, images: &[Tensor], targets: &[Target], sampler: &mut Stream) -> Result<Losses, DetectorError> {
        match self {
            Self::FasterRcnn(network) => network.losses(images, targets, sampler),
            // It looks at every anchor: nothing is drawn.
            Self::RetinaNet(network) => network.losses(images, targets),
        }
    }

    /// The boxes in each image (`[3, H, W]` f32 in `[0, 1]`, sizes may differ). Keeps no graph.
    ///
    /// # Errors
    /// If an image has a wrong shape or kind.
    pub fn detect(&self, images: &[Tensor]) -> Result<Vec<ImageBoxes>, DetectorError> {
        match self {
            Self::FasterRcnn(network) => network.detect(images),
            Self::RetinaNet(network) => network.detect(images),
        }
    }

    /// Looks once more at an image (`[3, H, W]` f32 in `[0, 1]`) and what [`Self::detect`] found in it. Keeps no graph.
    ///
    /// # Errors
    /// If the image has a wrong shape or kind, or the network has no box head to look with.
    pub fn look_again(&self, image: &Tensor, found: &ImageBoxes) -> Result<Insight, DetectorError> {
        match self {
            Self::FasterRcnn(network) => network.look_again(image, found),
            Self::RetinaNet(_) => Err(DetectorError::Config(
                "a scan looks at boxes with the box head of a Faster R-CNN, and a network of one stage has none".into(),
            )),
        }
    }
}
