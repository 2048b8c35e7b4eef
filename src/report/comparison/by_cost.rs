//! Strategies by one unit of cost: how each did over the range that all curves span.

use std::collections::BTreeMap;

use super::duel::duels;
use super::penalty::penalty_matrix;
use super::reach::Target;
use super::{Curves, Duel, MEASURE, Reach, SHARES};
use crate::report::Axis;
use crate::report::trials::{Role, Trial};
use crate::statistics::{Curve, Interval, Mean, bootstrap_interval, common_range};

/// A comparison by one unit of cost.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisComparison {
    /// The unit.
    pub axis: Axis,
    /// The range of cost that the curves of all seeds of all strategies span.
    pub range: Option<(f64, f64)>,
    /// The strategies, the largest area first; those without an area after them, by their last value.
    pub standings: Vec<Standing>,
    /// Every two strategies that have an area.
    pub duels: Vec<Duel>,
    /// Whose penalties the matrix has, and `[winner][loser]`.
    pub penalties: (Vec<String>, Vec<Vec<f64>>),
    /// The value that `reach` is about, mean over seeds, by share; and whether it is of full supervision or, without that, of the
    /// best last value.
    pub targets: Vec<f64>,
    /// Whether there is a strategy of full supervision.
    pub has_full: bool,
    /// Whether there is a random baseline.
    pub has_random: bool,
}

/// How one strategy did.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The strategy.
    pub strategy: String,
    /// Its part.
    pub role: Role,
    /// Seeds.
    pub seeds: usize,
    /// The mean height of its curve in the common range.
    pub area: Option<Mean>,
    /// The interval of that mean by resampling seeds.
    pub bootstrap: Option<Interval>,
    /// The value after the last round.
    pub last: Option<Mean>,
    /// What it cost in all.
    pub cost: Option<Mean>,
    /// The cost to reach each share, by share.
    pub reach: Vec<Reach>,
}

impl AxisComparison {
    /// None if nothing has this cost.
    pub(super) fn of(trials: &[&Trial], axis: Axis) -> Option<Self> {
        let mut names: Vec<(&str, Role)> = Vec::new();
        let mut curves: BTreeMap<&str, Curves> = BTreeMap::new();
        for trial in trials {
            let curve = trial.curve(axis, MEASURE);
            if curve.points().is_empty() {
                continue;
            }
            if !names.iter().any(|(name, _)| *name == trial.strategy) {
                names.push((&trial.strategy, trial.role()));
            }
            curves.entry(&trial.strategy).or_default().insert(trial.seed, curve);
        }
        let has_cost = curves
            .values()
            .flatten()
            .any(|(_, curve)| curve.range().is_some_and(|(_, high)| high > 0.0));
        if !has_cost {
            return None;
        }
        let of_role = |role| names.iter().find(|(_, own)| *own == role).map(|(name, _)| *name);
        let (full, random) = (of_role(Role::Full), of_role(Role::Random));
        let compared = |name: &str| Some(name) != full;
        let range = common_range(
            curves
                .iter()
                .filter(|(name, _)| compared(name))
                .flat_map(|(_, curves)| curves.values()),
        );
        let target = Target::of(&curves, full);
        let areas = |name: &str| -> Option<BTreeMap<i64, f64>> {
            let range = range.filter(|_| compared(name))?;
            curves[name]
                .iter()
                .map(|(seed, curve)| Some((*seed, curve.area(range)?)))
                .collect()
        };
        let mut standings = Vec::new();
        let mut with_area: Vec<(&str, BTreeMap<i64, f64>)> = Vec::new();
        for (name, role) in &names {
            let own = &curves[name];
            let values = |get: &dyn Fn(&Curve) -> Option<f64>| own.values().filter_map(get).collect::<Vec<f64>>();
            let area = areas(name);
            let area_values: Vec<f64> = area.iter().flat_map(|area| area.values().copied()).collect();
            standings.push(Standing {
                strategy: (*name).to_owned(),
                role: *role,
                seeds: own.len(),
                area: Mean::of(&area_values),
                bootstrap: bootstrap_interval(&area_values),
                last: Mean::of(&values(&Curve::last)),
                cost: Mean::of(&values(&|curve| Some(curve.range()?.1))),
                reach: SHARES.iter().map(|share| target.reach(own, *share)).collect(),
            });
            with_area.extend(area.map(|area| (*name, area)));
        }
        let height = |mean: &Option<Mean>| mean.map_or(f64::NEG_INFINITY, |mean| mean.mean);
        standings.sort_by(|a, b| {
            (height(&b.area).total_cmp(&height(&a.area))).then_with(|| height(&b.last).total_cmp(&height(&a.last)))
        });
        Some(Self {
            axis,
            range,
            standings,
            duels: duels(&with_area),
            penalties: penalty_matrix(&with_area, &curves, range, random),
            targets: SHARES.iter().filter_map(|share| Some(target.mean()? * share)).collect(),
            has_full: full.is_some(),
            has_random: random.is_some(),
        })
    }

    /// How a strategy did.
    #[must_use]
    pub fn standing(&self, strategy: &str) -> Option<&Standing> {
        self.standings.iter().find(|standing| standing.strategy == strategy)
    }

    /// The most seeds that any two strategies share; of one strategy, its seeds.
    #[must_use]
    pub fn seeds(&self) -> usize {
        let pairs = self.duels.iter().map(|duel| duel.difference.n).max();
        pairs.unwrap_or_else(|| self.standings.iter().map(|standing| standing.seeds).max().unwrap_or(0))
    }
}
