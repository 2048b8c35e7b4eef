//! Convolutional bodies: an image to feature maps of falling resolution. A body knows nothing of boxes.

mod efficientnet_lite;
mod mobilenet_v3;
mod resnet;
mod tiny;

use std::fmt::Debug;

use tch::nn::Path;
use tch::{TchError, Tensor};

use crate::config::{Architecture, DetectorConfig};

/// A body.
pub(crate) trait Body: Debug + Send {
    /// Channels of each feature map.
    fn channels(&self) -> Vec<i64>;

    /// `[B, 3, H, W]` to feature maps `[B, C, H/s, W/s]`, the finest first.
    fn forward(&self, images: &Tensor) -> Result<Vec<Tensor>, TchError>;
}

/// Builds the body that the configuration names.
pub(crate) fn build(path: &Path, config: &DetectorConfig) -> Result<Box<dyn Body>, TchError> {
    let (trainable, epsilon) = (config.trainable_layers, config.batch_norm_epsilon);
    Ok(match config.architecture {
        Architecture::Tiny => Box::new(tiny::Tiny::new(path, trainable)?),
        Architecture::EfficientnetLite0 => {
            Box::new(efficientnet_lite::EfficientnetLite0::new(path, trainable, epsilon)?)
        }
        Architecture::FasterrcnnResnet50Fpn => Box::new(resnet::Resnet50::new(path, trainable, epsilon)?),
        Architecture::FasterrcnnMobilenetV3Large320Fpn | Architecture::FasterrcnnMobilenetV3LargeFpn => {
            Box::new(mobilenet_v3::MobilenetV3Large::new(path, trainable, epsilon)?)
        }
    })
}
