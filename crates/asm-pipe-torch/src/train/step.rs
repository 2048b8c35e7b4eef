//! One optimizer step: batches in, the parts of the loss out.

use asm_pipe::random::Stream;
use asm_pipe::stage::StageError;
use tch::{Device, Kind, TchError, Tensor};

use super::prepare::Objects;
use crate::augment::Sample;
use crate::faster_rcnn::Target;
use crate::loader::tensor;
use crate::model::Network;
use crate::optimizer::Optimizer;

/// What a batch needs to know besides its images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) seed: u64,
    /// The step it is of, counted from 0 over the whole training.
    pub(super) iteration: u64,
    /// Which of the step's batches it is.
    pub(super) number: u64,
    /// Its share of the step's images.
    pub(super) share: f64,
    /// For the message when the loss is no number.
    pub(super) learning_rate: f64,
    pub(super) device: Device,
}

/// Adds a batch's share to the gradients; gives its share of the parts of the loss.
pub(super) fn add_gradients(
    network: &Network,
    batch: &[(Sample, &Objects)],
    part: Part,
) -> Result<[f64; 4], StageError> {
    let images = batch
        .iter()
        .map(|(sample, _)| tensor(sample, part.device))
        .collect::<Result<Vec<_>, _>>();
    let targets = batch
        .iter()
        .map(|pair| target(pair, part.device))
        .collect::<Result<Vec<_>, _>>();
    let (images, targets) = (images.map_err(|e| torch(&e))?, targets.map_err(|e| torch(&e))?);
    let position = [part.iteration, part.number];
    let position = if part.number == 0 { &position[..1] } else { &position };
    let mut sampler = Stream::new(part.seed, "train/sample", position);
    let losses = network.detector.losses(&images, &targets, &mut sampler);
    let losses = losses.map_err(|e| StageError::new(e.to_string()))?;
    let parts = losses.parts();
    finite(&parts, part)?;
    let total = if part.share == 1.0 {
        losses.total()
    } else {
        losses.total() * part.share
    };
    total.f_backward().map_err(|e| torch(&e))?;
    Ok(parts.map(|(_, value)| value * part.share))
}

/// Moves the weights by the gradients that have come together, and forgets these.
pub(super) fn move_weights(
    optimizer: &mut Optimizer,
    clip_norm: Option<f64>,
    learning_rate: f64,
) -> Result<(), StageError> {
    let moved = clip_norm
        .map_or(Ok(0.0), |limit| optimizer.clip(limit))
        .and_then(|_| optimizer.step(learning_rate));
    optimizer.zero_gradients();
    moved.map_err(|e| torch(&e))
}

fn target((sample, objects): &(Sample, &Objects), device: Device) -> Result<Target, TchError> {
    let edges: Vec<f32> = sample
        .boxes
        .iter()
        .flat_map(|bounds| bounds.xyxy().map(|edge| edge as f32))
        .collect();
    let labels: Vec<i64> = sample.kept.iter().map(|&at| objects.labels[at]).collect();
    Ok(Target {
        boxes: Tensor::f_from_slice(&edges)?.f_view([-1, 4])?.f_to_device(device)?,
        labels: Tensor::f_from_slice(&labels)?
            .f_to_kind(Kind::Int64)?
            .f_to_device(device)?,
        weights: sample.kept.iter().map(|&at| objects.weights[at]).collect(),
    })
}

fn finite(parts: &[(&'static str, f64); 4], part: Part) -> Result<(), StageError> {
    if parts.iter().all(|(_, value)| value.is_finite()) {
        return Ok(());
    }
    let shown: Vec<String> = parts.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let (iteration, rate) = (part.iteration + 1, part.learning_rate);
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
    use super::{Part, add_gradients, finite};
    use crate::augment::Sample;
    use crate::config::{Architecture, DetectorConfig};
    use crate::model::Network;
    use crate::train::prepare::Objects;
    use asm_pipe::detection::BoundingBox;
    use std::collections::BTreeMap;
    use tch::{Device, Tensor};

    const PART: Part = Part {
        seed: 0,
        iteration: 6,
        number: 0,
        share: 1.0,
        learning_rate: 0.5,
        device: Device::Cpu,
    };

    #[test]
    fn a_loss_that_is_not_a_number_is_named_by_its_parts() {
        let parts = [
            ("loss_classifier", 0.5),
            ("loss_box_reg", f64::NAN),
            ("loss_objectness", 0.1),
            ("x", 0.0),
        ];
        let error = finite(&parts, PART).unwrap_err();
        assert!(
            error.message.contains("iteration 7") && error.message.contains("loss_box_reg NaN"),
            "{error}"
        );
        assert!(error.hints[0].contains("clip_norm"));
    }

    /// A network in which each image brings as many candidates into the losses: all of its anchors, one proposal and its object.
    fn network() -> Network {
        let config = DetectorConfig {
            min_size: 64,
            max_size: 64,
            rpn_post_nms_top_n_train: 1,
            rpn_batch_size_per_image: 1 << 20,
            box_batch_size_per_image: 1 << 20,
            ..DetectorConfig::new(Architecture::Tiny, 3)
        };
        Network::new(&config, Device::Cpu).unwrap()
    }

    fn sample(phase: usize) -> Sample {
        Sample {
            width: 64,
            height: 64,
            planes: (0..3 * 64 * 64)
                .map(|at| (at * (7 + phase) % 97) as f32 / 97.0)
                .collect(),
            boxes: vec![BoundingBox::new([8.0, 10.0, 40.0, 44.0])],
            kept: vec![0],
        }
    }

    fn objects(weight: f32) -> Objects {
        Objects {
            boxes: Vec::new(),
            labels: vec![1],
            weights: vec![weight],
        }
    }

    fn gradients(network: &Network) -> BTreeMap<String, Tensor> {
        let variables = network.store.variables().into_iter();
        let found = variables
            .filter(|(_, variable)| variable.requires_grad())
            .map(|(name, mut variable)| {
                let gradient = variable.grad().copy();
                variable.zero_grad();
                (name, gradient)
            });
        found.collect()
    }

    #[test]
    fn accumulated_batches_make_the_gradients_of_one_large_batch() {
        let network = network();
        let (one, human) = (objects(1.0), objects(1.0));
        let whole = add_gradients(&network, &[(sample(0), &one), (sample(1), &human)], PART).unwrap();
        let expected = gradients(&network);
        let half = |number| Part {
            number,
            share: 0.5,
            ..PART
        };
        let first = add_gradients(&network, &[(sample(0), &one)], half(0)).unwrap();
        let second = add_gradients(&network, &[(sample(1), &human)], half(1)).unwrap();
        for ((a, b), whole) in first.iter().zip(&second).zip(&whole) {
            assert!(
                (a + b - whole).abs() < 1e-5 * whole.abs().max(1e-3),
                "{first:?} {second:?} {whole}"
            );
        }
        for (name, found) in gradients(&network) {
            let expected = &expected[&name];
            let difference = (&found - expected).abs().max().double_value(&[]);
            let scale = expected.abs().max().double_value(&[]);
            assert!(
                scale > 0.0 && difference <= 1e-3 * scale,
                "{name}: {difference} of {scale}"
            );
        }
    }

    #[test]
    fn a_box_that_counts_half_pulls_half() {
        let network = network();
        let [of_whole, of_half, of_none] = [1.0, 0.5, 0.0].map(|weight| {
            let objects = objects(weight);
            let parts = add_gradients(&network, &[(sample(0), &objects)], PART).unwrap();
            let _ = gradients(&network);
            parts
        });
        // Offsets are of objects only: the losses go with the weight. Classes and objectness have background beside them.
        for offsets in [1, 3] {
            assert!(of_whole[offsets] > 0.0 && of_none[offsets] == 0.0);
            assert!((of_half[offsets] - of_whole[offsets] / 2.0).abs() < 1e-6);
        }
        for mixed in [0, 2] {
            assert!(of_none[mixed] < of_half[mixed] && of_half[mixed] < of_whole[mixed]);
            let middle = (of_none[mixed] + of_whole[mixed]) / 2.0;
            assert!((of_half[mixed] - middle).abs() < 1e-5);
        }
    }
}
