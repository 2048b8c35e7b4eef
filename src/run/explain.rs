//! Why each stage would run: all that differs from the nearest earlier record, and where what differs comes from.
//!
//! For a stage behind one that will run the key is not known, but its kind, its params and the inputs that are at hand are: what
//! has changed of these is told. What it will get is not compared.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::forecast::{Forecast, Places, Seen, foresee};
use super::keys::{External, OUTSIDE, externals, taking_part};
use super::resolve::{Resolved, resolve};
use super::summary::RunError;
use crate::plan::{Node, NodeId, Plan};
use crate::stage::{KindInfo, Registry};
use crate::store::{Digest, Explanation, FileChanges, Reason, Record, Store};

/// What a run would do with a stage, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The stage's name in the plan.
    pub stage: String,
    /// Its kind.
    pub kind: String,
    /// What a run would do.
    pub forecast: Forecast,
    /// The record that it is, here or on the remote, or that it was compared with.
    pub record: Option<Earlier>,
    /// All differences to that record. None for what is at hand or on the remote, and for a stage that would only get other inputs.
    pub causes: Vec<Cause>,
}

/// A record in the store.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Earlier {
    /// Its key.
    pub key: Digest,
    /// The stage's name when it was made.
    pub stage: String,
    /// The run that made it.
    pub run: String,
    /// Seconds since 1970 (UTC).
    pub finished_at: u64,
    /// How long it took.
    pub seconds: f64,
}

/// A difference, with what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// The difference.
    pub what: Reason,
    /// For an input: where it comes from.
    pub from: Option<Source>,
    /// For a folder outside the store: which files differ, when that is known.
    pub files: Option<FileChanges>,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum Source {
    /// From a stage.
    Stage {
        /// Its name in the plan.
        stage: String,
        /// Which of its outputs.
        output: String,
    },
    /// From a path outside the store.
    Path {
        /// The path, as the param has it.
        path: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage { stage, output } => write!(f, "`{stage}.{output}`"),
            Self::Path { path } => write!(f, "`{path}`"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(from) = &self.from {
            write!(f, ", from {from}")?;
        }
        match (&self.what, &self.files) {
            (_, Some(files)) => write!(f, ": {files}"),
            (
                Reason::InputChanged {
                    old: Some(old),
                    new: Some(new),
                    ..
                },
                None,
            ) => write!(f, ": {} is now {}", old.short(), new.short()),
            _ => Ok(()),
        }
    }
}

/// Says what a run of the plan would do and why, node by node in the plan's order. `force` as in [`super::RunOptions`].
///
/// # Errors
/// When the plan was made with another registry, or does not have a stage to force, or the remote cannot be asked.
pub fn explain<'a>(
    plan: &'a Plan,
    registry: &Registry,
    places: impl Into<Places<'a>>,
    force: &[String],
) -> Result<Vec<Explained>, RunError> {
    let places = places.into();
    let store = places.store;
    let mut seen = foresee(plan, registry, places, force)?;
    let explained = plan.iter().map(|(id, node)| {
        let kind = node.info(registry).expect("checked by the forecast");
        let (record, causes) = match (seen.forecast(id), seen.reasons.get(&id)) {
            (Forecast::Hit { .. } | Forecast::Remote { .. }, _) => {
                (seen.records[id.0].as_ref().map(Earlier::of), Vec::new())
            }
            (Forecast::Run { .. }, Some(reason)) if !is_difference(reason) => {
                (None, vec![Cause::plain(reason.clone())])
            }
            (Forecast::Run { .. } | Forecast::After { .. } | Forecast::Maybe { .. }, _) => {
                compare(plan, store, &mut seen, kind, id)
            }
            _ => (None, Vec::new()),
        };
        Explained {
            stage: node.name.clone(),
            kind: node.kind.clone(),
            forecast: seen.forecast(id).clone(),
            record,
            causes,
        }
    });
    Ok(explained.collect())
}

/// Whether a reason comes from comparing with an earlier record.
fn is_difference(reason: &Reason) -> bool {
    match reason {
        Reason::FirstRun
        | Reason::ParamChanged { .. }
        | Reason::InputChanged { .. }
        | Reason::KindVersionChanged { .. } => true,
        Reason::OutputMissing { .. } | Reason::OutputDamaged { .. } | Reason::Forced => false,
    }
}

/// Compares what is known of a node with the nearest earlier record.
fn compare(
    plan: &Plan,
    store: &Store,
    seen: &mut Seen<'_>,
    kind: &KindInfo,
    id: NodeId,
) -> (Option<Earlier>, Vec<Cause>) {
    let node = &plan.nodes[id.0];
    let is_open = |source: NodeId| {
        let known = matches!(
            seen.forecast(source),
            Forecast::Hit { .. } | Forecast::Remote { .. } | Forecast::Pruned { .. }
        );
        !known
    };
    let open = node.inputs.iter();
    let open = open.filter(|(_, sources)| sources.iter().any(|source| is_open(source.node)));
    let unknown: BTreeSet<String> = open.map(|(port, _)| port.clone()).collect();
    let mut known = node.clone();
    known.inputs.retain(|port, _| !unknown.contains(port));
    let records = &seen.records;
    let made = |node: NodeId| records[node.0].as_ref();
    // The forecast tells of files outside that cannot be read.
    let Ok(resolved) = resolve(&mut seen.outside, kind, &known, made) else {
        return (None, Vec::new());
    };
    if unknown.is_empty()
        && let Ok(Some(record)) = store.record(&resolved.key)
    {
        return (Some(Earlier::of(&record)), Vec::new());
    }
    let Explanation { nearest, reasons } = store.explain(&node.name, &resolved.material, &unknown);
    let cause = |reason: Reason| Cause {
        from: match &reason {
            Reason::InputChanged {
                port,
                label,
                new: Some(_),
                ..
            } => source(plan, kind, node, (port, label), made),
            _ => None,
        },
        files: files(store, &resolved, &reason),
        what: reason,
    };
    (
        nearest.as_ref().map(Earlier::of),
        reasons.into_iter().map(cause).collect(),
    )
}

/// Where the input of a node comes from that has this port and label in the key.
pub(super) fn source<'a>(
    plan: &Plan,
    kind: &KindInfo,
    node: &Node,
    (port, label): (&str, &str),
    made: impl Fn(NodeId) -> Option<&'a Record>,
) -> Option<Source> {
    if let Some(param) = port.strip_prefix(OUTSIDE) {
        let outside = externals(kind, node).ok()?;
        let found = outside.iter().find(|external| is_at(external, param, label))?;
        let path = found.path.display().to_string();
        return Some(Source::Path { path });
    }
    let sources = taking_part(node.inputs.get(port)?, |source| made(source).is_none());
    // A port that takes one has no labels in keys.
    let found = sources
        .iter()
        .find(|source| label.is_empty() || source.label == *label)?;
    Some(Source::Stage {
        stage: plan.nodes[found.node.0].name.clone(),
        output: found.output.clone(),
    })
}

/// Which files differ of a folder outside.
fn files(store: &Store, resolved: &Resolved, reason: &Reason) -> Option<FileChanges> {
    let Reason::InputChanged {
        label,
        old: Some(old),
        new: Some(_),
        ..
    } = reason
    else {
        return None;
    };
    let param = reason.outside_param()?;
    let (external, _) = resolved
        .outside
        .iter()
        .find(|(external, _)| is_at(external, param, label))?;
    // What cannot be read any more is told when the stage runs.
    store.external_changes(&external.path, &external.include, old).ok()?
}

fn is_at(external: &External, param: &str, label: &str) -> bool {
    external.param == param && external.label == label
}

impl Earlier {
    /// What is told of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            key: record.key,
            stage: record.stage.clone(),
            run: record.run.clone(),
            finished_at: record.finished_at,
            seconds: record.seconds,
        }
    }
}

impl Cause {
    fn plain(what: Reason) -> Self {
        Self {
            what,
            from: None,
            files: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_support::{World, make, node, plan};
    use super::*;

    /// The causes of each stage in words.
    fn told(world: &World, plan: &Plan) -> Vec<Vec<String>> {
        let explained = explain(plan, &world.registry, &world.store, &world.options.force).unwrap();
        let words = |stage: &Explained| stage.causes.iter().map(ToString::to_string).collect();
        explained.iter().map(words).collect()
    }

    fn chain(first: &str, a: u32, b: u32) -> Plan {
        plan([
            make(first, &[]),
            node("second", "make", json!({"word": "second", "a": a, "b": b}), &[0]),
            make("third", &[1]),
        ])
    }

    #[test]
    fn all_changes_are_told_and_an_input_names_the_output_that_it_comes_from() {
        let world = World::new();
        world.run(&chain("first", 1, 1));
        let mut changed = chain("first", 2, 2);
        changed.nodes[0].params["word"] = json!("other");
        world.run(&plan([changed.nodes[0].clone()]));
        let found = told(&world, &changed);
        assert_eq!(found[0], Vec::<String>::new(), "a hit has no cause");
        let params = ["param `a` changed from 1 to 2", "param `b` changed from 1 to 2"];
        assert_eq!(found[1][..2], params);
        assert!(
            found[1][2].starts_with("input `in` (0) changed, from `first.out`: "),
            "{found:?}"
        );
        assert_eq!(found[1].len(), 3);
        assert_eq!(found[2], Vec::<String>::new(), "it would only get another input");
    }

    #[test]
    fn a_stage_behind_one_that_runs_tells_its_own_changes() {
        let world = World::new();
        world.run(&chain("first", 1, 1));
        let mut changed = chain("first", 2, 1);
        changed.nodes[0].params["word"] = json!("other");
        assert_eq!(told(&world, &changed)[1], ["param `a` changed from 1 to 2"]);
    }

    #[test]
    fn changed_files_of_a_folder_outside_are_named() {
        let world = World::new();
        let data = world.folder.path().join("data");
        fs_err::write(&data, "one").unwrap();
        let reading = plan([node("read", "read", json!({"path": data}), &[])]);
        world.run(&reading);
        fs_err::write(&data, "another").unwrap();
        let found = told(&world, &reading);
        let start = format!("what param `path` names changed, from `{}`: ", data.display());
        assert!(found[0][0].starts_with(&start), "{found:?}");
    }

    #[test]
    fn a_forced_stage_a_lost_output_and_a_first_run_say_so() {
        let mut world = World::new();
        let chain = chain("first", 1, 1);
        assert_eq!(told(&world, &chain)[0], ["first run"]);
        let (summary, _) = world.run(&chain);
        let output = summary.nodes[0].record.as_ref().unwrap().outputs["out"];
        fs_err::remove_file(world.store.view(&output).unwrap()).unwrap();
        assert_eq!(told(&world, &chain)[0], ["output `out` is missing from the store"]);
        world.options.force = vec!["first".to_owned()];
        assert_eq!(told(&world, &chain)[0], ["forced"]);
    }
}
