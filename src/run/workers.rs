//! Jobs of providers: a pool of [`Worker`]s for each program and number of cores, started when first needed.
//!
//! There are never more than jobs at once: a job takes a worker that is idle, or a new one. The number of cores is part
//! of what a worker is, for libraries fix their threads with the first job.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::executor::{Executor, JobError};
use super::groups::Groups;
use super::process_mark::ProcessMark;
use super::scheduler::Manner;
use super::worker::{Lost, Worker, in_words};
use crate::stage::{Job, Outcome, Registry, Reporter, StageError, Via};

type Sort = (PathBuf, u32);

/// Has providers do jobs.
#[derive(Debug)]
pub struct Workers<'a> {
    registry: &'a Registry,
    idle: Mutex<BTreeMap<Sort, Vec<Worker>>>,
    groups: Groups,
}

impl<'a> Workers<'a> {
    /// A pool without workers for the providers of a registry.
    #[must_use]
    pub fn new(registry: &'a Registry) -> Self {
        Self {
            registry,
            idle: Mutex::default(),
            groups: Groups::default(),
        }
    }

    fn all_idle(&self) -> MutexGuard<'_, BTreeMap<Sort, Vec<Worker>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle worker, if there is one that lives.
    fn idle(&self, sort: &Sort) -> Option<Worker> {
        loop {
            let worker = self.all_idle().get_mut(sort)?.pop()?;
            if !worker.has_ended() {
                return Some(worker);
            }
        }
    }

    /// Has a worker do the job, known to [`Executor::stop`] all the while.
    fn attempt(&self, worker: &mut Worker, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, Attempt> {
        if !self.groups.enter(worker.group()) {
            return Err(Attempt::Stopped);
        }
        let result = worker.work(job, reporter);
        self.groups.leave(worker.group());
        let stopping = self.groups.is_stopping();
        result.map_err(|lost| match lost {
            Lost::Died(_) | Lost::Silent(_) | Lost::Gone if stopping => Attempt::Stopped,
            lost => Attempt::Lost(lost),
        })
    }
}

enum Attempt {
    Stopped,
    Lost(Lost),
}

impl Executor for Workers<'_> {
    fn execute(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, JobError> {
        let Some(Via::Provider(program)) = self.registry.get(&job.kind).map(|kind| &kind.via) else {
            return Err(StageError::new(format!("no provider serves the kind `{}`", job.kind)).into());
        };
        let sort = (program.path.clone(), job.cpus);
        loop {
            let idle = self.idle(&sort);
            let is_new = idle.is_none();
            let mut worker = match idle {
                Some(worker) => worker,
                None => Worker::start(program)?,
            };
            let failure = match self.attempt(&mut worker, job, reporter) {
                Ok(outcome) => {
                    self.all_idle().entry(sort).or_default().push(worker);
                    return Ok(outcome);
                }
                Err(Attempt::Stopped) => Err(JobError::Stopped),
                Err(Attempt::Lost(Lost::Job(error))) => {
                    self.all_idle().entry(sort).or_default().push(worker);
                    return Err(error.into());
                }
                // It may have ended between two jobs: that is not this job's fault.
                Err(Attempt::Lost(Lost::Gone | Lost::Silent(_))) if !is_new => continue,
                Err(Attempt::Lost(Lost::Gone)) => Err(StageError::new(format!(
                    "the provider `{}` ended before it took the job",
                    program.path.display()
                ))
                .into()),
                Err(Attempt::Lost(Lost::Died(status) | Lost::Silent(status))) => Err(died(&program.path, status)),
                Err(Attempt::Lost(Lost::Confused(error))) => Err(error.into()),
            };
            drop(worker);
            ProcessMark::remove(&job.folder);
            return failure;
        }
    }

    fn stop(&self, manner: Manner) {
        self.groups.stop(manner);
    }
}

impl Drop for Workers<'_> {
    /// Tells all to end before waiting for the first.
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.all_idle());
        let mut workers: Vec<Worker> = idle.into_values().flatten().collect();
        workers.iter_mut().for_each(Worker::dismiss);
    }
}

fn died(program: &std::path::Path, status: ExitStatus) -> JobError {
    use std::os::unix::process::ExitStatusExt;
    let error = StageError::new(format!("the provider `{}` {}", program.display(), in_words(status)));
    match status.signal() {
        Some(9) => {
            JobError::Killed(error.hint("give it less to do at once: a smaller batch or image size, or fewer `--jobs`"))
        }
        _ => error.into(),
    }
}
