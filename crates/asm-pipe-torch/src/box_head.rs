//! The hidden layers between pooled boxes and what is said about them.

use tch::nn::Path;
use tch::{TchError, Tensor};

use crate::config::DetectorConfig;
use crate::layers::{Linear, NormedConvolution, Shape};
use crate::mode::Mode;

/// Bins along each side of a pooled box.
pub(crate) const POOLED: i64 = 7;
/// Convolutions of torchvision's second version.
const CONVOLUTIONS: usize = 4;

/// `[R, C, 7, 7]` to `[R, width]`; linear layers also take `[R, C * 7 * 7]`.
#[derive(Debug)]
pub(crate) enum BoxHead {
    /// Two fully connected layers (torchvision's `TwoMLPHead`).
    Linear([Linear; 2]),
    /// Four convolutions with batch norm and one fully connected layer (torchvision's `FastRCNNConvFCHead`).
    Convolved(Vec<NormedConvolution>, Linear),
}

impl BoxHead {
    /// On the path of the head.
    pub(crate) fn new(path: &Path, config: &DetectorConfig) -> Result<Self, TchError> {
        let (channels, width) = (config.level_channels(), config.head_width);
        let pooled = channels * POOLED * POOLED;
        if !config.architecture.norms_heads() {
            let first = Linear::new(&path.sub("fc6"), pooled, width)?;
            return Ok(Self::Linear([first, Linear::new(&path.sub("fc7"), width, width)?]));
        }
        let convolutions = (0..CONVOLUTIONS)
            .map(|number| {
                let (path, shape) = (path.sub(number), Shape::new(channels, channels, 3, 1));
                NormedConvolution::new(&path.sub(0), &path.sub(1), shape, config.norm_rule(), true)
            })
            .collect::<Result<_, _>>()?;
        // In torchvision's numbering a layer that flattens comes between.
        let last = Linear::new(&path.sub(CONVOLUTIONS + 1), pooled, width)?;
        Ok(Self::Convolved(convolutions, last))
    }

    /// Whether it does not matter to the first layer where in its box a feature was.
    pub(crate) fn takes_rows(&self) -> bool {
        matches!(self, Self::Linear(_))
    }

    /// The features of the boxes.
    pub(crate) fn forward(&self, pooled: Tensor, mode: Mode) -> Result<Tensor, TchError> {
        match self {
            Self::Linear(layers) => {
                let mut features = pooled.f_flatten(1, -1)?;
                for layer in layers {
                    features = layer.forward(&features)?.f_relu_()?;
                }
                Ok(features)
            }
            Self::Convolved(convolutions, last) => {
                let mut features = pooled;
                for layer in convolutions {
                    features = layer.forward(&features, mode)?.f_relu_()?;
                }
                last.forward(&features.f_flatten(1, -1)?)?.f_relu_()
            }
        }
    }
}
