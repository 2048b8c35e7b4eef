//! How long a run would take and how much it would keep, by what its stages took before.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Forecast;
use crate::plan::{Node, Plan};
use crate::store::{Record, Store};

/// What a stage is likely to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Seconds of work.
    pub seconds: f64,
    /// Bytes of outputs.
    pub bytes: u64,
}

impl Estimate {
    fn of(record: &Record) -> Self {
        Self {
            seconds: record.seconds,
            bytes: record.outputs.values().map(|output| output.bytes).sum(),
        }
    }
}

/// For each node that would or might run: what the latest stage of its name took, best one with the same params; for one whose name
/// is new, the mean of its stage's other rounds and pipelines. None for those that would not run or of which nothing is known.
#[must_use]
pub fn estimate(plan: &Plan, forecasts: &[Forecast], store: &Store) -> Vec<Option<Estimate>> {
    let runs = |forecast: &Forecast| {
        matches!(
            forecast,
            Forecast::Run { .. } | Forecast::After { .. } | Forecast::Maybe { .. }
        )
    };
    let known: Vec<Option<Estimate>> = plan.nodes.iter().map(|node| before(node, store)).collect();
    let mut alike: BTreeMap<(&str, &str), Vec<Estimate>> = BTreeMap::new();
    for (node, estimate) in plan.nodes.iter().zip(&known) {
        alike.entry((&node.kind, &node.stage)).or_default().extend(estimate);
    }
    let rows = plan.nodes.iter().zip(forecasts).zip(&known);
    rows.map(|((node, forecast), own)| {
        let others = || {
            alike
                .get(&(node.kind.as_str(), node.stage.as_str()))
                .and_then(|all| mean(all))
        };
        runs(forecast).then(|| own.or_else(others)).flatten()
    })
    .collect()
}

fn before(node: &Node, store: &Store) -> Option<Estimate> {
    let mut latest = None;
    for record in store
        .recent(&node.name)
        .filter(|record| record.material.kind == node.kind)
    {
        let mut params = record.material.params.as_object().into_iter().flatten();
        if params.all(|(name, value)| node.params.get(name) == Some(value)) {
            return Some(Estimate::of(&record));
        }
        latest.get_or_insert(Estimate::of(&record));
    }
    latest
}

fn mean(all: &[Estimate]) -> Option<Estimate> {
    let count = all.len();
    (count > 0).then(|| Estimate {
        seconds: all.iter().map(|one| one.seconds).sum::<f64>() / count as f64,
        bytes: all.iter().map(|one| one.bytes).sum::<u64>() / count as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::super::forecast;
    use super::super::test_support::{World, make, plan};
    use super::*;

    #[test]
    fn what_has_run_before_is_known_and_what_is_cached_takes_nothing() {
        let world = World::new();
        let before = plan([make("a", &[]), make("b", &[0])]);
        world.run(&before);
        let mut after = plan([make("a", &[]), make("b", &[0]), make("new", &[1])]);
        after.nodes[1].params["show"] = "other".into();
        let forecasts = forecast(&after, &world.registry, &world.store, &[]).unwrap();
        let found = estimate(&after, &forecasts, &world.store);
        assert_eq!((found[0], found[2]), (None, None));
        assert_eq!(found[1].unwrap().bytes, "ab".len() as u64);
    }

    #[test]
    fn what_ran_with_the_same_params_counts_before_what_ran_last() {
        let world = World::new();
        let with = |show: &str| {
            let mut plan = plan([make("a", &[]), make("b", &[0])]);
            plan.nodes[1].params["show"] = show.into();
            plan
        };
        world.run(&with("long text"));
        world.run(&with("x"));
        let mut again = with("long text");
        again.nodes[0].params["show"] = "other".into();
        let forecasts = forecast(&again, &world.registry, &world.store, &[]).unwrap();
        let found = estimate(&again, &forecasts, &world.store);
        assert_eq!(found[1].unwrap().bytes, "along text".len() as u64);
    }

    #[test]
    fn a_round_that_is_new_takes_what_the_others_took() {
        let world = World::new();
        let mut rounds = plan([make("round-1.x", &[]), make("round-2.x", &[0])]);
        for node in &mut rounds.nodes {
            node.stage = "x".to_owned();
        }
        let first = plan([rounds.nodes[0].clone()]);
        world.run(&first);
        let forecasts = forecast(&rounds, &world.registry, &world.store, &[]).unwrap();
        let found = estimate(&rounds, &forecasts, &world.store);
        assert_eq!(found[1].unwrap().bytes, "round-1.x".len() as u64);
    }
}
