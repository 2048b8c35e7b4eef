//! Who beats whom at costs that double (Ash et al. 2020).

use std::collections::BTreeMap;

use super::Curves;
use crate::statistics::{checkpoints, mean, penalties};

/// At costs that double up to where the random baseline has 99 % of its last value, or the end of the range.
pub(super) fn penalty_matrix(
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
