//! The convolutional part of a detector: a body, and the pyramid over it if there is one.

use tch::nn::Path;
use tch::{TchError, Tensor};

use crate::backbone::{self, Body};
use crate::config::DetectorConfig;
use crate::fpn::FeaturePyramid;
use crate::mode::Mode;

/// From a batch to feature levels.
#[derive(Debug)]
pub(crate) struct Extractor {
    body: Box<dyn Body>,
    pyramid: Option<FeaturePyramid>,
}

impl Extractor {
    /// On `body` and `fpn` of this path; without a pyramid the body is on the path itself.
    pub(crate) fn new(path: &Path, config: &DetectorConfig) -> Result<Self, TchError> {
        if !config.architecture.has_pyramid() {
            let body = backbone::build(path, config)?;
            return Ok(Self { body, pyramid: None });
        }
        let body = backbone::build(&path.sub("body"), config)?;
        let pyramid = FeaturePyramid::new(&path.sub("fpn"), &body.channels(), config)?;
        Ok(Self {
            body,
            pyramid: Some(pyramid),
        })
    }

    /// How many levels it gives.
    pub(crate) fn levels(&self) -> usize {
        self.maps() + self.pyramid.as_ref().map_or(0, FeaturePyramid::added)
    }

    /// How many of them, from the finest, come from maps of the body: those that boxes are pooled from.
    pub(crate) fn maps(&self) -> usize {
        self.body.channels().len()
    }

    /// `[B, 3, H, W]` to the levels `[B, C, H/s, W/s]`, the finest first.
    pub(crate) fn forward(&self, batch: &Tensor, mode: Mode) -> Result<Vec<Tensor>, TchError> {
        let maps = self.body.forward(batch, mode)?;
        match &self.pyramid {
            Some(pyramid) => pyramid.forward(&maps, mode),
            None => Ok(maps),
        }
    }
}
