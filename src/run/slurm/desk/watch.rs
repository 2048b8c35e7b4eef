//! One job, as the desk knows it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::ending::{Ending, How};
use super::Sight;
use crate::run::clock::now;
use crate::run::submission::Submission;
use crate::stage::Place;

/// A job that somebody waits for, as it is known here.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) job: PathBuf,
    pub(super) submission: Option<Submission>,
    pub(super) place: Place,
    pub(super) news: Vec<String>,
    pub(super) sight: Sight,
    pub(super) since: Instant,
    pub(super) is_cancelled: bool,
}

impl Watch {
    pub(super) fn new(job: &Path, submission: Option<Submission>) -> Self {
        let mut watch = Self {
            job: job.to_owned(),
            place: Place::default(),
            news: Vec::new(),
            sight: Sight::Waiting,
            since: Instant::now(),
            is_cancelled: false,
            submission: None,
        };
        if let Some(submission) = submission {
            watch.sight = Sight::Alive;
            watch.submitted(submission);
        }
        watch
    }

    pub(super) fn submitted(&mut self, submission: Submission) {
        self.place.job = submission.id();
        self.place.queued_at = submission.at;
        if self.place.state.is_empty() {
            "PENDING".clone_into(&mut self.place.state);
        }
        self.submission = Some(submission);
    }

    /// Takes in what Slurm says of it.
    pub(super) fn stands(&mut self, state: &str, node: Option<String>, reason: Option<String>, start: Option<u64>) {
        let is_waiting = matches!(
            state,
            "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_HOLD" | "SPECIAL_EXIT"
        );
        self.place.node = node.or_else(|| self.place.node.take().filter(|_| !is_waiting));
        self.place.running_at = if is_waiting {
            None
        } else {
            let start = start.map(|seconds| seconds * 1000);
            self.place.running_at.or(start).or_else(|| Some(now()))
        };
        state.clone_into(&mut self.place.state);
        self.place.reason = reason.clone().filter(|_| is_waiting);
        if let Some(how) = How::of(state) {
            self.ended(how, reason);
        }
    }

    pub(super) fn ended(&mut self, how: How, reason: Option<String>) {
        self.sight = Sight::Ended(Ending {
            how,
            job: self.place.job.clone(),
            node: self.place.node.clone(),
            reason,
            printed: Vec::new(),
        });
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.sight, Sight::Alive)
    }
}
