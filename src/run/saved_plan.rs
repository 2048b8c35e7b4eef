//! The plan of a run as it is kept beside its journal, so that those who watch it know how its stages hang together.
//!
//! Only what that needs: params are in the records of the stages that are made.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::plan::{Kin, Node, NodeId, NodeInput, Plan};

/// The name of the file.
pub(super) const PLAN: &str = "plan.json";

#[derive(Deserialize)]
struct Saved {
    pipelines: Vec<String>,
    kin: BTreeMap<String, [String; 2]>,
    nodes: Vec<SavedNode>,
}

#[derive(Serialize, Deserialize)]
struct SavedNode {
    name: String,
    stage: String,
    pipelines: Vec<String>,
    kind: String,
    inputs: BTreeMap<String, Vec<SavedInput>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<u32>,
    /// Of guards: what a picture says of them.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    params: Value,
}

/// Label, node, output, and the name that it is carried by.
type SavedInput = (String, usize, String, Option<String>);

/// A plan as it is written: node by node, for all of them at once would be a second plan in memory.
#[derive(Serialize)]
struct Writing<'a> {
    pipelines: &'a [String],
    kin: BTreeMap<&'a str, [&'a str; 2]>,
    nodes: Nodes<'a>,
}

struct Nodes<'a> {
    plan: &'a Plan,
    guards: BTreeSet<NodeId>,
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = |(id, node)| SavedNode::of(node, self.guards.contains(&id));
        serializer.collect_seq(self.plan.iter().map(saved))
    }
}

impl SavedNode {
    fn of(node: &Node, is_guard: bool) -> Self {
        let input = |input: &NodeInput| {
            (
                input.label.clone(),
                input.node.0,
                input.output.clone(),
                input.carried.clone(),
            )
        };
        Self {
            name: node.name.clone(),
            stage: node.stage.clone(),
            pipelines: node.pipelines.clone(),
            kind: node.kind.clone(),
            inputs: node
                .inputs
                .iter()
                .map(|(port, inputs)| (port.clone(), inputs.iter().map(input).collect()))
                .collect(),
            guard: node.guard.map(|guard| guard.0),
            round: node.round,
            params: if is_guard { node.params.clone() } else { Value::Null },
        }
    }
}

impl Saved {
    /// None if a node is said to need one that does not come before it: then it is no plan.
    fn plan(self) -> Option<Plan> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for (place, saved) in self.nodes.into_iter().enumerate() {
            let before = |at: usize| (at < place).then_some(NodeId(at));
            let input = |(label, node, output, carried): SavedInput| {
                Some(NodeInput {
                    label,
                    node: before(node)?,
                    output,
                    carried,
                    last_of: None,
                })
            };
            let mut inputs = BTreeMap::new();
            for (port, listed) in saved.inputs {
                inputs.insert(port, listed.into_iter().map(input).collect::<Option<Vec<_>>>()?);
            }
            let guard = match saved.guard {
                Some(guard) => Some(before(guard)?),
                None => None,
            };
            nodes.push(Node {
                name: saved.name,
                stage: saved.stage,
                pipelines: saved.pipelines,
                kind: saved.kind,
                params: saved.params,
                inputs,
                guard,
                round: saved.round,
                ..Node::default()
            });
        }
        let kin = self
            .kin
            .into_iter()
            .map(|(name, [strategy, family])| (name, Kin { strategy, family }));
        Some(Plan {
            pipelines: self.pipelines,
            kin: kin.collect(),
            nodes,
        })
    }
}

/// Writes the plan into a run's folder.
pub(super) fn write(folder: &Path, plan: &Plan) -> std::io::Result<()> {
    let kin = plan.kin.iter();
    let written = Writing {
        pipelines: &plan.pipelines,
        kin: kin
            .map(|(name, kin)| (name.as_str(), [kin.strategy.as_str(), kin.family.as_str()]))
            .collect(),
        nodes: Nodes {
            plan,
            guards: plan.nodes.iter().filter_map(|node| node.guard).collect(),
        },
    };
    let mut file = BufWriter::new(File::create(folder.join(PLAN))?);
    serde_json::to_writer(&mut file, &written).map_err(std::io::Error::other)?;
    file.flush()
}

/// Gives a run the plan of another, which has the same. Without it those who watch the run see less, nothing else.
pub(super) fn share(from: &Path, folder: &Path) {
    let (from, to) = (from.join(PLAN), folder.join(PLAN));
    let _ = fs_err::hard_link(&from, &to).or_else(|_| fs_err::copy(&from, &to).map(|_| ()));
}

/// The plan of a run, without params except those of guards; none of a run of an earlier version, or if the file is damaged.
#[must_use]
pub fn saved_plan(folder: &Path) -> Option<Plan> {
    let text = fs_err::read(folder.join(PLAN)).ok()?;
    serde_json::from_slice::<Saved>(&text).ok()?.plan()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let input = NodeInput {
            label: "1".into(),
            node: NodeId(0),
            output: "x".into(),
            carried: Some("c".into()),
            last_of: None,
        };
        let first = Node {
            name: "a/one".into(),
            stage: "one".into(),
            kind: "k".into(),
            pipelines: vec!["a".into()],
            ..Node::default()
        };
        let second = Node {
            name: "a/round-1.two".into(),
            stage: "two".into(),
            round: Some(1),
            guard: Some(NodeId(0)),
            inputs: BTreeMap::from([("in".to_owned(), vec![input])]),
            ..first.clone()
        };
        Plan {
            pipelines: vec!["a".to_owned()],
            kin: BTreeMap::from([(
                "a".to_owned(),
                Kin {
                    strategy: "s".into(),
                    family: "f".into(),
                },
            )]),
            nodes: vec![first, second],
        }
    }

    #[test]
    fn a_plan_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &plan()).unwrap();
        assert_eq!(saved_plan(folder.path()), Some(plan()));
    }

    #[test]
    fn a_file_that_is_no_plan_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(saved_plan(folder.path()), None);
        fs_err::write(folder.path().join(PLAN), "{").unwrap();
        assert_eq!(saved_plan(folder.path()), None);
        let mut circle = plan();
        circle.nodes[0].guard = Some(NodeId(1));
        write(folder.path(), &circle).unwrap();
        assert_eq!(saved_plan(folder.path()), None);
    }
}
