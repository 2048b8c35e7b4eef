//! A small residual network with group norm that learns to detect from scratch on a few hundred small images.

use tch::nn::Path;
use tch::{TchError, Tensor};

use super::Body;
use crate::layers::{GroupNormedConvolution, Shape};
use crate::mode::Mode;

const STEM: i64 = 24;
/// Channels of strides 4, 8 and 16.
const STAGES: [i64; 3] = [32, 64, 96];

/// A convolution that halves the resolution, then one residual pair.
#[derive(Debug)]
struct Stage {
    down: GroupNormedConvolution,
    first: GroupNormedConvolution,
    second: GroupNormedConvolution,
}

impl Stage {
    fn new(path: &Path, input: i64, output: i64, learns: bool) -> Result<Self, TchError> {
        let layer = |name, from, stride| {
            GroupNormedConvolution::new(&path.sub(name), Shape::new(from, output, 3, stride), learns)
        };
        Ok(Self {
            down: layer("down", input, 2)?,
            first: layer("first", output, 1)?,
            second: layer("second", output, 1)?,
        })
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor, TchError> {
        let base = self.down.forward(input)?.f_relu()?;
        let inside = self.first.forward(&base)?.f_relu()?;
        self.second.forward(&inside)?.f_add(&base)?.f_relu()
    }
}

/// The body of the `tiny` architecture.
#[derive(Debug)]
pub(crate) struct Tiny {
    stem: GroupNormedConvolution,
    stages: Vec<Stage>,
}

impl Tiny {
    /// The last `trainable` of (stem, stride 4, 8, 16) learn.
    pub(crate) fn new(path: &Path, trainable: usize) -> Result<Self, TchError> {
        let stem = GroupNormedConvolution::new(&path.sub("stem"), Shape::new(3, STEM, 3, 2), trainable > STAGES.len())?;
        let mut input = STEM;
        let mut stages = Vec::new();
        for (place, output) in STAGES.into_iter().enumerate() {
            let path = path.sub(format!("stage{}", place + 1));
            stages.push(Stage::new(&path, input, output, trainable >= STAGES.len() - place)?);
            input = output;
        }
        Ok(Self { stem, stages })
    }
}

impl Body for Tiny {
    fn channels(&self) -> Vec<i64> {
        STAGES.to_vec()
    }

    fn forward(&self, images: &Tensor, _: Mode) -> Result<Vec<Tensor>, TchError> {
        let mut features = self.stem.forward(images)?.f_relu()?;
        let mut maps = Vec::with_capacity(STAGES.len());
        for stage in &self.stages {
            features = stage.forward(&features)?;
            maps.push(features.shallow_clone());
        }
        Ok(maps)
    }
}
