//! A job on a thread of its own, and what it says to the loop.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::Interrupt;
use super::executor::{Executor, JobError};
use super::job_log::JobLog;
use super::perform::{Work, perform};
use super::scratch::Spares;
use crate::plan::NodeId;
use crate::remote::{Answered, Fetched, RemoteError, Sending};
use crate::stage::{Place, Progress, Reporter, StageError};
use crate::store::{Digest, Record, Store};

/// What a job thread says.
pub(crate) enum Told {
    /// How far it is.
    Progress(NodeId, Progress),
    /// A line of its log.
    Log(NodeId, String),
    /// Where it stands in a queue.
    Placed(NodeId, Place),
    /// An attempt failed; there will be another.
    Again {
        node: NodeId,
        attempt: u32,
        error: StageError,
        pause: Duration,
    },
    /// The remote has been asked for a key.
    Answered {
        key: Digest,
        answer: Result<Answered, RemoteError>,
    },
    /// A record that the remote has was fetched, or was not.
    Fetched {
        record: Box<Record>,
        fetched: Result<Fetched, RemoteError>,
    },
    /// A record was sent to the remote, or was not.
    Sent {
        record: Box<Record>,
        sending: Result<Sending, RemoteError>,
    },
    /// It has ended, and the thread with it.
    Ended {
        node: NodeId,
        result: Result<Box<Record>, JobError>,
        seconds: f64,
        log: JobLog,
    },
}

/// How often and how long a job is tried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trial {
    /// After so long an attempt is ended.
    pub(crate) timeout: Option<Duration>,
    /// How often it is tried again after it failed.
    pub(crate) retries: u32,
}

impl Trial {
    /// The wait before the n-th repetition: 1, 2, 4 seconds and so on, at most a minute.
    pub(super) fn pause(n: u32) -> Duration {
        Duration::from_secs(1 << (n - 1).min(6)).min(Duration::from_secs(60))
    }
}

/// Does a job and says how it ended.
pub(crate) fn work(
    store: &Store,
    node: NodeId,
    (mut work, trial): (Work<'_>, Trial),
    (executor, spares): (&dyn Executor, &Spares),
    log: JobLog,
    (sender, interrupt): (&Sender<Told>, &Interrupt),
) {
    let begin = Instant::now();
    let mut reporter = JobReporter {
        node,
        sender,
        log,
        deadline: None,
    };
    let mut attempt = 0;
    let result = loop {
        reporter.deadline = trial.timeout.map(|timeout| Instant::now() + timeout);
        let result = perform(store, &work, (executor, spares), &reporter).map_err(|error| match trial.timeout {
            Some(timeout) if reporter.cancelled() => too_long(timeout).into(),
            _ => error,
        });
        attempt += 1;
        match result {
            Err(JobError::Failed(error) | JobError::Killed(error))
                if attempt <= trial.retries && interrupt.count() == 0 =>
            {
                let pause = Trial::pause(attempt);
                reporter.log(&format!(
                    "attempt {attempt} failed: {error}; again in {} s",
                    pause.as_secs()
                ));
                let _ = sender.send(Told::Again {
                    node,
                    attempt,
                    error,
                    pause,
                });
                wait(pause, interrupt);
                // What the attempt kept is there to go on from.
                work.afresh = false;
            }
            result => break result.map(Box::new),
        }
    };
    // The key is free before anybody hears of the end.
    drop(work);
    let seconds = begin.elapsed().as_secs_f64();
    let log = reporter.log;
    // Nobody hears it only if the run has broken off.
    let _ = sender.send(Told::Ended {
        node,
        result,
        seconds,
        log,
    });
}

/// A `timeout` as a duration, if it is one that can be waited for.
pub(super) fn timeout(seconds: Option<f64>) -> Option<Duration> {
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// The failure of a job that was ended after its `timeout`.
pub(super) fn too_long(timeout: Duration) -> StageError {
    StageError::new(format!(
        "took longer than its `timeout` of {} s and was ended",
        timeout.as_secs_f64()
    ))
    .hint("give the stage a longer `timeout`, or less to do")
}

/// Waits, unless the user wants to end.
fn wait(pause: Duration, interrupt: &Interrupt) {
    let end = Instant::now() + pause;
    while Instant::now() < end && interrupt.count() == 0 {
        std::thread::sleep(Duration::from_millis(50).min(pause));
    }
}

struct JobReporter<'a> {
    node: NodeId,
    sender: &'a Sender<Told>,
    log: JobLog,
    deadline: Option<Instant>,
}

impl Reporter for JobReporter<'_> {
    fn progress(&self, progress: Progress) {
        let _ = self.sender.send(Told::Progress(self.node, progress));
    }

    fn placed(&self, place: Place) {
        let _ = self.sender.send(Told::Placed(self.node, place));
    }

    fn log(&self, line: &str) {
        self.log.add(line);
        let _ = self.sender.send(Told::Log(self.node, line.to_owned()));
    }

    fn cancelled(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}
