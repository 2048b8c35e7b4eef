//! Who does a job, wherever that is.

use super::interrupt::Interrupt;
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
    /// The process that did it was killed by somebody else.
    #[error("{0}")]
    Killed(StageError),
    /// It was told to end.
    #[error("stopped")]
    Stopped,
}

/// Does a job, and passes the user's wish to end on to whoever does it.
pub(super) fn watched<T: Send>(executor: &dyn Executor, interrupt: &Interrupt, job: impl FnOnce() -> T + Send) -> T {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut told = 0;
            while ended.recv_timeout(super::engine::TICK) == Err(RecvTimeoutError::Timeout) {
                let count = interrupt.count().min(2);
                if count > told {
                    executor.stop(if count == 1 { Manner::Gently } else { Manner::AtOnce });
                    told = count;
                }
            }
        });
        let result = job();
        drop(done);
        result
    })
}
