//! Where jobs are handed over to Slurm and watched: one thread that submits in batches, asks for all at once, and cancels.
//!
//! Those who wait for a job look here for how it stands. Before a batch is handed over, each job's folder says so
//! ([`Submission`]), with the name that the batch will have; if `sbatch` gives no clear answer, or the run is killed right then,
//! the queue is asked for that name before anything is submitted again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::batch::{Batch, new_name};
use self::watch::Watch;
use super::client::{Client, Trouble};
use super::ending::Ending;
use super::pilot::Queue;
use super::place;
use super::shape::Shape;
use crate::project;
use crate::run::attempt::Attempt;
use crate::run::scheduler::Manner;
use crate::run::submission::Submission;
use crate::stage::{Place, StageError};

mod batch;
mod cancel;
mod hand_over;
mod look;
mod pilots;
pub(super) mod simulated;
mod watch;

/// Jobs that become ready within this time go together.
const GATHER: Duration = Duration::from_millis(300);

/// A job waits to be handed over until so many more would be with Slurm in a second: a cluster of thousands of jobs has one ready all the time, and
/// `sbatch` is not to be called all the time.
const JOBS_A_SECOND: f64 = 200.0;

/// How long a job waits for others to go with it, while so many are there already.
fn gather(count: usize, poll: Duration) -> Duration {
    GATHER.max(Duration::from_secs_f64(count as f64 / JOBS_A_SECOND).min(poll))
}

/// How often the thread looks for what there is to do.
const TICK: Duration = Duration::from_millis(100);

/// So often a Slurm that seems not to be set up here is asked before that is believed, if it has never answered otherwise: a
/// controller that starts anew may not give out the configuration for a moment.
const UNANSWERED: u32 = 3;

/// So many of the last lines that a job printed are told.
const PRINTED: usize = 8;

/// A job that wants to be handed over.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) attempt: Attempt,
    /// The job's folder.
    pub(super) job: PathBuf,
    pub(super) shape: Shape,
}

/// How a job stands.
#[derive(Clone, Debug)]
pub(super) enum Sight {
    /// It is not handed over yet.
    Waiting,
    /// Slurm has it; or cannot be asked, which is no end.
    Alive,
    /// Slurm does not want it.
    Refused(StageError),
    /// An earlier run has handed it over, and Slurm cannot be asked for it here.
    OutOfReach(StageError),
    /// It has ended.
    Ended(Ending),
    /// An earlier run did not come to submit it.
    NeverSubmitted,
}

/// What one who waits for a job sees.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) sight: Sight,
    pub(super) place: Option<Place>,
    /// Words for the log.
    pub(super) news: Vec<String>,
}

/// How the run ends before its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    /// Jobs are cancelled, and their end is waited for.
    Gently,
    /// Jobs are cancelled.
    AtOnce,
    /// Jobs go on.
    Leave,
}

#[derive(Debug, Default)]
struct State {
    wishes: Vec<(Instant, Wish)>,
    batches: Vec<Batch>,
    watches: BTreeMap<String, Watch>,
    stopping: Option<Stopping>,
    closed: bool,
    /// What is wrong with the queue's programs, as it was told last.
    trouble: Option<String>,
    /// Whether a program of Slurm has ever said something else than that Slurm is not set up here.
    is_usable: bool,
    /// How often the queue was asked before that.
    asked_in_vain: u32,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    poll: Duration,
    pilot: Option<project::Pilot>,
    program: PathBuf,
    store: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

/// The desk, with its thread once there is something to do.
#[derive(Debug)]
pub(super) struct Desk {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Desk {
    pub(super) fn new(settings: &project::Slurm, program: PathBuf, store: PathBuf) -> Self {
        let poll = Duration::try_from_secs_f64(settings.poll_seconds).unwrap_or(Duration::from_secs(10));
        let patience = (poll * 6).clamp(Duration::from_secs(10), Duration::from_secs(60));
        Self {
            shared: Arc::new(Shared {
                client: Client { patience },
                poll,
                pilot: settings.pilot.clone(),
                program,
                store,
                state: Mutex::default(),
                changed: Condvar::new(),
            }),
            thread: Mutex::default(),
        }
    }

    /// A name that no attempt or batch has.
    pub(super) fn new_name(&self) -> String {
        new_name()
    }

    /// Takes a job that is to be handed over.
    pub(super) fn submit(&self, wish: Wish) {
        let mut state = self.shared.state();
        let due = Instant::now() + gather(state.watches.len(), self.shared.poll);
        state
            .watches
            .insert(wish.attempt.name().to_owned(), Watch::new(&wish.job, None));
        state.wishes.push((due, wish));
        self.begin();
    }

    /// Watches a job that an earlier run has handed over, or was about to.
    pub(super) fn adopt(&self, job: &Path, left: &Submission) {
        let mut state = self.shared.state();
        let watch = Watch::new(job, Some(left.clone()));
        state.watches.insert(left.attempt.clone(), watch);
        self.begin();
    }

    /// Ends a job that was given up, if it is known well enough.
    pub(super) fn cancel_left(&self, left: &Submission) {
        if left.job.is_some() {
            // If it cannot be reached, it ends itself when it sees that another attempt counts.
            let _ = self.shared.client.call("scancel", &[left.id()], "");
        }
    }

    /// How a job stands, and what is to be said of it.
    pub(super) fn look(&self, attempt: &str) -> Seen {
        let mut state = self.shared.state();
        match state.watches.get_mut(attempt) {
            Some(watch) => Seen {
                sight: watch.sight.clone(),
                place: watch.submission.is_some().then(|| watch.place.clone()),
                news: std::mem::take(&mut watch.news),
            },
            None => Seen {
                sight: Sight::NeverSubmitted,
                place: None,
                news: Vec::new(),
            },
        }
    }

    /// Sleeps until something has changed, but not longer than this.
    pub(super) fn wait(&self, longest: Duration) {
        let state = self.shared.state();
        drop(self.shared.changed.wait_timeout(state, longest));
    }

    /// How many jobs there are.
    pub(super) fn count(&self) -> usize {
        self.shared.state().watches.len()
    }

    /// Watches a job no more. What it has printed is gone with that, unless it goes on.
    pub(super) fn forget(&self, attempt: &str) {
        let printed = self.shared.printed_by(attempt);
        let mut state = self.shared.state();
        let watch = state.watches.remove(attempt);
        let watch = watch.filter(|watch| !matches!(watch.sight, Sight::OutOfReach(_)));
        let Some(submission) = watch.map(|watch| watch.submission) else {
            return;
        };
        let is_of_pilot = submission.is_some_and(|submission| self.shared.queue(&submission.name).is_some());
        let printed = printed.filter(|_| !is_of_pilot);
        if let Some(path) = printed.filter(|_| state.stopping != Some(Stopping::Leave)) {
            // It may never have begun.
            let _ = fs_err::remove_file(path);
        }
    }

    /// The last lines that a job and Slurm have printed besides what it reports.
    pub(super) fn printed(&self, attempt: &str) -> Vec<String> {
        let path = self.shared.printed_by(attempt);
        let text = path.and_then(|path| fs_err::read(path).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(PRINTED)..];
        last.iter().map(|line| (*line).to_owned()).collect()
    }

    /// How the run ends, if it does.
    pub(super) fn stopping(&self) -> Option<Stopping> {
        self.shared.state().stopping
    }

    /// Ends what is running, or leaves it; nothing new is handed over after that.
    pub(super) fn stop(&self, manner: Manner, leave: bool) {
        self.shared.state().stopping = Some(match manner {
            _ if leave => Stopping::Leave,
            Manner::Gently => Stopping::Gently,
            Manner::AtOnce => Stopping::AtOnce,
        });
        self.shared.changed.notify_all();
    }

    fn begin(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let work = move || shared.work();
            *thread = thread::Builder::new().name("slurm".to_owned()).spawn(work).ok();
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a program of Slurm, and learns from its answer whether Slurm can be used here.
    fn call(&self, program: &str, arguments: &[String], stdin: &str) -> Result<String, Trouble> {
        let told = self.client.call(program, arguments, stdin);
        if !told.as_ref().is_err_and(Trouble::is_unusable) {
            self.state().is_usable = true;
        }
        told
    }

    /// Whether a Slurm that seems not to be set up is believed to be so, when it was asked so often.
    fn is_given_up(&self, trouble: &Trouble, asked: u32) -> bool {
        let is_missing = matches!(trouble, Trouble::Missing(_));
        trouble.is_unusable() && !self.state().is_usable && (is_missing || asked >= UNANSWERED)
    }

    /// Where what jobs print goes.
    fn printed(&self) -> PathBuf {
        place(&self.store)
    }

    /// The queue whose pilots have this name, if it is one's.
    fn queue(&self, name: &str) -> Option<Queue> {
        Queue::of(&self.printed(), name)
    }

    fn printed_by(&self, attempt: &str) -> Option<PathBuf> {
        let state = self.state();
        let submission = state.watches.get(attempt)?.submission.as_ref()?;
        let job = match self.queue(&submission.name) {
            Some(_) => state.watches.get(attempt)?.place.job.clone(),
            None => submission.id(),
        };
        Some(self.printed().join(format!("{}_{job}.out", submission.name)))
    }

    /// What the thread does until the desk is closed.
    fn work(&self) {
        let mut look_at = Instant::now();
        loop {
            if self.state().closed {
                self.cancel();
                return;
            }
            self.hand_over();
            if self.cancel() {
                look_at = Instant::now();
            }
            if Instant::now() >= look_at {
                self.look();
                let stopping = self.state().stopping.is_some();
                look_at = Instant::now() + if stopping { self.poll.min(TICK * 5) } else { self.poll };
            }
            let state = self.state();
            if !state.closed {
                drop(self.changed.wait_timeout(state, TICK.min(self.poll)));
            }
        }
    }
}
