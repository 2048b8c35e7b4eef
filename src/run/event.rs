//! What happens in a run. The progress display, `--format json`, the journal and the page's timeline all read these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::End;
use crate::stage::{Place, Progress};

/// An event and when it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Milliseconds since 1970 (UTC).
    pub at: u64,
    /// What happened.
    pub what: Event,
}

/// Something that happened in a run. `stage` is always the node's full name in the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// Its id.
        run: String,
        /// The pipelines' names.
        pipelines: Vec<String>,
        /// How many stages the plan has.
        stages: usize,
    },
    /// The store had the outputs.
    StageCached {
        /// The stage.
        stage: String,
        /// Its key.
        key: String,
    },
    /// The remote had the outputs. They are in the store now; that the stage is cached is told next.
    StageFetched {
        /// The stage.
        stage: String,
        /// Its key.
        key: String,
        /// How many objects came.
        objects: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Another run is making these outputs; this one waits for them.
    StageWaiting {
        /// The stage.
        stage: String,
        /// Its key.
        key: String,
    },
    /// The work begins.
    StageStarted {
        /// The stage.
        stage: String,
        /// Its kind.
        kind: String,
        /// Its key.
        key: String,
        /// Why it was not cached, for people.
        reason: String,
    },
    /// How far it is.
    StageProgress {
        /// The stage.
        stage: String,
        /// How far.
        progress: Progress,
    },
    /// A line of its log.
    StageLog {
        /// The stage.
        stage: String,
        /// The line.
        line: String,
    },
    /// Another machine does it: where it stands now.
    StagePlaced {
        /// The stage.
        stage: String,
        /// Where.
        place: Place,
    },
    /// An attempt failed; there will be another.
    StageRetried {
        /// The stage.
        stage: String,
        /// Which attempt failed, counted from 1.
        attempt: u32,
        /// How many further ones there may be in all.
        retries: u32,
        /// Why it failed.
        message: String,
        /// Seconds until the next.
        wait: f64,
    },
    /// Done and in the store.
    StageFinished {
        /// The stage.
        stage: String,
        /// Its key.
        key: String,
        /// How long it took.
        seconds: f64,
        /// Its figures.
        metrics: BTreeMap<String, f64>,
        /// What a person should know.
        notes: Vec<String>,
        /// Digests of the outputs by name.
        outputs: BTreeMap<String, String>,
    },
    /// It failed.
    StageFailed {
        /// The stage.
        stage: String,
        /// Why.
        message: String,
        /// What to try.
        hints: Vec<String>,
        /// Where the whole log is.
        log: Option<String>,
    },
    /// A guard said stop before it.
    StagePruned {
        /// The stage.
        stage: String,
        /// The guard.
        guard: String,
    },
    /// It cannot run, for something before it failed or the run was interrupted.
    StageSkipped {
        /// The stage.
        stage: String,
        /// What failed, or `interrupted`.
        because: String,
    },
    /// Something is wrong with the remote. The run goes on without it.
    RemoteWarned {
        /// What.
        message: String,
        /// What to try.
        hints: Vec<String>,
    },
    /// All stages have ended, and records of what was made are still being sent to the remote.
    RemoteSending {
        /// How many.
        records: usize,
    },
    /// The run ends.
    RunFinished {
        /// Stages by how they ended.
        counts: Counts,
        /// How long it took.
        seconds: f64,
    },
}

/// How the stages of a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Answered by the store.
    pub cached: usize,
    /// Run.
    pub ran: usize,
    /// Failed.
    pub failed: usize,
    /// Left out by a guard.
    pub pruned: usize,
    /// Not reached.
    pub skipped: usize,
}

impl Counts {
    /// Counts one more.
    pub(super) fn add(&mut self, end: End) {
        *match end {
            End::Cached => &mut self.cached,
            End::Ran => &mut self.ran,
            End::Failed => &mut self.failed,
            End::Pruned => &mut self.pruned,
            End::Skipped => &mut self.skipped,
        } += 1;
    }
}
