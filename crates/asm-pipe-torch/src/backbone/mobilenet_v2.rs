//! MobileNetV2 (Sandler 2018): the features of torchvision's classifier, one map of stride 32.

use tch::nn::Path;
use tch::{TchError, Tensor};

use super::Body;
use crate::layers::{NormRule, NormedConvolution, Shape};
use crate::mode::Mode;

/// Expansion, channels out, repeats, stride: the paper's table 2.
const STAGES: [(i64, i64, usize, i64); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];
const STEM: i64 = 32;
/// Channels of the map.
pub(crate) const LAST: i64 = 1280;
/// The number of the first layer of each part that can be frozen: the stem, the blocks with a stride, the last convolution.
const PARTS: [usize; 6] = [0, 2, 4, 7, 14, 18];

#[derive(Debug)]
struct InvertedResidual {
    expand: Option<NormedConvolution>,
    depthwise: NormedConvolution,
    project: NormedConvolution,
    skips: bool,
}

impl InvertedResidual {
    fn new(
        path: &Path,
        input: i64,
        (expansion, output, stride): (i64, i64, i64),
        norm: NormRule,
        learns: bool,
    ) -> Result<Self, TchError> {
        let path = path.sub("conv");
        let inside = input * expansion;
        let wide = expansion > 1;
        let layer = |number: usize, shape| {
            let path = path.sub(number);
            NormedConvolution::new(&path.sub(0), &path.sub(1), shape, norm, learns)
        };
        let expand = wide.then(|| layer(0, Shape::new(input, inside, 1, 1))).transpose()?;
        let next = usize::from(wide);
        // The last convolution and its norm are not in a layer of their own.
        let (convolution, its_norm) = (path.sub(next + 1), path.sub(next + 2));
        Ok(Self {
            expand,
            depthwise: layer(next, Shape::depthwise(inside, 3, stride))?,
            project: NormedConvolution::new(&convolution, &its_norm, Shape::new(inside, output, 1, 1), norm, learns)?,
            skips: stride == 1 && input == output,
        })
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let mut inside = input.shallow_clone();
        if let Some(expand) = &self.expand {
            inside = expand.forward(&inside, mode)?.f_relu6()?;
        }
        inside = self.depthwise.forward(&inside, mode)?.f_relu6()?;
        let output = self.project.forward(&inside, mode)?;
        if self.skips { output.f_add(input) } else { Ok(output) }
    }
}

/// MobileNetV2 without its classifier.
#[derive(Debug)]
pub(crate) struct MobilenetV2 {
    stem: NormedConvolution,
    blocks: Vec<InvertedResidual>,
    last: NormedConvolution,
}

impl MobilenetV2 {
    /// The last `trainable` parts (of six) learn.
    pub(crate) fn new(path: &Path, trainable: usize, norm: NormRule) -> Result<Self, TchError> {
        let frozen = match PARTS.len().checked_sub(trainable) {
            Some(place) => PARTS.get(place).copied().unwrap_or(PARTS[PARTS.len() - 1] + 1),
            None => 0,
        };
        let layer = |number: usize, shape| {
            let path = path.sub(number);
            NormedConvolution::new(&path.sub(0), &path.sub(1), shape, norm, number >= frozen)
        };
        let mut input = STEM;
        let mut blocks = Vec::new();
        for (expansion, output, repeats, stride) in STAGES {
            for repeat in 0..repeats {
                let number = blocks.len() + 1;
                let row = (expansion, output, if repeat == 0 { stride } else { 1 });
                let block = InvertedResidual::new(&path.sub(number), input, row, norm, number >= frozen)?;
                blocks.push(block);
                input = output;
            }
        }
        Ok(Self {
            stem: layer(0, Shape::new(3, STEM, 3, 2))?,
            blocks,
            last: layer(PARTS[5], Shape::new(input, LAST, 1, 1))?,
        })
    }
}

impl Body for MobilenetV2 {
    fn channels(&self) -> Vec<i64> {
        vec![LAST]
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let mut features = self.stem.forward(images, mode)?.f_relu6()?;
        for block in &self.blocks {
            features = block.forward(&features, mode)?;
        }
        Ok(vec![self.last.forward(&features, mode)?.f_relu6()?])
    }
}
