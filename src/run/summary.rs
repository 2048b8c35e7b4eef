//! How a run is to go, and how it went.

use std::path::PathBuf;
use std::sync::Arc;

use super::End;
use super::event::Counts;
use super::resources::{available_cpus, available_gpus, available_memory_mib};
use super::slurm::SlurmOptions;
use super::task::UnknownKind;
use crate::remote::{Remote, RemoteError};
use crate::stage::StageError;
use crate::store::{Digest, Record, StoreError};

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Jobs at once.
    pub jobs: usize,
    /// Processor cores in use at once.
    pub cpus: u32,
    /// Memory in use at once, in MiB.
    pub memory_mib: u64,
    /// Graphics processors in use at once.
    pub gpus: u32,
    /// After a failure, go on with what does not need it.
    pub keep_going: bool,
    /// Stages to run though the store has their outputs: names in the plan, or in the pipeline (then in every round).
    pub force: Vec<String>,
    /// Where to ask for what the store does not have, and to send what is made. For one run.
    pub remote: Option<Arc<Remote>>,
    /// End the run when the remote cannot be asked, instead of going on without it.
    pub remote_required: bool,
    /// Have Slurm do the jobs that need a process of their own.
    pub slurm: Option<SlurmOptions>,
}

impl RunOptions {
    /// All that this machine has to give, now.
    #[must_use]
    pub fn for_this_machine() -> Self {
        let cpus = available_cpus();
        Self {
            jobs: cpus as usize,
            cpus,
            memory_mib: available_memory_mib(),
            gpus: available_gpus(),
            keep_going: false,
            force: Vec::new(),
            remote: None,
            remote_required: false,
            slurm: None,
        }
    }
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its id.
    pub run: String,
    /// How each node ended, in the plan's order.
    pub nodes: Vec<NodeSummary>,
    /// The nodes by how they ended.
    pub counts: Counts,
    /// How long it took.
    pub seconds: f64,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// The files and folders outside that it read: the path, what counts of it, the digest.
    pub outside: Vec<(PathBuf, Vec<String>, Digest)>,
}

/// How a node ended.
#[derive(Clone, Debug)]
pub struct NodeSummary {
    /// How.
    pub end: End,
    /// Its outputs, if it was cached or ran.
    pub record: Option<Record>,
    /// How long it ran in this run.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<StageError>,
}

/// Why a run could not go on at all. What goes wrong with a stage is not among these.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan was made with another registry.
    #[error(transparent)]
    UnknownKind(#[from] UnknownKind),
    /// A stage is to be forced that the plan does not have.
    #[error("the plan has no stage `{0}` to force")]
    NoSuchStage(String),
    /// The journal cannot be written.
    #[error("could not write the journal of the run: {0}")]
    Journal(#[from] std::io::Error),
    /// The store as a whole cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The remote cannot be asked, and the run was not to go on without it.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// A bug: nothing runs, and not all has ended.
    #[error("the run cannot go on: `{0}` waits for something that does not happen")]
    Stuck(String),
}
