//! Jobs of built-in kinds: run on the calling thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::executor::{Executor, JobError};
use super::scheduler::Manner;
use crate::stage::{Job, Outcome, Progress, Registry, Reporter, StageError, Via};

/// Runs the built-in kinds of a registry.
#[derive(Debug)]
pub struct InProcess<'a> {
    registry: &'a Registry,
    stopping: AtomicBool,
}

impl<'a> InProcess<'a> {
    /// An executor for the kinds that are built in.
    #[must_use]
    pub fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            stopping: AtomicBool::new(false),
        }
    }
}

impl Executor for InProcess<'_> {
    fn execute(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, JobError> {
        let Some(Via::BuiltIn(stage)) = self.registry.get(&job.kind).map(|kind| &kind.via) else {
            return Err(StageError::new(format!("kind `{}` is not built in", job.kind)).into());
        };
        let reporter = Stoppable {
            inner: reporter,
            stopping: &self.stopping,
        };
        // A stage works on its own folder only: what a panic leaves half done is thrown away with it.
        let result = catch_unwind(AssertUnwindSafe(|| stage.run(job, &reporter)));
        match result {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) if reporter.cancelled() => Err(JobError::Stopped),
            Ok(Err(error)) => Err(error.into()),
            Err(panic) => Err(
                StageError::new(format!("a bug in the kind `{}`: {}", job.kind, text_of(&*panic)))
                    .hint("please report it with the pipeline and the message above")
                    .into(),
            ),
        }
    }

    /// Cheap stages come to their end unless it must be at once.
    fn stop(&self, manner: Manner) {
        if manner == Manner::AtOnce {
            self.stopping.store(true, Ordering::SeqCst);
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
}

struct Stoppable<'a> {
    inner: &'a dyn Reporter,
    stopping: &'a AtomicBool,
}

impl Reporter for Stoppable<'_> {
    fn progress(&self, progress: Progress) {
        self.inner.progress(progress);
    }

    fn log(&self, line: &str) {
        self.inner.log(line);
    }

    fn cancelled(&self) -> bool {
        self.stopping.load(Ordering::SeqCst) || self.inner.cancelled()
    }
}
