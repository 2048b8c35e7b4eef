//! A job on a thread of its own, and what it says to the loop.

use std::sync::mpsc::Sender;
use std::time::Instant;

use super::executor::{Executor, JobError};
use super::job_log::JobLog;
use super::perform::{Work, perform};
use crate::plan::NodeId;
use crate::stage::{Progress, Reporter};
use crate::store::{Record, Store};

/// What a job thread says.
pub(crate) enum Told {
    /// How far it is.
    Progress(NodeId, Progress),
    /// A line of its log.
    Log(NodeId, String),
    /// It has ended, and the thread with it.
    Ended {
        node: NodeId,
        result: Result<Box<Record>, JobError>,
        seconds: f64,
        log: JobLog,
    },
}

/// Does a job and says how it ended.
pub(crate) fn work(
    store: &Store,
    node: NodeId,
    work: Work<'_>,
    executor: &dyn Executor,
    log: JobLog,
    sender: &Sender<Told>,
) {
    let reporter = JobReporter { node, sender, log };
    let begin = Instant::now();
    let result = perform(store, &work, executor, &reporter).map(Box::new);
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

struct JobReporter<'a> {
    node: NodeId,
    sender: &'a Sender<Told>,
    log: JobLog,
}

impl Reporter for JobReporter<'_> {
    fn progress(&self, progress: Progress) {
        let _ = self.sender.send(Told::Progress(self.node, progress));
    }

    fn log(&self, line: &str) {
        self.log.add(line);
        let _ = self.sender.send(Told::Log(self.node, line.to_owned()));
    }
}
