//! Strategies side by side: what each reached for which cost, and which differences the seeds bear out.

use std::collections::BTreeMap;

use super::trials::{Role, Trial, strategies};
use super::{Axis, varied};
use crate::statistics::{
    Curve, Friedman, Interval, Mean, bootstrap_interval, checkpoints, common_range, critical_difference, friedman,
    holm, mean, mean_ranks, paired_t, penalties, wilcoxon,
};

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

/// Two strategies on the seeds that both have.
#[derive(Clone, Debug, PartialEq)]
pub struct Duel {
    /// The one with the larger mean area.
    pub first: String,
    /// The other.
    pub second: String,
    /// The difference of areas over the seeds of both.
    pub difference: Mean,
    /// The interval of that mean by resampling seeds.
    pub bootstrap: Option<Interval>,
    /// The paired t test's p, and after Holm.
    pub t: Option<[f64; 2]>,
    /// The exact Wilcoxon test's p, and after Holm.
    pub wilcoxon: Option<[f64; 2]>,
}

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

impl AxisComparison {
    /// None if nothing has this cost.
    fn of(trials: &[&Trial], axis: Axis) -> Option<Self> {
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

/// The value of which a share is to be reached.
struct Target {
    /// By seed, of full supervision.
    by_seed: BTreeMap<i64, f64>,
    /// Without full supervision, the best last value.
    best: Option<f64>,
}

impl Target {
    fn of(curves: &BTreeMap<&str, Curves>, full: Option<&str>) -> Self {
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

    fn mean(&self) -> Option<f64> {
        mean(&self.by_seed.values().copied().collect::<Vec<_>>()).or(self.best)
    }

    /// What each seed pays for a share of the target of the same seed.
    fn reach(&self, own: &Curves, share: f64) -> Reach {
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

fn duels(strategies: &[(&str, BTreeMap<i64, f64>)]) -> Vec<Duel> {
    let mut found = Vec::new();
    for (at, (first, ours)) in strategies.iter().enumerate() {
        for (second, theirs) in &strategies[at + 1..] {
            let differences = ours.iter().filter_map(|(seed, area)| Some(area - theirs.get(seed)?));
            let mut differences: Vec<f64> = differences.collect();
            let (mut first, mut second) = (*first, *second);
            if mean(&differences).is_some_and(|mean| mean < 0.0) {
                (first, second) = (second, first);
                differences.iter_mut().for_each(|difference| *difference = -*difference);
            }
            let Some(difference) = Mean::of(&differences) else {
                continue;
            };
            found.push(Duel {
                first: first.to_owned(),
                second: second.to_owned(),
                difference,
                bootstrap: bootstrap_interval(&differences),
                t: paired_t(&differences).map(|test| [test.p, test.p]),
                wilcoxon: wilcoxon(&differences)
                    .filter(|_| differences.len() > 1)
                    .map(|test| [test.p, test.p]),
            });
        }
    }
    correct(&mut found, |duel| duel.t.as_mut());
    correct(&mut found, |duel| duel.wilcoxon.as_mut());
    found
}

/// Puts Holm's correction over all tests of one kind beside each p.
fn correct(duels: &mut [Duel], test: fn(&mut Duel) -> Option<&mut [f64; 2]>) {
    let alone: Vec<f64> = duels.iter_mut().filter_map(|duel| Some(test(duel)?[0])).collect();
    let corrected = holm(&alone);
    for (p, corrected) in duels.iter_mut().filter_map(test).zip(corrected) {
        p[1] = corrected;
    }
}

/// At costs that double up to where the random baseline has 99 % of its last value, or the end of the range.
fn penalty_matrix(
    strategies: &[(&str, BTreeMap<i64, f64>)],
    curves: &BTreeMap<&str, Curves>,
    range: Option<(f64, f64)>,
    random: Option<&str>,
) -> (Vec<String>, Vec<Vec<f64>>) {
    let Some((low, high)) = range else {
        return Default::default();
    };
    let enough = random.and_then(|random| {
        let costs = curves[random]
            .values()
            .map(|curve| curve.cost_to_reach(0.99 * curve.last()?));
        mean(&costs.collect::<Option<Vec<_>>>()?)
    });
    let high = enough.filter(|cost| *cost > low).map_or(high, |cost| cost.min(high));
    let shared = |seed: &&i64| strategies.iter().all(|(_, areas)| areas.contains_key(seed));
    let Some((_, first)) = strategies.first() else {
        return Default::default();
    };
    let seeds: Vec<i64> = first.keys().filter(shared).copied().collect();
    let values = |(name, _): &(&str, BTreeMap<i64, f64>)| -> Option<Vec<Vec<f64>>> {
        let at = |cost: f64| seeds.iter().map(|seed| curves[name][seed].at(cost)).collect();
        checkpoints((low, high)).into_iter().map(at).collect()
    };
    let Some(values) = strategies.iter().map(values).collect::<Option<Vec<_>>>() else {
        return Default::default();
    };
    let names = strategies.iter().map(|(name, _)| (*name).to_owned()).collect();
    (names, penalties(&values))
}

impl Ranks {
    fn of(settings: &[Setting]) -> Option<Self> {
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
}

/// The cost to reach a value over a grid of a param: for experiments that vary one, such as the initial size.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMap {
    /// The param's path.
    pub param: String,
    /// The value to reach.
    pub target: f64,
    /// The unit of cost.
    pub axis: Axis,
    /// The param's values, in order.
    pub columns: Vec<String>,
    /// Strategies, with a mean cost for each value: none where not every seed reaches the target.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

impl HeatMap {
    /// A map for each param that takes several values; the target is a share of full supervision, or of the best last value.
    #[must_use]
    pub fn of(trials: &[Trial], comparison: &Comparison) -> Vec<Self> {
        let Some(main) = comparison.main().filter(|_| comparison.settings.len() == 1) else {
            return Vec::new();
        };
        let Some(&target) = main.targets.first().filter(|target| **target > 0.0) else {
            return Vec::new();
        };
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (path, value) in trials.iter().flat_map(|trial| &trial.varied) {
            let known = values.entry(path).or_default();
            if !known.contains(&value.as_str()) {
                known.push(value);
            }
        }
        values.retain(|_, values| values.len() > 1);
        let only = values.len() == 1;
        let map = |(path, mut columns): (&str, Vec<&str>)| {
            columns.sort_by(|a, b| varied::order(a, b));
            // With one param that varies, a row is a family; with several, of the others each value has its own.
            let row = |trial: &Trial| {
                let others = trial.varied.iter().filter(|(other, _)| *other != path);
                let others: Vec<String> = others.map(|(path, value)| format!("{path}={value}")).collect();
                if only {
                    trial.family.clone()
                } else {
                    format!("{} {}", trial.family, others.join(" "))
                }
            };
            let mut rows: Vec<(String, Vec<Option<f64>>)> = Vec::new();
            for name in trials.iter().filter(|trial| trial.varied.contains_key(path)).map(row) {
                if rows.iter().any(|(known, _)| *known == name) {
                    continue;
                }
                let cell = |value: &&str| {
                    let own = trials.iter().filter(|trial| row(trial) == name);
                    let own = own.filter(|trial| trial.varied.get(path).is_some_and(|own| own == value));
                    let costs = own.map(|trial| trial.curve(main.axis, MEASURE).cost_to_reach(target));
                    mean(&costs.collect::<Option<Vec<_>>>()?)
                };
                let cells = columns.iter().map(cell).collect();
                rows.push((name, cells));
            }
            Self {
                param: path.to_owned(),
                target,
                axis: main.axis,
                columns: columns.into_iter().map(str::to_owned).collect(),
                rows,
            }
        };
        values.into_iter().map(map).collect()
    }

    /// What it shows, in words.
    #[must_use]
    pub fn title(&self) -> String {
        let (axis, target, param) = (self.axis.label(), self.target, &self.param);
        format!("Mean {axis} to reach AP50 {target:.3}, by {param}")
    }
}

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
#[path = "comparison_tests.rs"]
pub(super) mod tests;
