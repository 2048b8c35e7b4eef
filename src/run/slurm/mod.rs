//! Jobs of providers and commands as jobs of Slurm, on machines that see the same store.
//!
//! The parts: [`queue`] reads what Slurm says, [`shape`] says what a job asks for and writes the batch script, [`client`] calls
//! `sbatch`, `squeue`, `scontrol`, `sacct` and `scancel`, [`desk`] hands over and watches, on a thread of its own, and here a job is
//! followed to its end; [`pilot`] has allocations take jobs from a queue of ours instead. What an attempt leaves in its folder ([`super::attempt`]) is the truth; Slurm's word only says that it has
//! ended. That Slurm cannot be asked is never an end.
//!
//! A job has a thread here that sleeps nearly always; how many there are is bounded by `max_queued`.

mod client;
mod desk;
mod ending;
mod examine;
mod follow;
mod leftovers;
mod pilot;
mod queue;
mod shape;

use std::path::{Path, PathBuf};

pub(super) use self::desk::simulated::SimulatedDesk;
use self::desk::{Desk, Wish};
use self::ending::Ending;
pub use self::examine::{Examined, Partition, examine};
use self::follow::{Followed, follow};
pub(in crate::run) use self::leftovers::leftovers;
pub use self::pilot::pilot;
use self::shape::Shape;
use super::attempt::Attempt;
use super::executor::{Executor, JobError};
use super::scheduler::Manner;
use super::submission::Submission;
use crate::project;
use crate::stage::{Job, Outcome, Registry, Reporter, StageError};

/// How often a job is handed over again that was lost with its node or had to give way, and how often its memory grows.
const AGAIN: u32 = 3;

/// What the names of all jobs begin with.
const PREFIX: &str = "asm-pipe-";

/// Where what jobs print goes, and the queues of pilots are.
fn place(store: &Path) -> PathBuf {
    store.join("slurm")
}

/// How Slurm is used in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SlurmOptions {
    /// How it is asked.
    pub settings: project::Slurm,
    /// When the run is ended by the user, leave the jobs to Slurm instead of cancelling them.
    pub detach: bool,
}

/// Has Slurm do jobs.
#[derive(Debug)]
pub struct Slurm<'a> {
    registry: &'a Registry,
    options: SlurmOptions,
    desk: Desk,
}

impl<'a> Slurm<'a> {
    /// Nothing is asked of Slurm before the first job. `store` is where the store is, for whoever does a job.
    #[must_use]
    pub fn new(registry: &'a Registry, options: SlurmOptions, store: &Path) -> Self {
        let store = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("asm-pipe"));
        Self {
            registry,
            desk: Desk::new(&options.settings, program, store),
            options,
        }
    }

    /// What a job asks for: what its stage says, then what is said of its kind, then what its kind says.
    fn shape(&self, job: &Job) -> Shape {
        let request = self.options.settings.request(&job.kind);
        let kind = self.registry.get(&job.kind);
        let usual = kind.map(|kind| kind.info.memory_mib).filter(|mib| *mib > 0);
        Shape::new(job, request, usual)
    }

    /// The attempt that an earlier run has left, to be watched on.
    fn adopt(&self, job: &Job, reporter: &dyn Reporter) -> Option<(Attempt, Submission)> {
        if let Some(abandoned) = Submission::take_abandoned(&job.folder) {
            self.desk.cancel_left(&abandoned);
        }
        let left = Submission::left_in(&job.folder)?;
        let attempt = Attempt::of(&job.folder, &left.attempt);
        attempt.job().ok()?;
        reporter.log(&format!(
            "going on with the job that an earlier run submitted as {}",
            left.id()
        ));
        self.desk.adopt(&job.folder, &left);
        Some((attempt, left))
    }

    /// Makes a new attempt ready and puts it on the desk.
    fn submit(&self, job: &Job, memory_mib: Option<u64>) -> Result<Attempt, StageError> {
        let attempt = Attempt::prepare(job, &self.desk.new_name())?;
        let mut shape = self.shape(job);
        shape.memory_mib = memory_mib.or(shape.memory_mib);
        self.desk.submit(Wish {
            attempt: attempt.clone(),
            job: job.folder.clone(),
            shape,
        });
        Ok(attempt)
    }

    /// What is done about an end without a result: words for the log and the memory of the next attempt, or the failure.
    fn retry(
        &self,
        ending: &Ending,
        memory: Option<u64>,
        tries: &mut Tries,
    ) -> Result<(String, Option<u64>), StageError> {
        match ending.how {
            how if how.is_nobodys_fault() && tries.lost < AGAIN => {
                tries.lost += 1;
                let said = format!("{ending}; submitted again ({} of {AGAIN})", tries.lost);
                Ok((said, memory))
            }
            ending::How::OutOfMemory if tries.grown < AGAIN => {
                let factor = self.options.settings.memory_factor;
                let more = factor
                    .zip(memory)
                    .map(|(factor, mib)| (mib as f64 * factor).ceil() as u64);
                let more = more.ok_or_else(|| ending.error(memory))?;
                tries.grown += 1;
                Ok((format!("{ending}; submitted again with {more} MiB"), Some(more)))
            }
            _ => Err(ending.error(memory)),
        }
    }
}

/// How often a job was handed over again, by reason.
#[derive(Debug, Default)]
struct Tries {
    lost: u32,
    grown: u32,
}

impl Executor for Slurm<'_> {
    fn execute(&self, job: &Job, reporter: &dyn Reporter) -> Result<Outcome, JobError> {
        let mut tries = Tries::default();
        let mut adopted = self.adopt(job, reporter);
        let mut memory = adopted.as_ref().and_then(|(_, left)| left.memory_mib);
        loop {
            let (attempt, is_adopted) = match adopted.take() {
                Some((attempt, _)) => (attempt, true),
                None => {
                    memory = memory.or(self.shape(job).memory_mib);
                    (self.submit(job, memory)?, false)
                }
            };
            let followed = follow(&self.desk, &attempt, &self.options, reporter);
            self.desk.forget(attempt.name());
            match followed {
                Followed::Done(outcome) => {
                    attempt.hand_over(job).map_err(StageError::from)?;
                    Submission::remove(&job.folder);
                    return Ok(outcome);
                }
                Followed::Failed(error) => {
                    Submission::remove(&job.folder);
                    return Err(error.into());
                }
                Followed::Cancelled => {
                    Submission::remove(&job.folder);
                    return Err(JobError::Stopped);
                }
                // The next run goes on with it.
                Followed::OutOfReach(error) => return Err(error.into()),
                Followed::Left => return Err(JobError::Stopped),
                Followed::NeverSubmitted => {}
                // Nobody was there to do something about it.
                Followed::Over(ending) if is_adopted => {
                    reporter.log(&format!("{ending} while no run watched it; submitted again"));
                }
                Followed::Over(ending) => match self.retry(&ending, memory, &mut tries) {
                    Ok((said, next)) => {
                        reporter.log(&said);
                        memory = next;
                    }
                    Err(error) => {
                        Submission::remove(&job.folder);
                        return Err(error.into());
                    }
                },
            }
        }
    }

    fn stop(&self, manner: Manner) {
        self.desk.stop(manner, self.options.detach);
    }
}
