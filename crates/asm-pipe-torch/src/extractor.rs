//! The convolutional part of a detector: a body, and the pyramid over it if there is one.

use tch::nn::Path;
use tch::{Kind, TchError, Tensor};

use crate::backbone::{self, Body};
use crate::config::{DetectorConfig, Precision};
use crate::fpn::FeaturePyramid;
use crate::mode::Mode;

/// From a batch to feature levels.
#[derive(Debug)]
pub(crate) struct Extractor {
    body: Box<dyn Body>,
    pyramid: Option<FeaturePyramid>,
    kind: Kind,
}

impl Extractor {
    /// On `body` and `fpn` of this path; without a pyramid the body is on the path itself.
    pub(crate) fn new(path: &Path, config: &DetectorConfig) -> Result<Self, TchError> {
        let (body, pyramid) = if config.architecture.has_pyramid() {
            let body = backbone::build(&path.sub("body"), config)?;
            let pyramid = FeaturePyramid::new(&path.sub("fpn"), &body.channels(), config)?;
            (body, Some(pyramid))
        } else {
            (backbone::build(path, config)?, None)
        };
        let kind = match config.precision {
            Precision::Float32 => Kind::Float,
            Precision::Bfloat16 => Kind::BFloat16,
        };
        Ok(Self { body, pyramid, kind })
    }

    /// How many levels it gives.
    pub(crate) fn levels(&self) -> usize {
        self.maps() + self.pyramid.as_ref().map_or(0, FeaturePyramid::added)
    }

    /// How many of them, from the finest, come from maps of the body: those that boxes are pooled from.
    pub(crate) fn maps(&self) -> usize {
        self.body.channels().len()
    }

    /// `[B, 3, H, W]` to the levels `[B, C, H/s, W/s]`, the finest first, in the kind that the network computes in.
    pub(crate) fn forward(&self, batch: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let maps = self.body.forward(&batch.f_to_kind(self.kind)?, mode)?;
        match &self.pyramid {
            Some(pyramid) => pyramid.forward(&maps, mode),
            None => Ok(maps),
        }
    }
}
