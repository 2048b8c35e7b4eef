//! What a run would do and why, without doing any of it.
//!
//! A node can be looked up as long as everything before it is in the store. Behind the first that is not, keys are unknown:
//! such a node comes after the one that will run, and the reason is that one's. It may still turn out to be a hit, if what runs
//! gives the same bytes as before.

use std::collections::BTreeMap;

use serde::Serialize;

use super::resolve::{resolve, says_stop};
use super::task::{End, Fate, Task, UnknownKind, tasks};
use crate::plan::{Node, NodeId, Plan};
use crate::stage::{Registry, StageError};
use crate::store::{Lookup, Reason, Record, Store};

/// What a run would do with a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "would", rename_all = "kebab-case")]
pub enum Forecast {
    /// The store has it.
    Hit {
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

/// What a run of the plan would do, node by node in the plan's order. `force` as in [`super::RunOptions`].
///
/// # Errors
/// When the plan was made with another registry.
pub fn forecast(plan: &Plan, registry: &Registry, store: &Store, force: &[String]) -> Result<Vec<Forecast>, UnknownKind> {
    let tasks = tasks(plan, registry)?;
    let mut seen = Seen {
        plan,
        forecasts: Vec::new(),
        records: Vec::new(),
        stops: Vec::new(),
        makers: BTreeMap::new(),
    };
    for (node, task) in plan.nodes.iter().zip(&tasks) {
        let forecast = match seen.before(task) {
            Some(forecast) => forecast,
            None => {
                let kind = registry.get(&node.kind).expect("checked when the tasks were made");
                let forced = is_forced(node, force);
                match seen.look_up(store, &kind.info, node, forced) {
                    Ok(forecast) => forecast,
                    Err(error) => Forecast::Fail {
                        stage: node.name.clone(),
                        message: error.message,
                        hints: error.hints,
                    },
                }
            }
        };
        seen.forecasts.push(forecast);
        seen.records.resize(seen.forecasts.len(), None);
        seen.stops.resize(seen.forecasts.len(), false);
    }
    Ok(seen.forecasts)
}

/// Whether the user wants a stage run again: by its name in the plan, or in its pipeline.
pub(crate) fn is_forced(node: &Node, force: &[String]) -> bool {
    let is = |name: &String| *name == node.name || *name == node.stage || node.aliases.contains(name);
    force.iter().any(is)
}

struct Seen<'a> {
    plan: &'a Plan,
    forecasts: Vec<Forecast>,
    records: Vec<Option<Record>>,
    stops: Vec<bool>,
    /// Who would make a key.
    makers: BTreeMap<String, NodeId>,
}

impl Seen<'_> {
    /// What follows for a node from those before it; none if they are all in the store and it can be looked up.
    fn before(&self, task: &Task) -> Option<Forecast> {
        if let Some(forecast) = self.under_guard(task) {
            return Some(forecast);
        }
        // As if all that is not sure to be pruned were made: what is left out for sure is.
        let end = |node: NodeId| match self.forecasts[node.0] {
            Forecast::Pruned { .. } => End::Pruned,
            Forecast::Fail { .. } => End::Failed,
            _ => End::Cached,
        };
        match task.fate(end, |guard| self.stops[guard.0]) {
            Fate::Pruned(by) => {
                let guard = match &self.forecasts[by.0] {
                    Forecast::Pruned { guard } => guard.clone(),
                    _ => self.name(by),
                };
                return Some(Forecast::Pruned { guard });
            }
            Fate::Skipped(by) => return Some(self.forecasts[by.0].clone()),
            Fate::Wanted => {}
        }
        let sources = || task.ports.iter().flat_map(|port| &port.sources);
        // A node that surely runs says more than one that may.
        let after = sources().find_map(|source| {
            let root = self.root(*source)?;
            let stage = self.name(*source);
            let is_sure = !matches!(self.forecasts[source.0], Forecast::Maybe { .. });
            is_sure.then_some(Forecast::After { stage, root })
        });
        after.or_else(|| {
            sources().find_map(|source| match &self.forecasts[source.0] {
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
        let first = match &self.forecasts[guard.0] {
            Forecast::Maybe { guard, .. } => guard.clone(),
            _ => self.name(guard),
        };
        Some(Forecast::Maybe { guard: first, root })
    }

    /// Where the work begins that brings a node about; none if it does not have to be made.
    fn root(&self, node: NodeId) -> Option<Root> {
        match &self.forecasts[node.0] {
            Forecast::Run { reason, .. } => Some(Root {
                stage: self.name(node),
                reason: reason.clone(),
            }),
            Forecast::After { root, .. } | Forecast::Maybe { root, .. } => Some(root.clone()),
            Forecast::Same { key, .. } => self.makers.get(key).and_then(|maker| self.root(*maker)),
            Forecast::Hit { .. } | Forecast::Pruned { .. } | Forecast::Fail { .. } => None,
        }
    }

    fn look_up(
        &mut self,
        store: &Store,
        kind: &crate::stage::KindInfo,
        node: &Node,
        forced: bool,
    ) -> Result<Forecast, StageError> {
        let resolved = resolve(store, kind, node, |before| self.records[before.0].as_ref())?;
        let key = resolved.key.to_string();
        if let Some(maker) = self.makers.get(&key) {
            let stage = self.name(*maker);
            return Ok(Forecast::Same { key, stage });
        }
        let lookup = if forced {
            Lookup::Miss(Reason::Forced)
        } else {
            let lookup = store.lookup(&node.name, &resolved.material);
            lookup.map_err(|e| super::resolve::store_error(&e))?
        };
        let at = NodeId(self.forecasts.len());
        match lookup {
            Lookup::Hit(record) => {
                let is_guard = self.plan.nodes.iter().any(|node| node.guard == Some(at));
                self.stops.push(is_guard && says_stop(store, kind, &record)?);
                self.records.push(Some(record));
                Ok(Forecast::Hit { key })
            }
            Lookup::Miss(reason) => {
                self.makers.insert(key.clone(), at);
                let reason = reason.to_string();
                Ok(Forecast::Run { key, reason })
            }
        }
    }

    fn name(&self, node: NodeId) -> String {
        self.plan.nodes[node.0].name.clone()
    }
}
