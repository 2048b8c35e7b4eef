//! EfficientNet-Lite0 (Tan and Le 2019, without squeeze and excitation, ReLU6 for swish).
//! Names as in the weights that lukemelas' and rwightman's lines of PyTorch ports publish.

use tch::nn::Path;
use tch::{TchError, Tensor};

use super::Body;
use crate::layers::{NormRule, NormedConvolution, Padding, Shape};
use crate::mode::Mode;

/// Kernel, stride, expansion, channels out, repeats.
const STAGES: [(i64, i64, i64, i64, usize); 7] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];
const STEM: i64 = 32;
/// The last block of strides 4, 8, 16 and 32, and its channels.
const FEATURES: [(usize, i64); 4] = [(2, 24), (4, 40), (10, 112), (15, 320)];

#[derive(Debug)]
struct Block {
    expand: Option<NormedConvolution>,
    depthwise: NormedConvolution,
    project: NormedConvolution,
    skips: bool,
}

impl Block {
    fn new(
        path: &Path,
        input: i64,
        stage: (i64, i64, i64, i64),
        norm: NormRule,
        learns: bool,
    ) -> Result<Self, TchError> {
        let (kernel, stride, expansion, output) = stage;
        let layer = |convolution: &str, its_norm: &str, shape| {
            NormedConvolution::new(&path.sub(convolution), &path.sub(its_norm), shape, norm, learns)
        };
        let inside = input * expansion;
        let expand = (expansion > 1)
            .then(|| layer("_expand_conv", "_bn0", Shape::new(input, inside, 1, 1)))
            .transpose()?;
        let depthwise = Shape::depthwise(inside, kernel, stride).padded(Padding::Same);
        Ok(Self {
            expand,
            depthwise: layer("_depthwise_conv", "_bn1", depthwise)?,
            project: layer("_project_conv", "_bn2", Shape::new(inside, output, 1, 1))?,
            skips: stride == 1 && input == output,
        })
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let mut inside = input.shallow_clone();
        if let Some(expand) = &self.expand {
            inside = expand.forward(&inside, mode)?.f_relu6()?;
        }
        inside = self.depthwise.forward(&inside, mode)?.f_relu6()?;
        let mut output = self.project.forward(&inside, mode)?;
        if self.skips { output.f_add_(input) } else { Ok(output) }
    }
}

/// EfficientNet-Lite0 without its last convolution and classifier.
#[derive(Debug)]
pub(crate) struct EfficientnetLite0 {
    stem: NormedConvolution,
    blocks: Vec<Block>,
}

impl EfficientnetLite0 {
    /// The last `trainable` of five parts learn: stem and first block, then one part a feature map.
    pub(crate) fn new(path: &Path, trainable: usize, norm: NormRule) -> Result<Self, TchError> {
        let learns = |block: usize| {
            let deeper = FEATURES.iter().filter(|&&(last, _)| last >= block).count();
            let part = if block == 0 { FEATURES.len() + 1 } else { deeper };
            trainable >= part
        };
        let stem = Shape::new(3, STEM, 3, 2).padded(Padding::Same);
        let stem = NormedConvolution::new(&path.sub("_conv_stem"), &path.sub("_bn0"), stem, norm, learns(0))?;
        let path = path.sub("_blocks");
        let mut input = STEM;
        let mut blocks = Vec::new();
        for (kernel, stride, expansion, output, repeats) in STAGES {
            for repeat in 0..repeats {
                let number = blocks.len();
                let stride = if repeat == 0 { stride } else { 1 };
                let stage = (kernel, stride, expansion, output);
                blocks.push(Block::new(&path.sub(number), input, stage, norm, learns(number))?);
                input = output;
            }
        }
        Ok(Self { stem, blocks })
    }
}

impl Body for EfficientnetLite0 {
    fn channels(&self) -> Vec<i64> {
        FEATURES.iter().map(|&(_, channels)| channels).collect()
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let mut features = self.stem.forward(images, mode)?.f_relu6()?;
        let mut maps = Vec::with_capacity(FEATURES.len());
        for (number, block) in self.blocks.iter().enumerate() {
            features = block.forward(&features, mode)?;
            if FEATURES.iter().any(|&(last, _)| last == number) {
                maps.push(features.shallow_clone());
            }
        }
        Ok(maps)
    }
}
