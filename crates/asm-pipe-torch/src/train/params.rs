//! The params of kind `train`.

use asm_pipe::stage::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::augment::{Augmentation, Crop, ScaleJitter};
use crate::average::Pace;
use crate::config::{Architecture, DetectorConfig, NetworkParams};
use crate::optimizer::{AdamW, Method, Momentum, Settings};
use crate::schedule::{OneCycle, Schedule, Shape};
use crate::train::balance::Balance;

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
    /// Images a batch; the last batch of an epoch takes what is left.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Batches whose gradients make one step, each by its share of the step's images. As one batch of all of them, if each image
    /// brings as many anchors and proposals into the losses and all have one size; less memory.
    #[schemars(range(min = 1))]
    pub accumulate: usize,
    /// What turns gradients into steps. `adamw` wants a `learning_rate` of about 0.0001 to 0.001, and a higher `weight_decay`.
    pub optimizer: Algorithm,
    /// The learning rate at its highest.
    #[schemars(range(min = 0.0))]
    pub learning_rate: f64,
    /// For `optimizer: sgd`: share of the last step that is kept.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub momentum: f64,
    /// For `optimizer: sgd`: looks ahead along the momentum.
    pub nesterov: bool,
    /// For `optimizer: adamw`: shares that the running means of gradients and of their squares keep.
    pub betas: [f64; 2],
    /// For `optimizer: adamw`: added to the divisor.
    #[schemars(range(min = 0.0))]
    pub epsilon: f64,
    /// Pull of each weight towards 0.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
    /// Whether `weight_decay` pulls at biases and the factors of norms, too.
    pub decay_norm_and_bias: bool,
    /// Steps over which the learning rate rises from near 0. At most a half of the training.
    pub warm_up_iterations: u64,
    /// How the learning rate goes besides the warm-up.
    pub schedule: Shape,
    /// For `schedule: multi-step`: epochs after which the rate is multiplied by `gamma`.
    pub milestones: Vec<f64>,
    /// For `schedule: step`: epochs from one multiplication by `gamma` to the next.
    pub step_epochs: Option<f64>,
    /// For `schedule: step` and `multi-step`: the factor.
    pub gamma: f64,
    /// For `schedule: one-cycle`: how long the rate rises, from where, and to where it falls.
    pub one_cycle: OneCycle,
    /// Gradients are scaled down to this norm; null leaves them alone.
    pub clip_norm: Option<f64>,
    /// Averages the weights over the steps; the average is what validation measures and what becomes the model.
    pub average: Option<Average>,
    /// Which images an epoch takes: all of them once, or as many as there are with those of rare classes more often.
    pub balance: Balance,
    /// For `balance: repeat-factor`: a class in a smaller share of the images counts as rare.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rare_below: f64,
    /// Mirrors images by chance.
    pub flip: bool,
    /// How many of the images are mirrored.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub flip_chance: f64,
    /// How far brightness, saturation and contrast may move; 0.5 multiplies each by 0.5 to 1.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub colour_jitter: f64,
    /// In how many of the images each of the three moves.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub colour_chance: f64,
    /// Shows images larger, cut off, or smaller, in grey; null leaves their scale alone.
    pub scale_jitter: Option<ScaleJitter>,
    /// Cuts a part out of images; null takes them whole.
    pub crop: Option<Crop>,
    /// Learns from objects marked difficult, too.
    pub difficult: bool,
    /// What a box that comes from a model (a pseudo-label) counts in the losses; one from a human counts 1.
    #[schemars(range(min = 0.0))]
    pub pseudo_label_weight: f64,
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

/// What turns gradients into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay.
    Adamw,
}

/// A running average of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Average {
    /// Share of the average that a step keeps.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub decay: f64,
    /// Keeps less at first: `(1 + t) / (10 + t)` after `t` steps, as long as that is less.
    pub warm_up: bool,
}

impl Default for Average {
    fn default() -> Self {
        Self {
            decay: 0.999,
            warm_up: true,
        }
    }
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
            accumulate: 1,
            optimizer: Algorithm::Sgd,
            learning_rate: 0.01,
            momentum: 0.9,
            nesterov: false,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 5e-4,
            decay_norm_and_bias: true,
            warm_up_iterations: 50,
            schedule: Shape::Cosine,
            milestones: Vec::new(),
            step_epochs: None,
            gamma: 0.1,
            one_cycle: OneCycle::default(),
            clip_norm: Some(5.0),
            average: None,
            balance: Balance::None,
            rare_below: 0.3,
            flip: true,
            flip_chance: 0.5,
            colour_jitter: 0.5,
            colour_chance: 0.5,
            scale_jitter: None,
            crop: None,
            difficult: false,
            pseudo_label_weight: 1.0,
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
        let cycle = self.one_cycle;
        let stepless = self.schedule == Shape::Step && self.step_epochs.is_none() && self.milestones.is_empty();
        if stepless {
            return Err(StageError::new("`schedule: step` does not say when to step")
                .hint("set `step_epochs`, or `schedule: multi-step` with `milestones`"));
        }
        let rules = [
            ("epochs", self.epochs > 0),
            ("iterations", self.iterations != Some(0)),
            ("batch_size", self.batch_size > 0),
            ("accumulate", self.accumulate > 0),
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
            (
                "step_epochs",
                self.step_epochs.is_none_or(|epochs| epochs.is_finite() && epochs > 0.0),
            ),
            ("gamma", self.gamma.is_finite() && self.gamma >= 0.0),
            ("betas", self.betas.iter().all(|beta| (0.0..1.0).contains(beta))),
            ("epsilon", self.epsilon.is_finite() && self.epsilon >= 0.0),
            ("one_cycle.rise", unit.contains(&cycle.rise)),
            ("one_cycle.start_divisor", cycle.start_divisor >= 1.0),
            ("one_cycle.end_divisor", cycle.end_divisor >= 1.0),
            (
                "average.decay",
                self.average.is_none_or(|average| unit.contains(&average.decay)),
            ),
            ("rare_below", unit.contains(&self.rare_below)),
            ("flip_chance", unit.contains(&self.flip_chance)),
            ("colour_chance", unit.contains(&self.colour_chance)),
            ("scale_jitter", self.scale_jitter.is_none_or(ScaleJitter::is_sound)),
            ("crop", self.crop.is_none_or(Crop::is_sound)),
            (
                "pseudo_label_weight",
                self.pseudo_label_weight.is_finite() && self.pseudo_label_weight >= 0.0,
            ),
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
    pub fn optimizer(&self) -> Settings {
        Settings {
            method: match self.optimizer {
                Algorithm::Sgd => Method::Sgd(Momentum {
                    momentum: self.momentum,
                    nesterov: self.nesterov,
                }),
                Algorithm::Adamw => Method::AdamW(AdamW {
                    betas: self.betas,
                    epsilon: self.epsilon,
                }),
            },
            weight_decay: self.weight_decay,
            decay_norm_and_bias: self.decay_norm_and_bias,
        }
    }

    /// How the average of the weights follows them, if there is one.
    #[must_use]
    pub fn average(&self) -> Option<Pace> {
        self.average.map(|average| Pace {
            decay: average.decay,
            warm_up: average.warm_up,
        })
    }

    /// Images that an optimizer's step takes.
    #[must_use]
    pub fn images_a_step(&self) -> usize {
        self.batch_size.saturating_mul(self.accumulate)
    }

    /// What may change in an image.
    #[must_use]
    pub fn augmentation(&self) -> Augmentation {
        Augmentation {
            flip: if self.flip { self.flip_chance } else { 0.0 },
            colour_jitter: self.colour_jitter,
            colour: self.colour_chance,
            scale: self.scale_jitter,
            crop: self.crop,
        }
    }

    /// The schedule of a training with so many steps an epoch.
    #[must_use]
    pub fn schedule(&self, steps_an_epoch: u64) -> Schedule {
        let total = self.iterations.unwrap_or(u64::from(self.epochs) * steps_an_epoch);
        let iteration = |epoch: f64| (epoch * steps_an_epoch as f64).round() as u64;
        let mut milestones: Vec<u64> = match self.step_epochs.filter(|_| self.schedule == Shape::Step) {
            Some(every) => {
                let every = iteration(every).max(1);
                (1..=total / every).map(|step| step * every).collect()
            }
            None => self.milestones.iter().map(|epoch| iteration(*epoch)).collect(),
        };
        milestones.sort_unstable();
        Schedule {
            learning_rate: self.learning_rate,
            warm_up: self.warm_up_iterations.min(total / 2),
            shape: self.schedule,
            milestones,
            gamma: self.gamma,
            one_cycle: self.one_cycle,
            total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Shape, TrainParams};
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
    fn a_step_schedule_says_when_it_steps() {
        let step = |epochs, milestones: &[f64]| TrainParams {
            schedule: Shape::Step,
            step_epochs: epochs,
            milestones: milestones.to_vec(),
            ..TrainParams::default()
        };
        let error = step(None, &[]).check().unwrap_err();
        assert!(error.hints[0].contains("step_epochs"), "{error}");
        assert_eq!(step(Some(5.0), &[]).schedule(10).milestones, [50, 100]);
        assert_eq!(step(None, &[8.0, 2.5]).schedule(10).milestones, [25, 80]);
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
