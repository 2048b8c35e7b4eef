//! The learning rate as a function of the iteration: nothing is remembered, so a resumed training cannot lose its place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate goes after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// It stays.
    Constant,
    /// It is multiplied by `gamma` at each milestone.
    Step,
    /// It falls along half a cosine to 0 at the last iteration (Loshchilov and Hutter 2017, without restarts).
    #[default]
    Cosine,
}

/// A whole schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The rate at its highest.
    pub learning_rate: f64,
    /// Iterations over which the rate rises linearly from near 0.
    pub warm_up: u64,
    /// What it does besides.
    pub shape: Shape,
    /// Iterations, ascending, from which on a step schedule has stepped once more.
    pub milestones: Vec<u64>,
    /// Factor of each step.
    pub gamma: f64,
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
        let fall = match self.shape {
            Shape::Constant => 1.0,
            Shape::Step => {
                let passed = self.milestones.iter().filter(|&&at| at <= iteration).count();
                self.gamma.powi(passed as i32)
            }
            Shape::Cosine => {
                let share = iteration as f64 / self.total.max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos())
            }
        };
        self.learning_rate * rise * fall
    }
}

#[cfg(test)]
mod tests {
    use super::{Schedule, Shape};

    fn schedule(shape: Shape) -> Schedule {
        Schedule {
            learning_rate: 0.4,
            warm_up: 0,
            shape,
            milestones: vec![50, 80],
            gamma: 0.1,
            total: 100,
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn cosine_starts_high_is_half_in_the_middle_and_ends_at_nothing() {
        let schedule = schedule(Shape::Cosine);
        assert!(near(schedule.rate(0), 0.4));
        assert!(near(schedule.rate(50), 0.2));
        assert!(near(schedule.rate(25), 0.2 * (1.0 + 0.5_f64.sqrt())));
        assert!(near(schedule.rate(100), 0.0));
    }

    #[test]
    fn steps_fall_at_their_milestones() {
        let schedule = schedule(Shape::Step);
        for (iteration, rate) in [(49, 0.4), (50, 0.04), (79, 0.04), (80, 0.004)] {
            assert!(near(schedule.rate(iteration), rate), "{iteration}");
        }
    }

    #[test]
    fn warm_up_rises_linearly_and_then_lets_go() {
        let schedule = Schedule {
            warm_up: 10,
            ..schedule(Shape::Constant)
        };
        for (iteration, rate) in [(0, 0.04), (4, 0.2), (9, 0.4), (10, 0.4), (99, 0.4)] {
            assert!(near(schedule.rate(iteration), rate), "{iteration}");
        }
    }

    #[test]
    fn one_iteration_in_all_is_enough() {
        let schedule = Schedule {
            total: 1,
            ..schedule(Shape::Cosine)
        };
        assert!(near(schedule.rate(0), 0.4));
    }
}
