//! The planned graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Limits;
use crate::stage::{KindInfo, Registry};

/// A node's place in its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// Where an input of a node comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeInput {
    /// For a port that takes many: which one it is, such as the round's number. Otherwise empty.
    pub label: String,
    /// The node that makes it.
    pub node: NodeId,
    /// The output's name.
    pub output: String,
    /// Set for `rounds.last.*`, which stands in the plan once for every round. Of a port's inputs with the same number, in
    /// the order listed, a run takes the last whose node is not pruned and leaves out the others.
    pub last_of: Option<u32>,
    /// The name after `carry.` when it comes by one. For drawings: it does not tell nodes apart.
    pub carried: Option<String>,
}

/// One stage of one pipeline, in one round: what will be one job at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Unique in the plan. `init`, `round-3.merge`; with several pipelines `topk_v3/round-3.merge`, where a node that
    /// several share is named after the first.
    pub name: String,
    /// The other names that mean this node, for what several stages or pipelines share.
    pub aliases: Vec<String>,
    /// The stage's own name in its pipeline: `merge`.
    pub stage: String,
    /// The pipelines that want it.
    pub pipelines: Vec<String>,
    /// The stage kind.
    pub kind: String,
    /// Checked params, defaults filled in.
    pub params: Value,
    /// Inputs by port. Inputs from nodes that come to be pruned are left out when the port takes many.
    pub inputs: BTreeMap<String, Vec<NodeInput>>,
    /// The `until` node that may say stop before this one. A node whose guard says stop, or is itself pruned, is pruned.
    pub guard: Option<NodeId>,
    /// The round, counted from 1; none outside of the rounds.
    pub round: Option<u32>,
    /// Its own kind, when its ports depend on the stage; otherwise the kind is the registry's.
    pub own: Option<Arc<KindInfo>>,
    /// What it may take beside what its kind says.
    pub limits: Limits,
}

impl Node {
    /// What its kind says of itself; none if nothing serves it.
    #[must_use]
    pub fn info<'a>(&'a self, registry: &'a Registry) -> Option<&'a KindInfo> {
        let known = || registry.get(&self.kind).map(|kind| &kind.info);
        self.own.as_deref().or_else(known)
    }

    /// Whether it is of no pipeline, but compares them.
    #[must_use]
    pub fn compares(&self) -> bool {
        // No stage of a pipeline has a dot in its name.
        self.stage.starts_with("comparison.")
    }

    /// The nodes that must be done before this one: those of its inputs and its guard. The same one may come twice.
    pub fn needs(&self) -> impl Iterator<Item = NodeId> + '_ {
        let inputs = self.inputs.values().flatten().map(|input| input.node);
        inputs.chain(self.guard)
    }
}

/// What a pipeline's name has in common with those of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kin {
    /// The name without the seed.
    pub strategy: String,
    /// The name without the values of a matrix too.
    pub family: String,
}

/// A graph of nodes in an order in which each comes after what it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The pipelines' names, in the order given.
    pub pipelines: Vec<String>,
    /// Of pipelines that are members of an experiment, by name: what they are of.
    pub kin: BTreeMap<String, Kin>,
    /// The nodes; [`NodeId`] is an index.
    pub nodes: Vec<Node>,
}

impl Plan {
    /// The nodes with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index), node))
    }

    /// The name that all members of an experiment have which are of the same file.
    #[must_use]
    pub fn family<'a>(&'a self, pipeline: &'a str) -> &'a str {
        self.kin.get(pipeline).map_or(pipeline, |kin| &kin.family)
    }

    /// Whether a name means this pipeline: its own, its strategy's or its family's.
    pub(super) fn is_called(&self, pipeline: &str, name: &str) -> bool {
        let kin = self.kin.get(pipeline);
        pipeline == name || kin.is_some_and(|kin| kin.strategy == name || kin.family == name)
    }
}
