//! The networks against torchvision's answers, under weights that follow from the parameters' names.
//!
//! `tests/golden/*.safetensors` hold what torchvision 0.28 computed; `torchvision_detectors.py` and `torchvision_units.py` there made
//! those of the newer models and of the small parts. Frozen parts, sizes and thresholds are theirs.

mod faster_rcnn;
pub(crate) mod named_weights;
mod names;
mod retina_net;
mod units;

use std::collections::BTreeMap;
use std::path::PathBuf;

use asm_pipe::random::Stream;
use tch::{Device, Kind, Tensor, nn};

use crate::boxes;
use crate::config::{Architecture, BatchNorm, DetectorConfig};
use crate::detector::Detector;
use crate::faster_rcnn::Target;
use named_weights::fill;

type Golden = BTreeMap<String, Tensor>;

fn golden_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn golden(name: &str) -> Golden {
    let path = golden_file(&format!("{name}.safetensors"));
    Tensor::read_safetensors(path).unwrap().into_iter().collect()
}

/// Every k-th value, as few as torchvision's side has taken.
fn sample(tensor: &Tensor, expected: &Tensor) -> Tensor {
    let flat = tensor.detach().contiguous().view([-1]);
    let most = if expected.size()[0] > 256 { 512 } else { 256 };
    let step = (flat.numel() as i64 + most - 1) / most;
    let taken = flat.slice(0, None, None, step.max(1));
    if taken.size() == expected.size() || most == 512 {
        return taken;
    }
    // 256 values or less may also be what is left of 512.
    flat.slice(0, None, None, ((flat.numel() as i64 + 511) / 512).max(1))
}

/// What two programs may differ by, of the greatest value.
const TOLERANCE: f64 = 1e-3;

/// The same where live batch norm learns. Many in a row blow rounding up: torchvision's own gradients differ by 0.16, their norms by
/// 0.02 and losses by 0.0008, between two layouts of the same numbers in memory. So only what is near the losses is held by value, and
/// the rest with fixed statistics, strictly.
struct LiveTolerance;

impl LiveTolerance {
    const LOSSES: f64 = 3e-3;
    const NORMS: f64 = 5e-2;
    const VALUES: f64 = 2e-2;

    fn holds_values_of(name: &str) -> bool {
        name.starts_with("rpn.") || name.starts_with("roi_heads.box_predictor.")
    }
}

/// Holds two tensors to a share of the larger one's greatest value.
fn assert_near(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let expected = expected.to_kind(Kind::Float);
    if expected.numel() == 0 {
        return;
    }
    let difference = (found.to_kind(Kind::Float) - &expected).abs().max().double_value(&[]);
    let size = expected.abs().max().double_value(&[]);
    assert!(
        difference <= tolerance * size.max(1e-6),
        "{what}: off by {difference} where values reach {size}"
    );
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor) {
    assert_near(what, found, expected, TOLERANCE);
}

/// Holds a tensor's shape and a sample of its values.
fn assert_sample(golden: &Golden, what: &str, found: &Tensor) {
    let shape = boxes::integers(&golden[&format!("{what}.shape")]).unwrap();
    assert_eq!(found.size(), shape, "{what}");
    let expected = &golden[&format!("{what}.sample")];
    assert_close(what, &sample(found, expected), expected);
}

/// Holds rows `[N, D]` to 1e-3 of the greatest value. Rows of nearly the same score may have changed places: each expected
/// one must be found within two places of its own.
fn assert_same_rows(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let tolerance = 1e-3 * expected.abs().max().double_value(&[]);
    let count = expected.size()[0];
    for place in 0..count {
        let from = (place - 2).max(0);
        let near = found.narrow(0, from, (place + 3).min(count) - from);
        let differences = (near - expected.get(place)).abs().amax([1], false);
        let least = differences.min().double_value(&[]);
        assert!(least <= tolerance, "{what}, row {place}: off by {least}");
    }
}

/// Detections as rows: box, label, and score stretched to the range of pixels.
fn detection_rows(boxes: &Tensor, labels: &Tensor, scores: &Tensor) -> Tensor {
    let column = |tensor: &Tensor| tensor.view([-1, 1]).to_kind(Kind::Float);
    Tensor::cat(&[boxes.shallow_clone(), column(labels), column(scores) * 200.0], 1)
}

/// A network under named weights, and what torchvision's answers.
struct Case {
    golden: Golden,
    images: Vec<Tensor>,
    targets: Vec<Target>,
    store: nn::VarStore,
    network: Detector,
}

impl Case {
    /// The other files leave out the images and targets that the first one has.
    fn new(name: &str, architecture: Architecture, change: impl Fn(&mut DetectorConfig)) -> Self {
        let first = golden("fasterrcnn_resnet50_fpn");
        let mut config = DetectorConfig {
            min_size: 160,
            max_size: 224,
            rpn_batch_size_per_image: 10_000_000,
            box_batch_size_per_image: 1_000_000,
            ..DetectorConfig::new(architecture, 21)
        };
        change(&mut config);
        let store = nn::VarStore::new(Device::Cpu);
        let network = Detector::new(&store.root(), &config).unwrap();
        fill(&store);
        let target = |image: usize| Target {
            boxes: first[&format!("target.{image}.boxes")].shallow_clone(),
            labels: first[&format!("target.{image}.labels")].shallow_clone(),
            weights: Vec::new(),
        };
        Self {
            golden: golden(name),
            images: (0..2)
                .map(|image| first[&format!("image.{image}")].shallow_clone())
                .collect(),
            targets: (0..2).map(target).collect(),
            store,
            network,
        }
    }

    fn assert_trainable(&self) {
        let trainable: usize = self.store.trainable_variables().iter().map(Tensor::numel).sum();
        assert_eq!(trainable as i64, self.golden["trainable"].int64_value(&[0]));
    }

    fn assert_detections(&self) {
        for (image, found) in self.network.detect(&self.images).unwrap().iter().enumerate() {
            let expected = |what: &str| &self.golden[&format!("detections.{image}.{what}")];
            let labels = expected("labels");
            assert_same_rows(
                &format!("detections {image}"),
                &detection_rows(&found.boxes, &found.labels, &found.scores),
                &detection_rows(expected("boxes"), labels, expected("scores")),
            );
        }
    }

    /// Losses by torchvision's names, gradients, and what live batch norm has learned from the step. `prefix` is of the keys in the file.
    fn assert_training(&self, names: &[(&str, &str)], prefix: &str) {
        let live = self.network.config().batch_norm == BatchNorm::Live;
        let (of_losses, of_values, of_norms) = if live {
            (LiveTolerance::LOSSES, LiveTolerance::VALUES, LiveTolerance::NORMS)
        } else {
            (TOLERANCE, TOLERANCE, TOLERANCE)
        };
        let losses = self
            .network
            .losses(&self.images, &self.targets, &mut Stream::new(0, "test", &[]))
            .unwrap();
        for (name, value) in losses.parts() {
            let theirs = names.iter().find(|(ours, _)| *ours == name);
            let expected = theirs.map_or(0.0, |(_, theirs)| {
                self.golden[&format!("{prefix}loss.{theirs}")].double_value(&[0])
            });
            assert!(
                (value - expected).abs() <= of_losses * expected,
                "{prefix}{name}: {value} for {expected}"
            );
        }
        losses.total().backward();
        let variables = self.store.variables();
        let mut gradients = 0;
        for (key, expected) in &self.golden {
            if let Some(name) = key.strip_prefix("after.")
                && live
            {
                assert_close(key, &sample(&variables[name], expected), expected);
            }
            let Some(key) = key.strip_prefix(&format!("{prefix}grad.")) else {
                continue;
            };
            let (name, is_sample) = match key.strip_suffix(".sample") {
                Some(name) => (name, true),
                None => (key.strip_suffix(".norm").unwrap(), false),
            };
            // What frozen batch norm has is no parameter.
            if !variables[name].requires_grad() {
                continue;
            }
            let gradient = variables[name].grad();
            assert!(gradient.defined(), "{key}: nothing reaches it");
            if is_sample {
                if !live || LiveTolerance::holds_values_of(name) {
                    assert_near(key, &sample(&gradient, expected), expected, of_values);
                }
            } else {
                assert_near(key, &gradient.norm().view([1]), expected, of_norms);
            }
            gradients += 1;
        }
        assert!(gradients >= 8, "{gradients}");
    }
}
