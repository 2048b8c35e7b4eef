//! Making again what was made before and is lost, as far as a plan needs it, and nothing else.
//!
//! What lies behind a lost output cannot be looked up before that is made again. So this goes in waves: what is lost and can
//! be seen to be is run, then what can be seen after that. A stage that was never run is not lost.

use std::collections::BTreeSet;

use serde::Serialize;

use super::event::Moment;
use super::forecast::{Forecast, forecast};
use super::{End, Interrupt, RunError, RunOptions, run};
use crate::plan::Plan;
use crate::stage::Registry;
use crate::store::{Digest, Record, Store};

/// A stage that was run again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Repaired {
    /// The stage.
    pub stage: String,
    /// Why.
    pub reason: String,
    /// Its outputs with their digests.
    pub outputs: Vec<(String, Digest)>,
    /// The outputs that came out otherwise than they were recorded; what was made from them before is not used any more.
    pub changed: Vec<String>,
}

/// What came of a repair.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Repair {
    /// Stages that are whole again.
    pub repaired: Vec<Repaired>,
    /// Stages that could not be made again.
    pub lost: Vec<Lost>,
    /// Whether the user ended it.
    pub interrupted: bool,
}

/// A stage that was made before and is not whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lost {
    /// The stage.
    pub stage: String,
    /// Its key.
    pub key: Digest,
    /// What is lost.
    pub reason: String,
    #[serde(skip)]
    before: Option<Record>,
}

/// Runs the stages of a plan whose outputs or records are lost.
///
/// # Errors
/// When a run cannot go on at all. Stages that fail are in the answer.
pub fn repair(
    plan: &Plan,
    registry: &Registry,
    store: &Store,
    options: &RunOptions,
    events: &mut dyn FnMut(&Moment),
    interrupt: &Interrupt,
) -> Result<Repair, RunError> {
    let mut repair = Repair::default();
    let mut tried = BTreeSet::new();
    loop {
        let lost: Vec<Lost> = lost(plan, registry, store)?;
        let (again, failed): (Vec<Lost>, Vec<Lost>) = lost.into_iter().partition(|lost| !tried.contains(&lost.key));
        if again.is_empty() || repair.interrupted {
            repair.lost = failed.into_iter().chain(again).collect();
            return Ok(repair);
        }
        let names: Vec<String> = again.iter().map(|lost| lost.stage.clone()).collect();
        let part = plan.only(&names).expect("these are the plan's own names");
        let summary = run(&part, registry, store, options, events, interrupt)?;
        repair.interrupted = summary.interrupted;
        for lost in again {
            tried.insert(lost.key);
            let nodes = part.nodes.iter().zip(&summary.nodes);
            let mut named = nodes.filter(|(node, _)| node.name == lost.stage);
            // Cached: another lost stage had the same key, or another run was faster.
            if let Some((_, node)) = named.next()
                && matches!(node.end, End::Ran | End::Cached)
                && let Some(record) = &node.record
            {
                repair.repaired.push(lost.repaired(record));
            }
        }
    }
}

/// The nodes that were made under the key that they have now, and whose record or outputs are not at hand.
fn lost(plan: &Plan, registry: &Registry, store: &Store) -> Result<Vec<Lost>, RunError> {
    let mut found = Vec::new();
    for (node, forecast) in plan.nodes.iter().zip(forecast(plan, registry, store, &[])?) {
        let Forecast::Run { key, reason } = forecast else {
            continue;
        };
        let Ok(key) = key.parse::<Digest>() else { continue };
        let before = store.record(&key)?;
        if before.is_some() || store.remembers(&node.name, &key) {
            let reason = if before.is_some() {
                reason
            } else {
                "its record is lost".to_owned()
            };
            found.push(Lost {
                stage: node.name.clone(),
                key,
                reason,
                before,
            });
        }
    }
    Ok(found)
}

impl Lost {
    fn repaired(self, now: &Record) -> Repaired {
        let before = |name: &String| self.before.as_ref().and_then(|record| record.outputs.get(name));
        let changed = now
            .outputs
            .iter()
            .filter(|(name, output)| before(name).is_some_and(|old| old != *output));
        Repaired {
            changed: changed.map(|(name, _)| name.clone()).collect(),
            outputs: now
                .outputs
                .iter()
                .map(|(name, output)| (name.clone(), output.digest))
                .collect(),
            stage: self.stage,
            reason: self.reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::Summary;
    use super::super::test_support::{World, make, node, plan};
    use super::*;

    fn repaired(world: &World, plan: &Plan) -> (Repair, Vec<String>) {
        world.take_calls();
        let repair = repair(
            plan,
            &world.registry,
            &world.store,
            &world.options,
            &mut |_| {},
            &world.interrupt,
        );
        (repair.unwrap(), world.take_calls())
    }

    fn object(world: &World, summary: &Summary, node: usize) -> PathBuf {
        let digest = summary.nodes[node].record.as_ref().unwrap().outputs["out"]
            .digest
            .to_string();
        world.store.root().join("objects").join(&digest[..2]).join(&digest[2..])
    }

    fn record(world: &World, summary: &Summary, node: usize) -> PathBuf {
        let key = summary.nodes[node].record.as_ref().unwrap().key.to_string();
        world
            .store
            .root()
            .join("records")
            .join(&key[..2])
            .join(format!("{key}.json"))
    }

    #[test]
    fn only_what_was_lost_is_made_again_and_not_what_was_never_made() {
        let world = World::new();
        let whole = plan([make("a", &[]), make("b", &[0]), make("c", &[1]), make("d", &[0])]);
        let part = whole.only(&["c".to_owned()]).unwrap();
        let (summary, _) = world.run(&part);
        fs_err::remove_file(object(&world, &summary, 1)).unwrap();
        let (repair, calls) = repaired(&world, &whole);
        assert_eq!(calls, ["b"]);
        assert_eq!(repair.repaired[0].stage, "b");
        assert!(
            repair.repaired[0].changed.is_empty() && repair.lost.is_empty(),
            "{repair:?}"
        );
        assert_eq!(repaired(&world, &whole), (Repair::default(), Vec::new()));
    }

    #[test]
    fn loss_behind_loss_is_made_again_in_waves() {
        let world = World::new();
        let plan = plan([make("a", &[]), make("b", &[0]), make("c", &[1])]);
        let (summary, _) = world.run(&plan);
        fs_err::remove_file(record(&world, &summary, 0)).unwrap();
        fs_err::remove_file(object(&world, &summary, 2)).unwrap();
        let (repair, calls) = repaired(&world, &plan);
        assert_eq!(calls, ["a", "c"]);
        let reasons: Vec<&str> = repair
            .repaired
            .iter()
            .map(|repaired| repaired.reason.as_str())
            .collect();
        assert_eq!(
            reasons,
            ["its record is lost", "output `out` is missing from the store"]
        );
    }

    #[test]
    fn an_output_that_comes_out_otherwise_is_told() {
        let world = World::new();
        let plan = plan([node("far", "remote", json!({"do": "pid"}), &[])]);
        let (summary, _) = world.run(&plan);
        fs_err::remove_file(object(&world, &summary, 0)).unwrap();
        let (repair, _) = repaired(&world, &plan);
        assert_eq!(repair.repaired[0].changed, ["out"]);
    }

    #[test]
    fn what_fails_stays_lost_and_does_not_go_on_for_ever() {
        let world = World::new();
        let plan = plan([node("far", "remote", json!({"do": "well"}), &[])]);
        let (summary, _) = world.run(&plan);
        fs_err::remove_file(object(&world, &summary, 0)).unwrap();
        fs_err::write(world.folder.path().join("asm-pipe-fake"), "#!/bin/sh\nexit 3\n").unwrap();
        let (repair, _) = repaired(&world, &plan);
        assert!(repair.repaired.is_empty());
        assert_eq!(repair.lost[0].stage, "far");
    }
}
