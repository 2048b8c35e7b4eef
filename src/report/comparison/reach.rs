//! The cost to reach a share of full supervision, seed by seed.

use std::collections::BTreeMap;

use super::Curves;
use crate::statistics::{Curve, Mean, mean};

/// The cost to reach a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// The cost by seed, for the seeds that reach it.
    pub costs: BTreeMap<i64, f64>,
    /// How many seeds there are.
    pub of: usize,
}

impl Reach {
    /// The mean cost, if every seed reaches it: a mean of those that do would flatter.
    #[must_use]
    pub fn mean(&self) -> Option<Mean> {
        let costs: Vec<f64> = self.costs.values().copied().collect();
        Mean::of(&costs).filter(|_| self.costs.len() == self.of)
    }
}

/// The value of which a share is to be reached.
pub(super) struct Target {
    /// By seed, of full supervision.
    by_seed: BTreeMap<i64, f64>,
    /// Without full supervision, the best last value.
    best: Option<f64>,
}

impl Target {
    pub(super) fn of(curves: &BTreeMap<&str, Curves>, full: Option<&str>) -> Self {
        let last = |own: &Curves| -> BTreeMap<i64, f64> {
            own.iter()
                .filter_map(|(seed, curve)| Some((*seed, curve.last()?)))
                .collect()
        };
        let mean_of = |own: &Curves| mean(&last(own).into_values().collect::<Vec<_>>());
        Self {
            by_seed: full.map(|full| last(&curves[full])).unwrap_or_default(),
            best: curves.values().filter_map(mean_of).reduce(f64::max),
        }
    }

    pub(super) fn mean(&self) -> Option<f64> {
        mean(&self.by_seed.values().copied().collect::<Vec<_>>()).or(self.best)
    }

    /// What each seed pays for a share of the target of the same seed.
    pub(super) fn reach(&self, own: &Curves, share: f64) -> Reach {
        let cost = |(seed, curve): (&i64, &Curve)| {
            let target = self.by_seed.get(seed).copied().or_else(|| self.mean())?;
            Some((*seed, curve.cost_to_reach(share * target)?))
        };
        // What is reached by finding nothing is no target.
        let reached = self.mean().is_some_and(|mean| mean > 0.0);
        Reach {
            costs: own.iter().filter(|_| reached).filter_map(cost).collect(),
            of: own.len(),
        }
    }
}
