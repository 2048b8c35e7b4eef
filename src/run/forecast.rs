//! What a run would do and why, without doing any of it.
//!
//! A node can be looked up as long as everything before it is in the store. Behind the first that is not, keys are unknown:
//! such a node comes after the one that will run, and the reason is that one's. It may still turn out to be a hit, if what runs
//! gives the same bytes as before.
//!
//! A remote is asked for what the store does not have: for all keys at once that are known, again and again, as a record that is there
//! makes the keys behind it known. Nothing of what it has is taken; of objects only a guard's decision is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::answers::{Answers, Question};
use super::resolve::{Outside, resolve, says_stop};
use super::summary::RunError;
use super::task::{End, Fate, Task, tasks};
use super::turns::Turns;
use crate::plan::{Node, NodeId, Plan};
use crate::remote::Remote;
use crate::stage::{KindInfo, Registry, StageError};
use crate::store::{Digest, Lookup, Reason, Record, Store};

/// What a run would do with a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "would", rename_all = "kebab-case")]
pub enum Forecast {
    /// The store has it.
    Hit {
        /// Its key.
        key: String,
    },
    /// The remote has it: it would be fetched.
    Remote {
        /// Its key.
        key: String,
    },
    /// It would run.
    Run {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
    /// An equal stage earlier in the plan would run, and this one take its outputs.
    Same {
        /// The key of both.
        key: String,
        /// The other stage.
        stage: String,
    },
    /// It needs what a stage that would run makes.
    After {
        /// That stage.
        stage: String,
        /// The stage and the reason at the root of it all.
        root: Root,
    },
    /// A guard has not decided yet: it would run, or be left out.
    Maybe {
        /// The guard.
        guard: String,
        /// The stage and the reason at the root of it all.
        root: Root,
    },
    /// A guard says stop before it.
    Pruned {
        /// The guard.
        guard: String,
    },
    /// Its key cannot be found out: it, or something that it needs, would fail.
    Fail {
        /// The stage that would.
        stage: String,
        /// Why.
        message: String,
        /// What to try.
        hints: Vec<String>,
    },
}

/// Where a wave of work begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Root {
    /// The stage.
    pub stage: String,
    /// Why it would run.
    pub reason: String,
}

impl std::fmt::Display for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.stage, self.reason)
    }
}

/// Where outputs may be at hand.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The store.
    pub store: &'a Store,
    /// The remote, which is asked for what the store does not have.
    pub remote: Option<&'a Remote>,
}

impl<'a> From<&'a Store> for Places<'a> {
    fn from(store: &'a Store) -> Self {
        Self { store, remote: None }
    }
}

/// What a run of the plan would do, node by node in the plan's order. `force` as in [`super::RunOptions`].
///
/// # Errors
/// When the plan was made with another registry, or does not have a stage to force, or the remote cannot be asked.
pub fn forecast<'a>(
    plan: &Plan,
    registry: &Registry,
    places: impl Into<Places<'a>>,
    force: &[String],
) -> Result<Vec<Forecast>, RunError> {
    Ok(foresee(plan, registry, places.into(), force)?.into_forecasts())
}

/// The forecasts with what was found on the way.
pub(super) fn foresee<'a>(
    plan: &'a Plan,
    registry: &Registry,
    places: Places<'a>,
    force: &[String],
) -> Result<Seen<'a>, RunError> {
    let tasks = tasks(plan, registry)?;
    check_forced(plan, force)?;
    let count = plan.nodes.len();
    let mut seen = Seen {
        plan,
        guards: plan.nodes.iter().filter_map(|node| node.guard).collect(),
        store: places.store,
        outside: Outside::new(places.store),
        forecasts: vec![None; count],
        records: vec![None; count],
        reasons: BTreeMap::new(),
        stops: vec![false; count],
        makers: BTreeMap::new(),
        answers: places.remote.map(Answers::new),
    };
    // Without a remote no question is left open, and this is the plan's order.
    let mut turns = Turns::of(&tasks);
    loop {
        let mut open = Vec::new();
        while let Some(at) = turns.next() {
            let (node, task) = (&plan.nodes[at.0], &tasks[at.0]);
            let forecast = match seen.before(task) {
                Some(forecast) => forecast,
                None => {
                    let kind = node.info(registry).expect("checked when the tasks were made");
                    match seen.look_up(kind, at, is_forced(node, force)) {
                        Ok(Step::Seen(forecast)) => forecast,
                        Ok(Step::Open(question)) => {
                            open.push(*question);
                            continue;
                        }
                        Err(error) => failing(node, error),
                    }
                }
            };
            seen.forecasts[at.0] = Some(forecast);
            turns.end(at);
        }
        if open.is_empty() {
            return Ok(seen);
        }
        let answers = seen.answers.as_mut().expect("who else leaves a question open");
        answers.ask(&open, |question| plan.nodes[question.node.0].info(registry))?;
        for question in open {
            let at = question.node;
            seen.forecasts[at.0] = Some(seen.answered(question));
            turns.end(at);
        }
    }
}

fn failing(node: &Node, error: StageError) -> Forecast {
    Forecast::Fail {
        stage: node.name.clone(),
        message: error.message,
        hints: error.hints,
    }
}

/// Whether the user wants a stage run again: by its name in the plan, or in its pipeline.
pub(crate) fn is_forced(node: &Node, force: &[String]) -> bool {
    let is = |name: &String| *name == node.name || *name == node.stage || node.aliases.contains(name);
    force.iter().any(is)
}

/// Whether each name to force is a stage's: a mistyped one must not pass for done.
pub(crate) fn check_forced(plan: &Plan, force: &[String]) -> Result<(), RunError> {
    let is_there = |name: &&String| {
        plan.nodes
            .iter()
            .any(|node| is_forced(node, std::slice::from_ref(*name)))
    };
    let unknown = force.iter().find(|name| !is_there(name));
    unknown.map_or(Ok(()), |name| Err(RunError::NoSuchStage(name.clone())))
}

pub(super) struct Seen<'a> {
    plan: &'a Plan,
    guards: BTreeSet<NodeId>,
    store: &'a Store,
    pub(super) outside: Outside<'a>,
    /// None until its turn has come.
    forecasts: Vec<Option<Forecast>>,
    /// Of those that the store or the remote has.
    pub(super) records: Vec<Option<Record>>,
    /// Why those are not in the store that could be looked for.
    pub(super) reasons: BTreeMap<NodeId, Reason>,
    stops: Vec<bool>,
    /// Who would make a key.
    makers: BTreeMap<String, NodeId>,
    /// What a remote has said, if there is one.
    pub(super) answers: Option<Answers<'a>>,
}

/// How looking a node up went.
enum Step {
    Seen(Forecast),
    /// The remote is to be asked.
    Open(Box<Question>),
}

impl Seen<'_> {
    /// What a run would do with a node.
    pub(super) fn forecast(&self, node: NodeId) -> &Forecast {
        self.forecasts[node.0].as_ref().expect("its turn has come")
    }

    pub(super) fn into_forecasts(self) -> Vec<Forecast> {
        self.forecasts.into_iter().flatten().collect()
    }

    /// What follows for a node from those before it; none if they are all in the store and it can be looked up.
    fn before(&self, task: &Task) -> Option<Forecast> {
        if let Some(forecast) = self.under_guard(task) {
            return Some(forecast);
        }
        // As if all that is not sure to be pruned were made: what is left out for sure is.
        let end = |node: NodeId| match self.forecast(node) {
            Forecast::Pruned { .. } => End::Pruned,
            Forecast::Fail { .. } => End::Failed,
            _ => End::Cached,
        };
        match task.fate(end, |guard| self.stops[guard.0]) {
            Fate::Pruned(by) => {
                let guard = match self.forecast(by) {
                    Forecast::Pruned { guard } => guard.clone(),
                    _ => self.name(by),
                };
                return Some(Forecast::Pruned { guard });
            }
            Fate::Skipped(by) => return Some(self.forecast(by).clone()),
            Fate::Wanted => {}
        }
        let sources = || task.ports.iter().flat_map(|port| &port.sources);
        // A node that surely runs says more than one that may.
        let after = sources().find_map(|source| {
            let root = self.root(*source)?;
            let stage = self.name(*source);
            let is_sure = !matches!(self.forecast(*source), Forecast::Maybe { .. });
            is_sure.then_some(Forecast::After { stage, root })
        });
        after.or_else(|| {
            sources().find_map(|source| match self.forecast(*source) {
                Forecast::Maybe { guard, root } => self.behind_maybe(task, *source, guard, root),
                _ => None,
            })
        })
    }

    /// A collector of rounds runs in any case, after those that happen; whoever needs the very node may not run.
    fn behind_maybe(&self, task: &Task, source: NodeId, guard: &str, root: &Root) -> Option<Forecast> {
        use super::task::Need;
        let port = task.ports.iter().find(|port| port.sources.contains(&source))?;
        let (guard, root) = (guard.to_owned(), root.clone());
        Some(match port.need {
            Need::One => Forecast::Maybe { guard, root },
            Need::Some | Need::Optional => Forecast::After { stage: guard, root },
        })
    }

    /// What an undecided guard makes of a node. A guard that is in the store has decided.
    fn under_guard(&self, task: &Task) -> Option<Forecast> {
        let guard = task.guard?;
        let root = self.root(guard)?;
        let first = match self.forecast(guard) {
            Forecast::Maybe { guard, .. } => guard.clone(),
            _ => self.name(guard),
        };
        Some(Forecast::Maybe { guard: first, root })
    }

    /// Where the work begins that brings a node about; none if it does not have to be made.
    fn root(&self, node: NodeId) -> Option<Root> {
        match self.forecast(node) {
            Forecast::Run { reason, .. } => Some(Root {
                stage: self.name(node),
                reason: reason.clone(),
            }),
            Forecast::After { root, .. } | Forecast::Maybe { root, .. } => Some(root.clone()),
            Forecast::Same { key, .. } => self.makers.get(key).and_then(|maker| self.root(*maker)),
            Forecast::Hit { .. } | Forecast::Remote { .. } | Forecast::Pruned { .. } | Forecast::Fail { .. } => None,
        }
    }

    fn look_up(&mut self, kind: &KindInfo, at: NodeId, forced: bool) -> Result<Step, StageError> {
        let node = &self.plan.nodes[at.0];
        let resolved = resolve(&mut self.outside, kind, node, |before| self.records[before.0].as_ref())?;
        let key = resolved.key.to_string();
        if let Some(maker) = self.makers.get(&key) {
            let stage = self.name(*maker);
            return Ok(Step::Seen(Forecast::Same { key, stage }));
        }
        let lookup = if forced {
            Lookup::Miss(Reason::Forced)
        } else {
            let lookup = self.store.lookup(&node.name, &resolved.material);
            lookup.map_err(|e| super::resolve::store_error(&e))?
        };
        match lookup {
            Lookup::Hit(record) => {
                self.stops[at.0] = self.guards.contains(&at) && says_stop(self.store, kind, &record)?;
                self.records[at.0] = Some(record);
                Ok(Step::Seen(Forecast::Hit { key }))
            }
            Lookup::Miss(reason) if self.answers.is_none() || forced => {
                Ok(Step::Seen(self.made(at, &resolved.key, reason)))
            }
            Lookup::Miss(reason) => Ok(Step::Open(Box::new(Question {
                node: at,
                is_guard: self.guards.contains(&at),
                key: resolved.key,
                reason,
            }))),
        }
    }

    /// What follows for a node from what the remote has said.
    fn answered(&mut self, question: Question) -> Forecast {
        let (at, key) = (question.node, question.key.to_string());
        let answers = self.answers.as_ref();
        if let Some((record, stop)) = answers.and_then(|answers| answers.of(&question)) {
            self.stops[at.0] = stop;
            self.records[at.0] = Some(record.clone());
            return Forecast::Remote { key };
        }
        match self.makers.get(&key) {
            Some(maker) => Forecast::Same {
                stage: self.name(*maker),
                key,
            },
            None => self.made(at, &question.key, question.reason),
        }
    }

    /// A node that would run.
    fn made(&mut self, at: NodeId, key: &Digest, reason: Reason) -> Forecast {
        let key = key.to_string();
        self.makers.insert(key.clone(), at);
        let text = reason.to_string();
        self.reasons.insert(at, reason);
        Forecast::Run { key, reason: text }
    }

    fn name(&self, node: NodeId) -> String {
        self.plan.nodes[node.0].name.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::End;
    use super::super::test_support::{World, make, node, plan, under};
    use super::*;

    fn look(world: &World, plan: &Plan) -> Vec<String> {
        let forecasts = forecast(plan, &world.registry, &world.store, &world.options.force).unwrap();
        forecasts.iter().map(shown).collect()
    }

    fn shown(forecast: &Forecast) -> String {
        match forecast {
            Forecast::Hit { .. } => "hit".into(),
            Forecast::Remote { .. } => "remote".into(),
            Forecast::Run { reason, .. } => format!("run: {reason}"),
            Forecast::Same { stage, .. } => format!("same as {stage}"),
            Forecast::After { stage, root } => format!("after {stage}: {root}"),
            Forecast::Maybe { guard, root } => format!("maybe {guard}: {root}"),
            Forecast::Pruned { guard } => format!("pruned {guard}"),
            Forecast::Fail { stage, message, .. } => format!("fail {stage}: {message}"),
        }
    }

    fn chain(certain: f64) -> Plan {
        let merge = node("merge", "make", json!({"word": "merge", "certain": certain}), &[0]);
        plan([
            make("detect", &[]),
            merge,
            make("select", &[1]),
            make("train", &[2]),
            make("other", &[0]),
        ])
    }

    #[test]
    fn downstream_stages_name_the_param_at_the_root() {
        let world = World::new();
        world.run(&chain(0.8));
        assert_eq!(look(&world, &chain(0.8)), ["hit"; 5]);
        let root = "`merge`: param `certain` changed from 0.8 to 0.7";
        let expected = [
            "hit".to_owned(),
            "run: param `certain` changed from 0.8 to 0.7".to_owned(),
            format!("after merge: {root}"),
            format!("after select: {root}"),
            "hit".to_owned(),
        ];
        assert_eq!(look(&world, &chain(0.7)), expected);
    }

    fn rounds(stop: bool, threshold: f64) -> Plan {
        let guard = |stop: bool, input| {
            node(
                "until",
                "guard",
                json!({"stop": stop, "threshold": threshold}),
                &[input],
            )
        };
        plan([
            make("one", &[]),
            guard(stop, 0),
            under(1, make("two", &[0])),
            under(1, guard(false, 2)),
            under(3, make("three", &[2])),
            make("table", &[0, 2, 4]),
        ])
    }

    #[test]
    fn behind_an_undecided_guard_is_a_maybe_and_a_collector_runs_in_any_case() {
        let world = World::new();
        let root = "`one`: first run";
        let expected = [
            "run: first run",
            "after one",
            "maybe until",
            "maybe until",
            "maybe until",
            "after one",
        ];
        for (found, expected) in look(&world, &rounds(false, 0.1)).iter().zip(expected) {
            assert!(
                found.starts_with(expected) && found.ends_with("first run"),
                "{found}: {expected} {root}"
            );
        }
        world.run(&rounds(true, 0.1));
        let found = look(&world, &rounds(true, 0.1));
        assert_eq!(
            found,
            ["hit", "hit", "pruned until", "pruned until", "pruned until", "hit"]
        );
        let found = look(&world, &rounds(true, 0.2));
        let root = "`until`: param `threshold` changed from 0.1 to 0.2";
        assert_eq!(found[0], "hit");
        assert_eq!(found[2], format!("maybe until: {root}"));
        assert_eq!(found[5], format!("after until: {root}"));
    }

    #[test]
    fn an_equal_stage_earlier_in_the_plan_is_named() {
        let world = World::new();
        let same = |name: &str| node(name, "make", json!({"word": "w"}), &[]);
        let found = look(&world, &plan([same("a"), same("b"), make("c", &[1])]));
        assert_eq!(found, ["run: first run", "same as a", "after b: `a`: first run"]);
    }

    #[test]
    fn a_missing_file_is_told_for_all_that_needs_it() {
        let world = World::new();
        let found = look(
            &world,
            &plan([node("read", "read", json!({"path": "/no/such"}), &[]), make("b", &[0])]),
        );
        assert!(found[0].starts_with("fail read: param `path`: "), "{found:?}");
        assert_eq!(found[0], found[1]);
    }

    #[test]
    fn a_forced_stage_would_run() {
        let mut world = World::new();
        world.run(&chain(0.8));
        world.options.force = vec!["select".to_owned()];
        let found = look(&world, &chain(0.8));
        assert_eq!(
            found,
            ["hit", "hit", "run: forced", "after select: `select`: forced", "hit"]
        );
    }

    fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => files(&path, found),
                false => found.push(path),
            }
        }
    }

    #[test]
    fn nothing_is_touched() {
        let world = World::new();
        world.run(&rounds(true, 0.1));
        let all = || {
            let mut found = Vec::new();
            files(world.folder.path(), &mut found);
            found.sort();
            found
        };
        let before = all();
        look(&world, &chain(0.8));
        look(&world, &rounds(true, 0.3));
        assert_eq!(all(), before);
        let calls = world.take_calls();
        assert_eq!(calls, ["guard", "one", "table"]);
    }

    #[test]
    fn a_run_does_what_was_forecast() {
        let world = World::new();
        world.run(&chain(0.8));
        let params: [Value; 2] = [json!({"word": "x"}), json!({"word": "merge", "certain": 0.8})];
        for params in params {
            let mut changed = chain(0.8);
            changed.nodes[1].params = params;
            let forecasts = forecast(&changed, &world.registry, &world.store, &[]).unwrap();
            let (summary, _) = world.run(&changed);
            for (forecast, node) in forecasts.iter().zip(&summary.nodes) {
                let expected = match forecast {
                    Forecast::Hit { .. } => End::Cached,
                    _ => End::Ran,
                };
                assert_eq!(node.end, expected, "{forecast:?}");
            }
        }
    }
}
