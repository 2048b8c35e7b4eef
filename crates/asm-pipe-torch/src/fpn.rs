//! The feature pyramid (Lin 2017): every level sees the context of the coarser ones.

use tch::nn::Path;
use tch::{TchError, Tensor};

use crate::config::{DetectorConfig, TopLevels};
use crate::layers::{Convolution, NormedConvolution, PYRAMID_INIT, Shape};
use crate::mode::Mode;

/// A convolution of the pyramid: with a bias, or with batch norm.
#[derive(Debug)]
enum Layer {
    Plain(Convolution),
    Normed(NormedConvolution),
}

/// What follows the coarsest level.
#[derive(Debug)]
enum Top {
    /// One level more, every second value of the coarsest.
    Pooled,
    /// Two levels more, each convolved from the one before (torchvision's `LastLevelP6P7`).
    Convolved {
        from: TopLevels,
        sixth: Convolution,
        seventh: Convolution,
    },
}

/// A pyramid over the feature maps of a body.
#[derive(Debug)]
pub(crate) struct FeaturePyramid {
    lateral: Vec<Layer>,
    output: Vec<Layer>,
    top: Top,
}

impl FeaturePyramid {
    /// `inputs` are the channels of the body's maps, the finest first.
    pub(crate) fn new(path: &Path, inputs: &[i64], config: &DetectorConfig) -> Result<Self, TchError> {
        let channels = config.fpn_channels;
        let layers = |name: &str, kernel, from: &dyn Fn(i64) -> i64| {
            let path = path.sub(name);
            inputs
                .iter()
                .enumerate()
                .map(|(level, &input)| {
                    let shape = Shape::new(from(input), channels, kernel, 1);
                    Layer::new(&path.sub(level), shape, config)
                })
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            lateral: layers("inner_blocks", 1, &|input| input)?,
            output: layers("layer_blocks", 3, &|_| channels)?,
            top: Top::new(&path.sub("extra_blocks"), inputs.last().copied().unwrap_or(0), config)?,
        })
    }

    /// How many levels it adds to the body's maps.
    pub(crate) fn added(&self) -> usize {
        match self.top {
            Top::Pooled => 1,
            Top::Convolved { .. } => 2,
        }
    }

    /// The levels, the finest first, with those of the top at the end.
    pub(crate) fn forward(&self, maps: &[Tensor], mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let mut levels = Vec::with_capacity(maps.len() + 2);
        let mut above: Option<Tensor> = None;
        for ((map, lateral), output) in maps.iter().zip(&self.lateral).zip(&self.output).rev() {
            let mut merged = lateral.forward(map, mode)?;
            if let Some(above) = above {
                let (_, _, height, width) = merged.size4()?;
                merged = merged.f_add_(&above.f_upsample_nearest2d([height, width], None, None)?)?;
            }
            levels.push(output.forward(&merged, mode)?);
            above = Some(merged);
        }
        levels.reverse();
        if let (Some(coarsest), Some(map)) = (levels.last(), maps.last()) {
            let added = self.top.forward(coarsest, map)?;
            levels.extend(added);
        }
        Ok(levels)
    }
}

impl Layer {
    fn new(path: &Path, shape: Shape, config: &DetectorConfig) -> Result<Self, TchError> {
        Ok(if config.architecture.norms_heads() {
            let norm = config.norm_rule();
            Self::Normed(NormedConvolution::with_init(
                &path.sub(0),
                &path.sub(1),
                shape,
                PYRAMID_INIT,
                norm,
                true,
            )?)
        } else {
            Self::Plain(Convolution::with_bias(&path.sub(0), shape, PYRAMID_INIT, true)?)
        })
    }

    fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor, TchError> {
        match self {
            Self::Plain(layer) => layer.forward(input),
            Self::Normed(layer) => layer.forward(input, mode),
        }
    }
}

impl Top {
    /// `deepest` are the channels of the body's last map.
    fn new(path: &Path, deepest: i64, config: &DetectorConfig) -> Result<Self, TchError> {
        if !config.architecture.is_single_stage() {
            return Ok(Self::Pooled);
        }
        let channels = config.fpn_channels;
        let input = match config.top_levels_on {
            TopLevels::P5 => channels,
            TopLevels::C5 => deepest,
        };
        let layer = |name: &str, input| {
            let shape = Shape::new(input, channels, 3, 2);
            Convolution::with_bias(&path.sub(name), shape, PYRAMID_INIT, true)
        };
        Ok(Self::Convolved {
            from: config.top_levels_on,
            sixth: layer("p6", input)?,
            seventh: layer("p7", channels)?,
        })
    }

    fn forward(&self, coarsest: &Tensor, map: &Tensor) -> Result<Vec<Tensor>, TchError> {
        match self {
            Self::Pooled => Ok(vec![coarsest.f_max_pool2d([1, 1], [2, 2], [0, 0], [1, 1], false)?]),
            Self::Convolved { from, sixth, seventh } => {
                let input = match from {
                    TopLevels::P5 => coarsest,
                    TopLevels::C5 => map,
                };
                let sixth = sixth.forward(input)?;
                let seventh = seventh.forward(&sixth.f_relu()?)?;
                Ok(vec![sixth, seventh])
            }
        }
    }
}
