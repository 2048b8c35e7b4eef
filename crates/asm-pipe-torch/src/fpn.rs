//! The feature pyramid (Lin 2017): every level sees the context of the coarser ones.

use tch::nn::Path;
use tch::{TchError, Tensor};

use crate::layers::{Convolution, PYRAMID_INIT, Shape};

/// A pyramid over the feature maps of a body, with one more level pooled from the coarsest.
#[derive(Debug)]
pub(crate) struct FeaturePyramid {
    lateral: Vec<Convolution>,
    output: Vec<Convolution>,
}

impl FeaturePyramid {
    /// `inputs` are the channels of the body's maps, the finest first.
    pub(crate) fn new(path: &Path, inputs: &[i64], channels: i64) -> Result<Self, TchError> {
        let layers = |name: &str, kernel, from: &dyn Fn(i64) -> i64| {
            let path = path.sub(name);
            inputs
                .iter()
                .enumerate()
                .map(|(level, &input)| {
                    let shape = Shape::new(from(input), channels, kernel, 1);
                    Convolution::with_bias(&path.sub(level).sub(0), shape, PYRAMID_INIT, true)
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            lateral: layers("inner_blocks", 1, &|input| input)?,
            output: layers("layer_blocks", 3, &|_| channels)?,
        })
    }

    /// The levels, the finest first, and the pooled one at the end.
    pub(crate) fn forward(&self, maps: &[Tensor]) -> Result<Vec<Tensor>, TchError> {
        let mut levels = Vec::with_capacity(maps.len() + 1);
        let mut above: Option<Tensor> = None;
        for ((map, lateral), output) in maps.iter().zip(&self.lateral).zip(&self.output).rev() {
            let mut merged = lateral.forward(map)?;
            if let Some(above) = above {
                let (_, _, height, width) = merged.size4()?;
                merged = merged.f_add_(&above.f_upsample_nearest2d([height, width], None, None)?)?;
            }
            levels.push(output.forward(&merged)?);
            above = Some(merged);
        }
        levels.reverse();
        if let Some(coarsest) = levels.last() {
            levels.push(coarsest.f_max_pool2d([1, 1], [2, 2], [0, 0], [1, 1], false)?);
        }
        Ok(levels)
    }
}
