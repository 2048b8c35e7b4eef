//! The learning rate as a function of the iteration: nothing is remembered, so a resumed training cannot lose its place.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate goes besides the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// It stays.
    Constant,
    /// It is multiplied by `gamma` every `step_epochs` epochs; without them, at each of the `milestones`.
    Step,
    /// It is multiplied by `gamma` at each of the `milestones`.
    MultiStep,
    /// It falls along half a cosine to 0 at the last iteration (Loshchilov and Hutter 2017, without restarts).
    #[default]
    Cosine,
    /// It rises and falls once along two half cosines (Smith and Topin 2018): `one_cycle` says from where to where.
    OneCycle,
}

/// A single rise and fall, as `torch.optim.lr_scheduler.OneCycleLR` has it. The momentum stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycle {
    /// Share of the training in which the rate rises.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rise: f64,
    /// The first rate is `learning_rate` divided by this.
    #[schemars(range(min = 1.0))]
    pub start_divisor: f64,
    /// The last rate is the first one divided by this.
    #[schemars(range(min = 1.0))]
    pub end_divisor: f64,
}

impl Default for OneCycle {
    fn default() -> Self {
        Self {
            rise: 0.3,
            start_divisor: 25.0,
            end_divisor: 1e4,
        }
    }
}

impl OneCycle {
    /// The rate of an iteration as a share of the highest.
    fn share(self, iteration: u64, total: u64) -> f64 {
        let (first, last) = (1.0 / self.start_divisor, 1.0 / (self.start_divisor * self.end_divisor));
        let (at, peak, end) = (
            iteration as f64,
            self.rise * total as f64 - 1.0,
            total.max(1) as f64 - 1.0,
        );
        if at <= peak && peak > 0.0 {
            between(first, 1.0, at / peak)
        } else if end > peak {
            between(1.0, last, ((at - peak) / (end - peak)).min(1.0))
        } else {
            last
        }
    }
}

/// From one number to another along half a cosine.
fn between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * share).cos())
}

/// A whole schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The rate at its highest.
    pub learning_rate: f64,
    /// Iterations over which a factor rises linearly from near 0 to 1.
    pub warm_up: u64,
    /// What the rate does besides.
    pub shape: Shape,
    /// Iterations, ascending, from which on a multi-step schedule has stepped once more.
    pub milestones: Vec<u64>,
    /// Factor of each step.
    pub gamma: f64,
    /// Where a single cycle goes.
    pub one_cycle: OneCycle,
    /// Iterations in all.
    pub total: u64,
}

impl Schedule {
    /// The learning rate of an iteration, counted from 0.
    #[must_use]
    pub fn rate(&self, iteration: u64) -> f64 {
        let rise = if self.warm_up == 0 {
            1.0
        } else {
            ((iteration + 1) as f64 / self.warm_up as f64).min(1.0)
        };
        let shape = match self.shape {
            Shape::Constant => 1.0,
            Shape::Step | Shape::MultiStep => {
                let passed = self.milestones.iter().filter(|&&at| at <= iteration).count();
                self.gamma.powi(passed as i32)
            }
            Shape::Cosine => {
                let share = iteration as f64 / self.total.max(1) as f64;
                0.5 * (1.0 + (PI * share.min(1.0)).cos())
            }
            Shape::OneCycle => self.one_cycle.share(iteration, self.total),
        };
        self.learning_rate * rise * shape
    }
}

#[cfg(test)]
mod tests {
    use super::{OneCycle, Schedule, Shape};
    use crate::golden::{golden, numbers};

    fn schedule(shape: Shape) -> Schedule {
        Schedule {
            learning_rate: 0.4,
            warm_up: 0,
            shape,
            milestones: Vec::new(),
            gamma: 0.1,
            one_cycle: OneCycle::default(),
            total: 40,
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn every_schedule_goes_as_torchs_does() {
        let golden = golden();
        let early = OneCycle {
            rise: 0.2,
            start_divisor: 10.0,
            end_divisor: 100.0,
        };
        let cases = [
            ("constant", schedule(Shape::Constant)),
            (
                "step",
                Schedule {
                    milestones: vec![15, 30],
                    gamma: 0.3,
                    ..schedule(Shape::Step)
                },
            ),
            (
                "multi_step",
                Schedule {
                    milestones: vec![10, 25, 36],
                    ..schedule(Shape::MultiStep)
                },
            ),
            ("cosine", schedule(Shape::Cosine)),
            ("one_cycle", schedule(Shape::OneCycle)),
            (
                "one_cycle_early",
                Schedule {
                    one_cycle: early,
                    ..schedule(Shape::OneCycle)
                },
            ),
        ];
        let expected = golden["schedules"].as_object().unwrap();
        assert_eq!(expected.len(), 2 * cases.len());
        for (name, plain) in cases {
            let warmed = Schedule {
                warm_up: 5,
                ..plain.clone()
            };
            for (name, schedule) in [(name.to_owned(), plain), (format!("{name}_warm_up"), warmed)] {
                let rates = numbers(&expected[&name]);
                assert_eq!(rates.len(), 40);
                for (iteration, expected) in (0..).zip(rates) {
                    let found = schedule.rate(iteration);
                    assert!(near(found, expected), "{name} {iteration}: {found} for {expected}");
                }
            }
        }
    }

    #[test]
    fn a_training_of_one_iteration_or_two_has_a_rate() {
        for shape in [
            Shape::Constant,
            Shape::Step,
            Shape::MultiStep,
            Shape::Cosine,
            Shape::OneCycle,
        ] {
            for total in 0..3 {
                let schedule = Schedule {
                    total,
                    ..schedule(shape)
                };
                for iteration in 0..=total {
                    let rate = schedule.rate(iteration);
                    assert!((0.0..=0.4).contains(&rate), "{shape:?} {total} {iteration}: {rate}");
                }
            }
        }
    }

    #[test]
    fn the_extremes_of_a_cycle_are_rates_too() {
        for rise in [0.0, 1.0] {
            let schedule = Schedule {
                one_cycle: OneCycle {
                    rise,
                    ..OneCycle::default()
                },
                ..schedule(Shape::OneCycle)
            };
            assert!((0..50).all(|iteration| (0.0..=0.4).contains(&schedule.rate(iteration))));
        }
    }
}
