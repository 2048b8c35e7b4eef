//! ResNet-50 (He 2016), stride in the 3×3 convolutions, as in torchvision's detectors.

use tch::nn::Path;
use tch::{TchError, Tensor};

use super::Body;
use crate::layers::{NormRule, NormedConvolution, Shape};
use crate::mode::Mode;

/// Channels inside the blocks, and number of blocks, of each stage.
const STAGES: [(i64, usize); 4] = [(64, 3), (128, 4), (256, 6), (512, 3)];
const EXPANSION: i64 = 4;

#[derive(Debug)]
struct Bottleneck {
    reduce: NormedConvolution,
    spatial: NormedConvolution,
    expand: NormedConvolution,
    downsample: Option<NormedConvolution>,
}

impl Bottleneck {
    fn new(path: &Path, input: i64, width: i64, stride: i64, norm: NormRule, learns: bool) -> Result<Self, TchError> {
        let layer = |number: usize, shape| {
            let (convolution, its_norm) = (format!("conv{number}"), format!("bn{number}"));
            NormedConvolution::new(&path.sub(convolution), &path.sub(its_norm), shape, norm, learns)
        };
        let output = width * EXPANSION;
        let shortcut = path.sub("downsample");
        let downsample = (stride != 1 || input != output)
            .then(|| {
                let shape = Shape::new(input, output, 1, stride);
                NormedConvolution::new(&shortcut.sub(0), &shortcut.sub(1), shape, norm, learns)
            })
            .transpose()?;
        Ok(Self {
            reduce: layer(1, Shape::new(input, width, 1, 1))?,
            spatial: layer(2, Shape::new(width, width, 3, stride))?,
            expand: layer(3, Shape::new(width, output, 1, 1))?,
            downsample,
        })
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        let inside = self.reduce.forward(input, mode)?.f_relu_()?;
        let inside = self.spatial.forward(&inside, mode)?.f_relu_()?;
        let mut output = self.expand.forward(&inside, mode)?;
        match &self.downsample {
            Some(downsample) => output.f_add_(&downsample.forward(input, mode)?)?.f_relu_(),
            None => output.f_add_(input)?.f_relu_(),
        }
    }
}

/// ResNet-50 without its classifier.
#[derive(Debug)]
pub(crate) struct Resnet50 {
    stem: NormedConvolution,
    stages: Vec<Vec<Bottleneck>>,
    /// The first stage whose map is given.
    first: usize,
}

impl Resnet50 {
    /// The last `trainable` of (stem, stage 1, .. stage 4) learn. Maps are given from the stage `first` on, counted from 0.
    pub(crate) fn new(path: &Path, trainable: usize, norm: NormRule, first: usize) -> Result<Self, TchError> {
        let stem = NormedConvolution::new(
            &path.sub("conv1"),
            &path.sub("bn1"),
            Shape::new(3, 64, 7, 2),
            norm,
            trainable > STAGES.len(),
        )?;
        let mut input = 64;
        let mut stages = Vec::new();
        for (place, (width, count)) in STAGES.into_iter().enumerate() {
            let path = path.sub(format!("layer{}", place + 1));
            let learns = trainable >= STAGES.len() - place;
            let mut blocks = Vec::new();
            for number in 0..count {
                let stride = if number == 0 && place > 0 { 2 } else { 1 };
                blocks.push(Bottleneck::new(&path.sub(number), input, width, stride, norm, learns)?);
                input = width * EXPANSION;
            }
            stages.push(blocks);
        }
        Ok(Self { stem, stages, first })
    }
}

impl Body for Resnet50 {
    fn channels(&self) -> Vec<i64> {
        STAGES[self.first..]
            .iter()
            .map(|(width, _)| width * EXPANSION)
            .collect()
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let stem = self.stem.forward(images, mode)?.f_relu_()?;
        let mut features = stem.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?;
        let mut maps = Vec::with_capacity(self.stages.len());
        for (place, stage) in self.stages.iter().enumerate() {
            for block in stage {
                features = block.forward(&features, mode)?;
            }
            if place >= self.first {
                maps.push(features.shallow_clone());
            }
        }
        Ok(maps)
    }
}
