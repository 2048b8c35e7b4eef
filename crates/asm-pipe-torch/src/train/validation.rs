//! AP on the validation images during a training: the same detections that kind `detect` would make.

use asm_pipe::detection::Detections;
use asm_pipe::detection::metrics::{Protocol, Scenes, score};
use asm_pipe::stage::StageError;
use tch::Device;

use super::prepare::Validation;
use crate::inference::{self, Settings};
use crate::model::Model;

/// What is measured; none when the images hold nothing to find.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) ap50: Option<f64>,
    pub(super) ap75: Option<f64>,
    pub(super) ap: Option<f64>,
}

/// Measures a model. Changes libtorch's count of threads.
pub(super) fn measure(
    model: Model,
    validation: &Validation,
    device: Device,
    threads: usize,
) -> Result<Figures, StageError> {
    let list: Vec<_> = validation
        .dataset
        .images
        .iter()
        .map(|entry| entry.image.clone())
        .collect();
    let settings = Settings { batch_size: 1, threads };
    let network = model.into_network(device)?;
    let images = inference::detect(network, &list, &validation.images, settings, &|_| Ok(()))?;
    let detections = Detections {
        classes: validation.dataset.classes.clone(),
        images,
    };
    let scenes = Scenes::new(&validation.dataset, &detections).map_err(|e| StageError::new(e.to_string()))?;
    let report = score(&scenes, Protocol::Coco);
    let figure = |name: &str| report.figures.get(name).copied().flatten();
    Ok(Figures {
        ap50: figure("ap50"),
        ap75: figure("ap75"),
        ap: figure("ap"),
    })
}
