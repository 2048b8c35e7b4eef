//! Who does a job, wherever that is.

use super::scheduler::Manner;
use crate::stage::{Job, Outcome, Reporter, StageError};

/// Does jobs. Called from one thread a job; the call lasts as long as the job.
pub trait Executor: Sync {
    /// Does a job whose folder is ready, and comes back when it has ended.
    ///
    /// # Errors
    /// When it failed or was stopped.
    fn execute(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, JobError>;

    /// Ends what is running; nothing new is started after that.
    fn stop(&self, manner: Manner);
}

/// Why a job gave no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It failed.
    #[error(transparent)]
    Failed(#[from] StageError),
    /// It was told to end.
    #[error("stopped")]
    Stopped,
}
