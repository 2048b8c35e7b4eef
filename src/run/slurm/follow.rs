//! One attempt to its end: what it reports is passed on, and its result is looked for, whatever Slurm says.

use std::time::{Duration, Instant};

use super::SlurmOptions;
use super::desk::{Desk, Sight, Stopping};
use super::ending::{Ending, How};
use crate::run::attempt::{Attempt, AttemptEnd, Ended};
use crate::stage::{Outcome, Place, Reporter, StageError};

/// The result of an attempt is looked for this often, by as many threads as there are jobs: so more seldom if these are many.
const LOOK: Duration = Duration::from_secs(1);
const LOOKS_A_SECOND: f64 = 200.0;

/// What became of an attempt.
pub(super) enum Followed {
    Done(Outcome),
    Failed(StageError),
    /// It may go on, and nothing can be heard of it here.
    OutOfReach(StageError),
    /// It has ended, and left no result.
    Over(Ending),
    /// It was never handed over.
    NeverSubmitted,
    /// It was cancelled because the run ends.
    Cancelled,
    /// It goes on without the run.
    Left,
}

/// Follows an attempt that is on the desk.
pub(super) fn follow(desk: &Desk, attempt: &Attempt, options: &SlurmOptions, reporter: &dyn Reporter) -> Followed {
    let lag = Duration::try_from_secs_f64(options.settings.lag_seconds).unwrap_or_default();
    let poll = Duration::try_from_secs_f64(options.settings.poll_seconds).unwrap_or(LOOK);
    let mut report = attempt.follow();
    let mut place = Place::default();
    let mut over: Option<Instant> = None;
    loop {
        // The result first: what was reported before it is there with it.
        let ended = attempt.ended();
        report.tell(reporter);
        let seen = desk.look(attempt.name());
        seen.news.iter().for_each(|line| reporter.log(line));
        if let Some(now) = seen.place.filter(|now| *now != place) {
            reporter.placed(now.clone());
            place = now;
        }
        let killed = match ended {
            Some(ended) => match settled(ended, &mut place, reporter) {
                Ok(followed) => return followed,
                Err(error) => Some(error),
            },
            None => None,
        };
        let is_waiting = matches!(seen.sight, Sight::Waiting);
        let (is_over, ending) = match seen.sight {
            Sight::Refused(error) => return Followed::Failed(error),
            Sight::OutOfReach(error) => return Followed::OutOfReach(error),
            Sight::NeverSubmitted => return Followed::NeverSubmitted,
            Sight::Waiting | Sight::Alive => (killed.is_some(), None),
            Sight::Ended(ending) => (true, Some(ending)),
        };
        match desk.stopping() {
            Some(Stopping::Leave) => return Followed::Left,
            Some(Stopping::AtOnce) => return Followed::Cancelled,
            Some(Stopping::Gently) if is_over || is_waiting => return Followed::Cancelled,
            _ => {}
        }
        if is_over {
            let since = *over.get_or_insert_with(|| {
                if killed.is_none() && lag >= Duration::from_secs(1) {
                    let job = &place.job;
                    reporter.log(&format!(
                        "the Slurm job {job} has ended; its result is waited for, up to {} s",
                        lag.as_secs()
                    ));
                }
                Instant::now()
            });
            match (ending, killed) {
                // Why a process was killed is Slurm's to say.
                (Some(ending), Some(error)) => {
                    let ending = ending.with(desk.printed(attempt.name()));
                    return match ending.how {
                        How::OutOfMemory => Followed::Over(ending),
                        _ => Followed::Failed(error),
                    };
                }
                (None, Some(error)) if since.elapsed() >= lag.max(poll * 2) => return Followed::Failed(error),
                (Some(ending), None) if since.elapsed() >= lag => {
                    return Followed::Over(ending.with(desk.printed(attempt.name())));
                }
                _ => {}
            }
        }
        let crowd = Duration::from_secs_f64(desk.count() as f64 / LOOKS_A_SECOND);
        desk.wait(poll.min(LOOK).max(crowd));
    }
}

/// What a result says; the error of one whose process was killed, about which Slurm may know more.
fn settled(ended: Ended, place: &mut Place, reporter: &dyn Reporter) -> Result<Followed, StageError> {
    let Ended {
        end,
        node,
        job,
        began_at,
        ..
    } = ended;
    let is_known = place.node.is_some() && place.running_at.is_some();
    // Who did it knows best where and when, and Slurm may not have been asked in between.
    if !place.job.is_empty() && (!is_known || job.as_ref().is_some_and(|job| *job != place.job)) {
        let now = Place {
            job: job.unwrap_or_else(|| place.job.clone()),
            node: Some(node),
            running_at: Some(began_at.max(place.queued_at)),
            state: "COMPLETED".to_owned(),
            reason: None,
            ..place.clone()
        };
        reporter.placed(now.clone());
        *place = now;
    }
    match end {
        AttemptEnd::Done(outcome) => Ok(Followed::Done(outcome)),
        AttemptEnd::Failed(error) => Ok(Followed::Failed(error)),
        AttemptEnd::Killed(error) => Err(error),
    }
}
