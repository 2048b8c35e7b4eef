//! Strategies side by side: what each reached for which cost, and which differences the seeds bear out.

mod by_cost;
mod duel;
mod heat_map;
mod penalty;
mod ranks;
mod reach;

use std::collections::BTreeMap;

use super::Axis;
use super::trials::{Trial, strategies};
use crate::statistics::Curve;

pub use by_cost::{AxisComparison, Standing};
pub use duel::Duel;
pub use heat_map::HeatMap;
pub use ranks::Ranks;
pub use reach::Reach;

/// The measure that strategies are compared by.
pub const MEASURE: &str = "ap50";
/// Shares of full supervision that a strategy is to reach.
pub const SHARES: [f64; 2] = [0.90, 0.95];

/// All that is compared: each dataset by itself, and their ranks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// By dataset; one without a name if there is only one.
    pub settings: Vec<Setting>,
    /// Over several datasets.
    pub ranks: Option<Ranks>,
}

/// A comparison on one dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The dataset's name; empty if there is only one.
    pub name: String,
    /// By each unit of cost.
    pub axes: Vec<AxisComparison>,
}

impl Comparison {
    /// Compares trials.
    #[must_use]
    pub fn of(trials: &[Trial]) -> Self {
        let mut by_setting: Vec<(&str, Vec<&Trial>)> = Vec::new();
        for trial in trials {
            match by_setting.iter_mut().find(|(name, _)| *name == trial.setting) {
                Some((_, own)) => own.push(trial),
                None => by_setting.push((&trial.setting, vec![trial])),
            }
        }
        let setting = |(name, own): &(&str, Vec<&Trial>)| Setting {
            name: (*name).to_owned(),
            axes: Axis::ALL
                .into_iter()
                .filter_map(|axis| AxisComparison::of(own, axis))
                .collect(),
        };
        let settings: Vec<Setting> = by_setting.iter().map(setting).collect();
        let ranks = Ranks::of(&settings);
        Self { settings, ranks }
    }

    /// The comparison that the verdict speaks of: the first unit of cost that there is, on the first dataset.
    #[must_use]
    pub fn main(&self) -> Option<&AxisComparison> {
        self.settings.first()?.axes.first()
    }
}

/// A strategy's curves by seed.
type Curves = BTreeMap<i64, Curve>;

/// The names of the strategies that have an area, as the comparison ranks them.
#[must_use]
pub fn ranked(comparison: &AxisComparison) -> Vec<&Standing> {
    comparison
        .standings
        .iter()
        .filter(|standing| standing.area.is_some())
        .collect()
}

/// Whether there is more than one strategy.
#[must_use]
pub fn compares(trials: &[Trial]) -> bool {
    strategies(trials).len() > 1
}

#[cfg(test)]
pub(super) mod tests;
