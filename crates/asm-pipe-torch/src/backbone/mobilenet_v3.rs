//! MobileNetV3-Large (Howard 2019) as in torchvision's detectors: the last two stages are features.

use tch::nn::Path;
use tch::{TchError, Tensor};

use super::Body;
use crate::layers::{BODY_INIT, Convolution, NormRule, NormedConvolution, Shape};
use crate::mode::Mode;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Activation {
    Relu,
    Hardswish,
}

impl Activation {
    fn apply(self, mut input: Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::Relu => input.f_relu_(),
            Self::Hardswish => input.f_hardswish(),
        }
    }
}

/// One row of the paper's table 1: kernel, channels inside, channels out, squeeze and excitation, activation, stride.
type Row = (i64, i64, i64, bool, Activation, i64);

use Activation::{Hardswish, Relu};

const ROWS: [Row; 15] = [
    (3, 16, 16, false, Relu, 1),
    (3, 64, 24, false, Relu, 2),
    (3, 72, 24, false, Relu, 1),
    (5, 72, 40, true, Relu, 2),
    (5, 120, 40, true, Relu, 1),
    (5, 120, 40, true, Relu, 1),
    (3, 240, 80, false, Hardswish, 2),
    (3, 200, 80, false, Hardswish, 1),
    (3, 184, 80, false, Hardswish, 1),
    (3, 184, 80, false, Hardswish, 1),
    (3, 480, 112, true, Hardswish, 1),
    (3, 672, 112, true, Hardswish, 1),
    (5, 672, 160, true, Hardswish, 2),
    (5, 960, 160, true, Hardswish, 1),
    (5, 960, 160, true, Hardswish, 1),
];
const STEM: i64 = 16;
const LAST: i64 = 960;
/// The number of the first layer of each stage: the stem, the blocks with a stride, the last convolution.
const STAGES: [usize; 6] = [0, 2, 4, 7, 13, 16];

#[derive(Debug)]
struct SqueezeExcitation {
    squeeze: Convolution,
    excite: Convolution,
}

impl SqueezeExcitation {
    fn new(path: &Path, channels: i64, learns: bool) -> Result<Self, TchError> {
        let inside = multiple_of_eight(channels / 4);
        let layer =
            |name, from, to| Convolution::with_bias(&path.sub(name), Shape::new(from, to, 1, 1), BODY_INIT, learns);
        Ok(Self {
            squeeze: layer("fc1", channels, inside)?,
            excite: layer("fc2", inside, channels)?,
        })
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let mean = input.f_adaptive_avg_pool2d([1, 1])?;
        let inside = self.squeeze.forward(&mean)?.f_relu_()?;
        self.excite.forward(&inside)?.f_hardsigmoid()?.f_mul(input)
    }
}

/// The nearest multiple of 8 that is not below 90 % (torchvision's `_make_divisible`).
fn multiple_of_eight(channels: i64) -> i64 {
    let rounded = ((channels + 4) / 8 * 8).max(8);
    if rounded * 10 < channels * 9 {
        rounded + 8
    } else {
        rounded
    }
}

#[derive(Debug)]
struct InvertedResidual {
    expand: Option<NormedConvolution>,
    depthwise: NormedConvolution,
    attention: Option<SqueezeExcitation>,
    project: NormedConvolution,
    activation: Activation,
    skips: bool,
}

impl InvertedResidual {
    fn new(path: &Path, input: i64, row: Row, norm: NormRule, learns: bool) -> Result<Self, TchError> {
        let (kernel, inside, output, attends, activation, stride) = row;
        let path = path.sub("block");
        let mut number = 0;
        let mut next = || {
            number += 1;
            path.sub(number - 1)
        };
        let layer = |path: &Path, shape| NormedConvolution::new(&path.sub(0), &path.sub(1), shape, norm, learns);
        let expand = (inside != input)
            .then(|| layer(&next(), Shape::new(input, inside, 1, 1)))
            .transpose()?;
        let depthwise = layer(&next(), Shape::depthwise(inside, kernel, stride))?;
        let attention = attends
            .then(|| SqueezeExcitation::new(&next(), inside, learns))
            .transpose()?;
        let project = layer(&next(), Shape::new(inside, output, 1, 1))?;
        Ok(Self {
            expand,
            depthwise,
            attention,
            project,
            activation,
            skips: stride == 1 && input == output,
        })
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let mut inside = input.shallow_clone();
        if let Some(expand) = &self.expand {
            inside = self.activation.apply(expand.forward(&inside, mode)?)?;
        }
        inside = self.activation.apply(self.depthwise.forward(&inside, mode)?)?;
        if let Some(attention) = &self.attention {
            inside = attention.forward(&inside)?;
        }
        let mut output = self.project.forward(&inside, mode)?;
        if self.skips { output.f_add_(input) } else { Ok(output) }
    }
}

/// MobileNetV3-Large without its classifier.
#[derive(Debug)]
pub(crate) struct MobilenetV3Large {
    stem: NormedConvolution,
    blocks: Vec<InvertedResidual>,
    last: NormedConvolution,
}

impl MobilenetV3Large {
    /// The last `trainable` stages (of six) learn.
    pub(crate) fn new(path: &Path, trainable: usize, norm: NormRule) -> Result<Self, TchError> {
        let frozen = match STAGES.len().checked_sub(trainable) {
            Some(place) => STAGES.get(place).copied().unwrap_or(STAGES[STAGES.len() - 1] + 1),
            None => 0,
        };
        let layer = |number: usize, shape| {
            let path = path.sub(number);
            NormedConvolution::new(&path.sub(0), &path.sub(1), shape, norm, number >= frozen)
        };
        let mut input = STEM;
        let mut blocks = Vec::new();
        for (number, row) in (1..).zip(ROWS) {
            blocks.push(InvertedResidual::new(
                &path.sub(number),
                input,
                row,
                norm,
                number >= frozen,
            )?);
            input = row.2;
        }
        Ok(Self {
            stem: layer(0, Shape::new(3, STEM, 3, 2))?,
            blocks,
            last: layer(STAGES[5], Shape::new(input, LAST, 1, 1))?,
        })
    }
}

impl Body for MobilenetV3Large {
    fn channels(&self) -> Vec<i64> {
        vec![ROWS[STAGES[4] - 1].2, LAST]
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let mut features = Hardswish.apply(self.stem.forward(images, mode)?)?;
        let mut maps = Vec::with_capacity(2);
        for (number, block) in (1..).zip(&self.blocks) {
            features = block.forward(&features, mode)?;
            if number == STAGES[4] {
                maps.push(features.shallow_clone());
            }
        }
        maps.push(Hardswish.apply(self.last.forward(&features, mode)?)?);
        Ok(maps)
    }
}

#[cfg(test)]
mod tests {
    use super::multiple_of_eight;

    #[test]
    fn squeezed_channels_are_multiples_of_eight_not_far_below() {
        assert_eq!([18, 30, 120, 168, 240].map(multiple_of_eight), [24, 32, 120, 168, 240]);
    }
}
