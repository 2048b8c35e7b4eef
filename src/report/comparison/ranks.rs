//! Strategies over several datasets, by rank.

use super::{AxisComparison, Setting};
use crate::statistics::{Friedman, critical_difference, friedman, mean_ranks};

/// Strategies over several datasets.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranks {
    /// The strategies that every dataset has an area of.
    pub strategies: Vec<String>,
    /// Their mean ranks.
    pub ranks: Vec<f64>,
    /// Friedman's test.
    pub friedman: Friedman,
    /// Nemenyi's critical difference.
    pub critical_difference: f64,
}

impl Ranks {
    pub(super) fn of(settings: &[Setting]) -> Option<Self> {
        let axes: Vec<&AxisComparison> = settings
            .iter()
            .map(|setting| setting.axes.first())
            .collect::<Option<_>>()?;
        let area = |comparison: &&AxisComparison, name: &str| Some(comparison.standing(name)?.area?.mean);
        let first = axes.first()?.standings.iter().map(|standing| standing.strategy.clone());
        let strategies: Vec<String> = first
            .filter(|name| axes.iter().all(|axis| area(axis, name).is_some()))
            .collect();
        let row = |axis: &&AxisComparison| strategies.iter().filter_map(|name| area(axis, name)).collect();
        let values: Vec<Vec<f64>> = axes.iter().map(row).collect();
        Some(Self {
            friedman: friedman(&values)?,
            critical_difference: critical_difference(strategies.len(), values.len())?,
            ranks: mean_ranks(&values),
            strategies,
        })
    }

    /// The strategies, each with its mean rank.
    #[must_use]
    pub fn named(&self) -> Vec<(String, f64)> {
        self.strategies
            .iter()
            .cloned()
            .zip(self.ranks.iter().copied())
            .collect()
    }
}
