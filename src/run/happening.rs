//! What the scheduler is told, and what it wants done.

use crate::plan::NodeId;

/// Something that the scheduler is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The run begins.
    Begin,
    /// A node's key is known, and whether the store has it.
    Resolved {
        /// The node.
        node: NodeId,
        /// Its key.
        key: String,
        /// Whether the store has the outputs.
        hit: bool,
        /// For a guard that was a hit: whether it says stop.
        stop: bool,
    },
    /// A started node is being made by another run: it holds no resources while it waits.
    Elsewhere(NodeId),
    /// The other run has let go of it.
    Released(NodeId),
    /// A job is done and in the store.
    Finished {
        /// The node.
        node: NodeId,
        /// For a guard: whether it says stop.
        stop: bool,
    },
    /// A job failed, or its key could not be found out.
    Failed(NodeId),
    /// A job ended because it was told to.
    Stopped(NodeId),
    /// The user asked to end: the first time take no new work, the second time end at once.
    Interrupted,
}

/// Something that the scheduler wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find out the key and whether the store has it.
    Resolve(NodeId),
    /// Run the job.
    Start(NodeId),
    /// The node is left out on account of this guard.
    Prune(NodeId, NodeId),
    /// The node cannot run.
    Skip(NodeId, Because),
    /// End the jobs that are running.
    Stop(Manner),
}

/// Why a node is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// This node failed.
    Failed(NodeId),
    /// The run was interrupted.
    Interrupted,
}

/// How jobs are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Costly ones are asked to end, cheap ones come to their end.
    Gently,
    /// At once.
    AtOnce,
}
