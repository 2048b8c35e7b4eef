//! What a forecast hears from a remote: records, and what guards have decided. Nothing of it goes into the store.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::{decided, decision};
use super::summary::RunError;
use crate::plan::NodeId;
use crate::remote::{Answered, Remote};
use crate::stage::KindInfo;
use crate::store::{Digest, Reason, Record};

/// A node that the store does not have.
pub(super) struct Question {
    pub(super) node: NodeId,
    pub(super) is_guard: bool,
    pub(super) key: Digest,
    /// Why it would run if the remote did not have it either.
    pub(super) reason: Reason,
}

/// What a remote has said.
pub(super) struct Answers<'a> {
    remote: &'a Remote,
    /// By key; none: it has no record that can be used.
    records: BTreeMap<Digest, Option<Box<Record>>>,
    /// By the digest of a decision: whether it says stop.
    stops: BTreeMap<Digest, bool>,
    /// Keys of which it has something that is no record.
    pub(super) damaged: BTreeSet<Digest>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(remote: &'a Remote) -> Self {
        Self {
            remote,
            records: BTreeMap::new(),
            stops: BTreeMap::new(),
            damaged: BTreeSet::new(),
        }
    }

    /// Asks for all that is not known yet, at once; then for what guards among it have decided.
    pub(super) fn ask<'k>(
        &mut self,
        questions: &[Question],
        kind: impl Fn(&Question) -> Option<&'k KindInfo>,
    ) -> Result<(), RunError> {
        let keys: BTreeSet<Digest> = questions.iter().map(|question| question.key).collect();
        let keys: Vec<Digest> = keys.into_iter().filter(|key| !self.records.contains_key(key)).collect();
        if !keys.is_empty() {
            // A remote that does not answer is told of after one question, not after all.
            self.remote.check()?;
        }
        for (key, answer) in keys.iter().zip(self.remote.ask_all(&keys)) {
            let record = match answer? {
                Answered::Has(record) => Some(record),
                Answered::HasNot => None,
                Answered::Damaged => {
                    self.damaged.insert(*key);
                    None
                }
            };
            self.records.insert(*key, record);
        }
        let mut decisions = BTreeMap::new();
        for question in questions.iter().filter(|question| question.is_guard) {
            let record = self.records.get(&question.key).and_then(Option::as_deref);
            let output = record
                .zip(kind(question))
                .and_then(|(record, kind)| decision(kind, record));
            decisions.extend(output.map(|output| (output.digest, output.bytes)));
        }
        decisions.retain(|digest, _| !self.stops.contains_key(digest));
        let wanted: Vec<(Digest, u64)> = decisions.into_iter().collect();
        for ((digest, _), text) in wanted.iter().zip(self.remote.read_all(&wanted)) {
            self.stops
                .extend(text?.and_then(|text| decided(&text).ok()).map(|stop| (*digest, stop)));
        }
        Ok(())
    }

    /// The record that answers a question, and whether it says stop. A guard whose decision is not there would run.
    pub(super) fn of(&self, question: &Question) -> Option<(&Record, bool)> {
        let record = self.records.get(&question.key)?.as_deref()?;
        if !question.is_guard {
            return Some((record, false));
        }
        let mut stops = record
            .outputs
            .values()
            .filter_map(|output| self.stops.get(&output.digest));
        stops.next().map(|stop| (record, *stop))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::super::test_support::{World, make, node, plan, under};
    use super::super::{Forecast, Places, explain, forecast};
    use super::*;
    use crate::plan::Plan;
    use crate::remote::{Location, Mode};

    fn remote(team: &Path) -> Remote {
        let place: Location = format!("file://{}", team.display()).parse().unwrap();
        Remote::open(&place, Mode::ReadWrite).unwrap()
    }

    fn run(team: &Path, plan: &Plan) {
        let mut world = World::new();
        world.options.remote = Some(remote(team).into());
        world.run(plan);
    }

    fn look(world: &World, team: &Path, plan: &Plan) -> Vec<String> {
        let remote = remote(team);
        let places = Places {
            store: &world.store,
            remote: Some(&remote),
        };
        let forecasts = forecast(plan, &world.registry, places, &world.options.force).unwrap();
        let explained = explain(plan, &world.registry, places, &world.options.force).unwrap();
        let explained: Vec<Forecast> = explained.into_iter().map(|stage| stage.forecast).collect();
        assert_eq!(forecasts, explained);
        let shown = forecasts.iter().map(|forecast| match forecast {
            Forecast::Hit { .. } => "hit",
            Forecast::Remote { .. } => "remote",
            Forecast::Run { .. } => "run",
            Forecast::Same { .. } => "same",
            Forecast::After { .. } => "after",
            Forecast::Maybe { .. } => "maybe",
            Forecast::Pruned { .. } => "pruned",
            Forecast::Fail { .. } => "fail",
        });
        shown.map(str::to_owned).collect()
    }

    fn below(folder: &Path) -> usize {
        let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| if path.is_dir() { below(&path) } else { 1 }).sum()
    }

    #[test]
    fn what_the_remote_has_is_told_as_far_as_its_records_reach_and_nothing_is_taken() {
        let team = tempfile::tempdir().unwrap();
        let chain = |last: &str| plan([make("a", &[]), make("b", &[0]), make(last, &[1]), make("d", &[2])]);
        run(team.path(), &chain("c"));
        let mut world = World::new();
        let before = below(world.store.root());
        assert_eq!(look(&world, team.path(), &chain("c")), ["remote"; 4]);
        assert_eq!(
            look(&world, team.path(), &chain("x")),
            ["remote", "remote", "run", "after"]
        );
        assert_eq!(below(world.store.root()), before, "a look takes nothing");
        world.run(&plan([make("a", &[])]));
        assert_eq!(
            look(&world, team.path(), &chain("c")),
            ["hit", "remote", "remote", "remote"]
        );
        world.options.force = vec!["b".to_owned()];
        assert_eq!(look(&world, team.path(), &chain("c")), ["hit", "run", "after", "after"]);
    }

    #[test]
    fn a_guard_on_the_remote_has_decided_unless_its_decision_is_lost() {
        let team = tempfile::tempdir().unwrap();
        let guard = |stop: bool, input| node("until", "guard", json!({"stop": stop}), &[input]);
        let rounds = plan([
            make("one", &[]),
            guard(false, 0),
            under(1, make("two", &[])),
            guard(true, 2),
            under(3, make("three", &[])),
        ]);
        run(team.path(), &rounds);
        let world = World::new();
        let told = look(&world, team.path(), &rounds);
        assert_eq!(told, ["remote", "remote", "remote", "remote", "pruned"]);
        fs_err::remove_dir_all(team.path().join("objects")).unwrap();
        let told = look(&world, team.path(), &rounds);
        assert_eq!(told, ["remote", "run", "maybe", "after", "maybe"]);
    }

    #[test]
    fn equal_stages_are_asked_for_once_and_only_the_first_would_run() {
        let team = tempfile::tempdir().unwrap();
        let two = |word: &str| {
            let same = |name: &str| node(name, "make", json!({"word": word}), &[]);
            plan([same("a"), same("b"), make("c", &[1])])
        };
        run(team.path(), &two("there"));
        let world = World::new();
        assert_eq!(look(&world, team.path(), &two("there")), ["remote"; 3]);
        assert_eq!(look(&world, team.path(), &two("not")), ["run", "same", "after"]);
    }
}
