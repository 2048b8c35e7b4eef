//! What the scheduler and the forecast must know of a node: whom it needs, how, and what it takes.
//!
//! Plain data and one decision, [`Task::fate`]; no store, no clock, no kinds by name.

use std::collections::BTreeSet;

use crate::plan::{Node, NodeId, Plan};
use crate::stage::{KindInfo, Registry, Via};

/// How a node came to an end. Every node of a run comes to exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The store had its outputs.
    Cached,
    /// It was run.
    Ran,
    /// It was run, and failed.
    Failed,
    /// A guard said stop before it.
    Pruned,
    /// Something that it needs failed, or the run was cut short.
    Skipped,
}

/// What a port makes of sources that come to be pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It takes one, and must have it: a pruned source prunes the node.
    One,
    /// It takes those that happen, and must have at least one.
    Some,
    /// It may have none.
    Optional,
}

/// An input port with the nodes that feed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The nodes.
    pub sources: Vec<NodeId>,
    /// What must be there.
    pub need: Need,
}

/// A node as the scheduler sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// What feeds it.
    pub ports: Vec<Port>,
    /// The node that may say stop before it.
    pub guard: Option<NodeId>,
    /// Processor cores; 0 stands for all that the run may use.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Graphics processors.
    pub gpus: u32,
    /// Whether another machine does it, which has resources of its own.
    pub away: bool,
    /// How long it may take: only used to put the longest chain first.
    pub seconds: f64,
}

/// What becomes of a node once all that it depends on has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its outputs are wanted.
    Wanted,
    /// It is pruned on account of this node: its guard, or a source that was pruned.
    Pruned(NodeId),
    /// It cannot run on account of this node.
    Skipped(NodeId),
}

impl Task {
    /// Takes from a node and its kind what matters here.
    #[must_use]
    pub fn new(node: &Node, kind: &KindInfo, seconds: f64) -> Self {
        let ports = node.inputs.iter().map(|(name, inputs)| {
            let port = kind.inputs.iter().find(|port| &port.name == name);
            let tolerant = port.is_some_and(|port| port.many) || inputs.len() > 1;
            let need = match port {
                Some(port) if port.optional => Need::Optional,
                _ if tolerant => Need::Some,
                _ => Need::One,
            };
            let sources = inputs.iter().map(|input| input.node).collect();
            Port { sources, need }
        });
        Self {
            ports: ports.collect(),
            guard: node.guard,
            cpus: node.limits.cpus.unwrap_or(kind.cpus),
            memory_mib: node.limits.memory_mib.unwrap_or(kind.memory_mib),
            gpus: node.limits.gpus.unwrap_or(0),
            away: false,
            seconds,
        }
    }

    /// Every node that must have ended before this one, each once.
    #[must_use]
    pub fn dependencies(&self) -> BTreeSet<NodeId> {
        let sources = self.ports.iter().flat_map(|port| port.sources.iter().copied());
        sources.chain(self.guard).collect()
    }

    /// What becomes of the node, given how its dependencies ended and whether its guard said stop.
    ///
    /// What a guard leaves out is pruned even if something else that it needs has failed: it was not wanted anyway.
    pub fn fate(&self, end: impl Fn(NodeId) -> End, says_stop: impl Fn(NodeId) -> bool) -> Fate {
        if let Some(guard) = self.guard {
            match end(guard) {
                End::Pruned => return Fate::Pruned(guard),
                End::Failed | End::Skipped => return Fate::Skipped(guard),
                End::Cached | End::Ran if says_stop(guard) => return Fate::Pruned(guard),
                End::Cached | End::Ran => {}
            }
        }
        let pruned = |node: &&NodeId| end(**node) == End::Pruned;
        for port in &self.ports {
            let first = port.sources.iter().find(pruned);
            let missing = match port.need {
                Need::One => first.is_some(),
                Need::Some => port.sources.iter().filter(pruned).count() == port.sources.len(),
                Need::Optional => false,
            };
            if let (true, Some(source)) = (missing, first) {
                return Fate::Pruned(*source);
            }
        }
        let sources = self.ports.iter().flat_map(|port| &port.sources);
        let lost = |node: &&NodeId| matches!(end(**node), End::Failed | End::Skipped);
        sources
            .into_iter()
            .find(lost)
            .map_or(Fate::Wanted, |source| Fate::Skipped(*source))
    }
}

/// The tasks of a plan, in its order.
///
/// # Errors
/// Names the first kind that the registry does not have.
pub fn tasks(plan: &Plan, registry: &Registry) -> Result<Vec<Task>, UnknownKind> {
    let task = |node: &Node| {
        let unknown = || UnknownKind {
            stage: node.name.clone(),
            kind: node.kind.clone(),
        };
        let via = &registry.get(&node.kind).ok_or_else(unknown)?.via;
        let kind = node.info(registry).ok_or_else(unknown)?;
        // Programs are there for the kinds that need a network: far longer than any that is built in.
        let seconds = match via {
            Via::BuiltIn(_) => 1.0,
            Via::Provider(_) | Via::Command(_) => 60.0,
        };
        Ok(Task::new(node, kind, seconds))
    };
    plan.nodes.iter().map(task).collect()
}

/// A plan that was made with another registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stage `{stage}` is of the kind `{kind}`, which nothing here serves")]
pub struct UnknownKind {
    /// The stage.
    pub stage: String,
    /// The kind.
    pub kind: String,
}
