//! The planned graph.

use std::collections::BTreeMap;

use serde_json::Value;

/// A node's place in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// Where an input of a node comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInput {
    /// For a port that takes many: which one it is, such as the round's number. Otherwise empty.
    pub label: String,
    /// The node that makes it.
    pub node: NodeId,
    /// The output's name.
    pub output: String,
}

/// One stage of one pipeline, in one round: what will be one job at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in the plan. `init`, `round-3.merge`; with several pipelines `topk_v3/round-3.merge`, where a node that
    /// several share is named after the first.
    pub name: String,
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
}

/// A graph of nodes in an order in which each comes after what it needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The pipelines' names, in the order given.
    pub pipelines: Vec<String>,
    /// The nodes; [`NodeId`] is an index.
    pub nodes: Vec<Node>,
}
