//! Convolutional bodies: an image to feature maps of falling resolution. A body knows nothing of boxes.

mod efficientnet_lite;
mod mobilenet_v2;
mod mobilenet_v3;
mod resnet;
mod tiny;

pub(crate) use mobilenet_v2::LAST as MOBILENET_V2_CHANNELS;

use std::fmt::Debug;

use tch::nn::Path;
use tch::{TchError, Tensor};

use crate::config::{Architecture, DetectorConfig};
use crate::mode::Mode;

/// A body.
pub(crate) trait Body: Debug + Send {
    /// Channels of each feature map.
    fn channels(&self) -> Vec<i64>;

    /// `[B, 3, H, W]` to feature maps `[B, C, H/s, W/s]`, the finest first.
    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError>;
}

/// Builds the body that the configuration names.
pub(crate) fn build(path: &Path, config: &DetectorConfig) -> Result<Box<dyn Body>, TchError> {
    let (trainable, norm) = (config.trainable_layers, config.norm_rule());
    Ok(match config.architecture {
        Architecture::Tiny => Box::new(tiny::Tiny::new(path, trainable)?),
        Architecture::EfficientnetLite0 => Box::new(efficientnet_lite::EfficientnetLite0::new(path, trainable, norm)?),
        Architecture::Mobile => Box::new(mobilenet_v2::MobilenetV2::new(path, trainable, norm)?),
        Architecture::FasterrcnnResnet50Fpn | Architecture::FasterrcnnResnet50FpnV2 => {
            Box::new(resnet::Resnet50::new(path, trainable, norm, 0)?)
        }
        // The finest map would bring too many anchors (Lin 2017, focal loss).
        Architecture::RetinanetResnet50Fpn => Box::new(resnet::Resnet50::new(path, trainable, norm, 1)?),
        Architecture::FasterrcnnMobilenetV3Large320Fpn | Architecture::FasterrcnnMobilenetV3LargeFpn => {
            Box::new(mobilenet_v3::MobilenetV3Large::new(path, trainable, norm)?)
        }
    })
}
