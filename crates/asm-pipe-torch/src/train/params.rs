//! The params of kind `train`.

use asm_pipe::stage::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::config::{Architecture, DetectorConfig, NetworkParams};
use crate::optimizer::Momentum;
use crate::schedule::{Schedule, Shape};

/// How to train a detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainParams {
    /// The network: `tiny` learns from scratch in a minute, `efficientnet_lite0` wants `weights`.
    pub architecture: Architecture,
    /// Times that every image is used.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Optimizer steps; when given, `epochs` does not count.
    #[schemars(range(min = 1))]
    pub iterations: Option<u64>,
    /// Images a step; the last step of an epoch takes what is left.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// The learning rate at its highest.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// Share of the last step that the optimizer keeps.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// Pull of each weight towards 0.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Looks ahead along the momentum.
    pub nesterov: bool,
    /// Steps over which the learning rate rises from near 0. At most a half of the training.
    pub warm_up_iterations: u64,
    /// How the learning rate goes after the warm-up.
    pub schedule: Shape,
    /// For `schedule: step`: epochs after which the rate is multiplied by `gamma`.
    pub milestones: Vec<f64>,
    /// For `schedule: step`: the factor.
    pub gamma: f64,
    /// Gradients are scaled down to this norm; null leaves them alone.
    pub clip_norm: Option<f64>,
    /// Mirrors every second image, by chance.
    pub flip: bool,
    /// How far brightness, saturation and contrast may move; 0.5 multiplies each by 0.5 to 1.5, in every second image.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub colour_jitter: f64,
    /// Learns from objects marked difficult, too.
    pub difficult: bool,
    /// Shorter side of an image in the network; null: the architecture's, or the given model's.
    #[schemars(range(min = 32))]
    pub min_size: Option<i64>,
    /// Bound of the longer side; null: the architecture's, or the given model's.
    #[schemars(range(min = 32))]
    pub max_size: Option<i64>,
    /// File of pretrained weights: safetensors, or a state dict of `torch.save`. Its content counts, not its name.
    pub weights: Option<String>,
    /// Backbone stages that learn, counted from the deepest; null: the architecture's, or the given model's.
    pub trainable_layers: Option<usize>,
    /// Other values of the network, under torchvision's names.
    pub network: NetworkParams,
    /// Whether to begin with the weights of the input `model`, if there is one.
    pub start: Start,
    /// Ends the training when validation AP50 stands still.
    pub early_stop: Option<EarlyStop>,
    /// Which epoch's weights become the model.
    pub keep: Keep,
    /// Seed of weights, order, augmentation and sampling.
    pub seed: u64,
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
}

/// What weights to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Those of the input `model`; the optimizer begins anew.
    #[default]
    Warm,
    /// New ones, or the file `weights`, even if a model is given.
    Fresh,
}

/// Which epoch's weights become the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// The first with the highest validation AP; the last epoch when there is no input `validation`.
    #[default]
    Best,
    /// The last.
    Last,
}

/// When a training has come to rest: the mean absolute deviation of the last validation AP50 values is small.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStop {
    /// How many values.
    #[schemars(range(min = 2))]
    pub window: usize,
    /// How small.
    #[schemars(range(min = 0.0))]
    pub shift_below: f64,
    /// Epochs from one value to the next.
    #[schemars(range(min = 1))]
    pub every: u32,
}

impl Default for EarlyStop {
    fn default() -> Self {
        Self {
            window: 3,
            shift_below: 0.05,
            every: 1,
        }
    }
}

impl Default for TrainParams {
    fn default() -> Self {
        Self {
            architecture: Architecture::Tiny,
            epochs: 12,
            iterations: None,
            batch_size: 4,
            learning_rate: 0.01,
            momentum: 0.9,
            weight_decay: 5e-4,
            nesterov: false,
            warm_up_iterations: 50,
            schedule: Shape::Cosine,
            milestones: Vec::new(),
            gamma: 0.1,
            clip_norm: Some(5.0),
            flip: true,
            colour_jitter: 0.5,
            difficult: false,
            min_size: None,
            max_size: None,
            weights: None,
            trainable_layers: None,
            network: NetworkParams::default(),
            start: Start::Warm,
            early_stop: None,
            keep: Keep::Best,
            seed: 0,
            device: "auto".into(),
        }
    }
}

impl TrainParams {
    /// Holds the numbers against their bounds, which a schema alone does not enforce.
    ///
    /// # Errors
    /// When one is out of bounds, with its name.
    pub fn check(&self) -> Result<(), StageError> {
        let unit = 0.0..=1.0;
        let early_stop = self.early_stop.unwrap_or_default();
        let rules = [
            ("epochs", self.epochs > 0),
            ("iterations", self.iterations != Some(0)),
            ("batch_size", self.batch_size > 0),
            (
                "learning_rate",
                self.learning_rate.is_finite() && self.learning_rate >= 0.0,
            ),
            ("momentum", unit.contains(&self.momentum)),
            (
                "weight_decay",
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            ),
            ("milestones", self.milestones.iter().all(|epoch| *epoch >= 0.0)),
            ("gamma", self.gamma.is_finite() && self.gamma >= 0.0),
            ("clip_norm", self.clip_norm.is_none_or(|norm| norm > 0.0)),
            ("colour_jitter", unit.contains(&self.colour_jitter)),
            ("min_size", self.min_size.is_none_or(|size| (32..=4096).contains(&size))),
            ("max_size", self.max_size.is_none_or(|size| (32..=8192).contains(&size))),
            ("early_stop.window", early_stop.window >= 2),
            ("early_stop.shift_below", early_stop.shift_below >= 0.0),
            ("early_stop.every", early_stop.every > 0),
        ];
        match rules.iter().find(|(_, holds)| !holds) {
            Some((name, _)) => Err(StageError::new(format!("the param `{name}` is out of bounds"))),
            None => Ok(()),
        }
    }

    /// The network's configuration: a base, with the sizes and layers that are given here.
    #[must_use]
    pub fn configure(&self, base: DetectorConfig) -> DetectorConfig {
        DetectorConfig {
            min_size: self.min_size.unwrap_or(base.min_size),
            max_size: self.max_size.unwrap_or(base.max_size),
            trainable_layers: self.trainable_layers.unwrap_or(base.trainable_layers),
            ..self.network.over(base)
        }
    }

    /// The optimizer's constants.
    #[must_use]
    pub fn momentum(&self) -> Momentum {
        Momentum {
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            nesterov: self.nesterov,
        }
    }

    /// What may change in an image.
    #[must_use]
    pub fn augmentation(&self) -> Augmentation {
        Augmentation {
            flip: self.flip,
            colour_jitter: self.colour_jitter,
        }
    }

    /// The schedule of a training with so many steps an epoch.
    #[must_use]
    pub fn schedule(&self, steps_an_epoch: u64) -> Schedule {
        let total = self.iterations.unwrap_or(u64::from(self.epochs) * steps_an_epoch);
        let mut milestones: Vec<u64> = self
            .milestones
            .iter()
            .map(|epoch| (epoch * steps_an_epoch as f64).round() as u64)
            .collect();
        milestones.sort_unstable();
        Schedule {
            learning_rate: self.learning_rate,
            warm_up: self.warm_up_iterations.min(total / 2),
            shape: self.schedule,
            milestones,
            gamma: self.gamma,
            total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TrainParams;
    use asm_pipe::stage::params_schema;

    #[test]
    fn the_schema_tells_defaults_and_docs() {
        let schema = params_schema::<TrainParams>();
        let property = |name: &str| &schema["properties"][name];
        assert_eq!(property("architecture")["default"], "tiny");
        assert_eq!(property("weights")["default"], serde_json::Value::Null);
        for (name, value) in schema["properties"].as_object().unwrap() {
            assert!(value["description"].is_string(), "{name} has no doc");
        }
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn params_out_of_bounds_are_named() {
        let broken = TrainParams {
            momentum: 1.5,
            ..TrainParams::default()
        };
        assert!(broken.check().unwrap_err().message.contains("`momentum`"));
        assert_eq!(TrainParams::default().check(), Ok(()));
        let nothing: TrainParams = serde_json::from_str("{}").unwrap();
        assert_eq!(nothing, TrainParams::default());
    }

    #[test]
    fn a_short_training_warms_up_for_half_of_it_at_most() {
        assert_eq!(
            TrainParams {
                epochs: 2,
                ..TrainParams::default()
            }
            .schedule(5)
            .warm_up,
            5
        );
        assert_eq!(TrainParams::default().schedule(100).warm_up, 50);
    }
}
