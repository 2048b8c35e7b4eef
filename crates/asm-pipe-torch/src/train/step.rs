//! One optimizer step: a batch in, four numbers out.

use asm_pipe::random::Stream;
use asm_pipe::stage::StageError;
use tch::{Device, Kind, TchError, Tensor};

use super::prepare::Objects;
use crate::augment::Sample;
use crate::faster_rcnn::Target;
use crate::loader::tensor;
use crate::model::Network;
use crate::optimizer::Optimizer;

/// What a step needs to know besides its batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) seed: u64,
    /// Counted from 0 over the whole training.
    pub(super) iteration: u64,
    pub(super) learning_rate: f64,
    pub(super) clip_norm: Option<f64>,
    pub(super) device: Device,
}

/// Moves the weights once; gives the parts of the loss before the move.
pub(super) fn step(
    network: &Network,
    optimizer: &mut Optimizer,
    batch: &[(Sample, &Objects)],
    step: Step,
) -> Result<[f64; 4], StageError> {
    let images = batch
        .iter()
        .map(|(sample, _)| tensor(sample, step.device))
        .collect::<Result<Vec<_>, _>>();
    let targets = batch
        .iter()
        .map(|pair| target(pair, step.device))
        .collect::<Result<Vec<_>, _>>();
    let (images, targets) = (images.map_err(|e| torch(&e))?, targets.map_err(|e| torch(&e))?);
    let mut sampler = Stream::new(step.seed, "train/sample", &[step.iteration]);
    let losses = network.detector.losses(&images, &targets, &mut sampler);
    let losses = losses.map_err(|e| StageError::new(e.to_string()))?;
    let parts = losses.parts();
    finite(&parts, step)?;
    move_weights(&losses.total(), optimizer, step).map_err(|e| torch(&e))?;
    Ok(parts.map(|(_, value)| value))
}

fn move_weights(loss: &Tensor, optimizer: &mut Optimizer, step: Step) -> Result<(), TchError> {
    optimizer.zero_gradients();
    loss.f_backward()?;
    if let Some(limit) = step.clip_norm {
        optimizer.clip(limit)?;
    }
    optimizer.step(step.learning_rate)
}

fn target((sample, objects): &(Sample, &Objects), device: Device) -> Result<Target, TchError> {
    let edges: Vec<f32> = sample
        .boxes
        .iter()
        .flat_map(|bounds| bounds.xyxy().map(|edge| edge as f32))
        .collect();
    Ok(Target {
        boxes: Tensor::f_from_slice(&edges)?.f_view([-1, 4])?.f_to_device(device)?,
        labels: Tensor::f_from_slice(&objects.labels)?
            .f_to_kind(Kind::Int64)?
            .f_to_device(device)?,
    })
}

fn finite(parts: &[(&'static str, f64); 4], step: Step) -> Result<(), StageError> {
    if parts.iter().all(|(_, value)| value.is_finite()) {
        return Ok(());
    }
    let shown: Vec<String> = parts.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let (iteration, rate) = (step.iteration + 1, step.learning_rate);
    Err(StageError::new(format!(
        "the loss is not a finite number in iteration {iteration} (learning rate {rate:.2e}): {}",
        shown.join(", ")
    ))
    .hint("lower `learning_rate`, raise `warm_up_iterations`, or set `clip_norm`"))
}

fn torch(error: &TchError) -> StageError {
    StageError::new(format!("libtorch: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{Step, finite};
    use tch::Device;

    #[test]
    fn a_loss_that_is_not_a_number_is_named_by_its_parts() {
        let step = Step {
            seed: 0,
            iteration: 6,
            learning_rate: 0.5,
            clip_norm: None,
            device: Device::Cpu,
        };
        let parts = [
            ("loss_classifier", 0.5),
            ("loss_box_reg", f64::NAN),
            ("loss_objectness", 0.1),
            ("x", 0.0),
        ];
        let error = finite(&parts, step).unwrap_err();
        assert!(
            error.message.contains("iteration 7") && error.message.contains("loss_box_reg NaN"),
            "{error}"
        );
        assert!(error.hints[0].contains("clip_norm"));
    }
}
