//! From jobs that are wanted to jobs that Slurm has: in batches, each with word left before.

use std::time::{Duration, Instant};

use super::super::client::Trouble;
use super::super::pilot::Queue;
use super::super::queue;
use super::super::shape::script;
use super::batch::{Batch, batches};
use super::{Shared, Sight};
use crate::run::clock::now;
use crate::run::submission::Submission;
use crate::stage::StageError;

/// How often a batch is handed over before Slurm counts as out of reach.
const TRIES: u32 = 20;

/// How long it is waited at most before one is asked again that seems not to be set up.
const DOUBT: Duration = Duration::from_secs(2);

/// The failure of a stage for which Slurm cannot be used.
pub(super) fn unusable(said: String) -> StageError {
    StageError::new(said).hint(
        "`asm-pipe doctor --executor slurm` says what is wrong; with `--executor local` the run stays on this machine",
    )
}

impl Shared {
    /// Hands over what has waited long enough.
    pub(super) fn hand_over(&self) {
        let mut due = Vec::new();
        {
            let mut state = self.state();
            if state.stopping.is_some() {
                state.wishes.clear();
                state.batches.clear();
                return;
            }
            let now = Instant::now();
            if state.wishes.iter().any(|(at, _)| *at <= now) {
                let wishes = std::mem::take(&mut state.wishes);
                state.batches.extend(batches(wishes.into_iter().map(|(_, wish)| wish)));
            }
            let (ready, later) = std::mem::take(&mut state.batches)
                .into_iter()
                .partition(|batch: &Batch| batch.due <= now);
            state.batches = later;
            due.extend::<Vec<Batch>>(ready);
        }
        for batch in due {
            match self.pilot {
                Some(_) => self.put_in_queue(batch),
                None => self.hand_over_batch(batch),
            }
        }
    }

    /// Leaves the jobs of a batch to pilots; the next look sees to it that there are some.
    fn put_in_queue(&self, mut batch: Batch) {
        let Some(shape) = batch.wishes.first().map(|wish| wish.shape.clone()) else {
            return;
        };
        let made = Queue::make(&self.printed(), &shape);
        if let Ok(queue) = &made {
            batch.name = queue.name();
            self.leave_word(&mut batch, None);
        }
        for wish in &batch.wishes {
            let put = match &made {
                Ok(queue) => queue.put(&wish.attempt).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            let mut state = self.state();
            if let Some(watch) = state.watches.get_mut(wish.attempt.name()) {
                match (put, Submission::left_in(&wish.job)) {
                    (Ok(()), Some(submission)) => {
                        watch.sight = Sight::Alive;
                        watch.submitted(submission);
                    }
                    (Ok(()), None) => watch.sight = Sight::NeverSubmitted,
                    (Err(error), _) => watch.sight = Sight::Refused(StageError::new(error)),
                }
            }
        }
        self.changed.notify_all();
    }

    fn hand_over_batch(&self, mut batch: Batch) {
        if batch.tries == 0 {
            self.leave_word(&mut batch, None);
        }
        if batch.wishes.is_empty() {
            return;
        }
        // It may have been taken though nothing was heard of it.
        let known = if batch.tries == 0 {
            Ok(None)
        } else {
            self.find(&batch.name)
        };
        let submitted = match known {
            Ok(Some(job)) => Ok(job),
            Ok(None) => self.submit(&batch),
            Err(trouble) => Err(trouble),
        };
        match submitted {
            Ok(job) => self.leave_word(&mut batch, Some(job)),
            Err(trouble)
                if trouble.is_refusal()
                    || self.is_given_up(&trouble, batch.tries + 1)
                    || (batch.tries >= TRIES && !trouble.is_for_now()) =>
            {
                let said = format!("could not be submitted to Slurm: {trouble}");
                let error = if trouble.is_refusal() && !trouble.is_unusable() {
                    StageError::new(said)
                        .hint("`[slurm]` in asm-pipe.toml sets partition, account and limits; `sinfo` lists partitions")
                } else {
                    unusable(said)
                };
                let mut state = self.state();
                for wish in &batch.wishes {
                    Submission::remove(&wish.job);
                    if let Some(watch) = state.watches.get_mut(wish.attempt.name()) {
                        watch.sight = Sight::Refused(error.clone());
                    }
                }
            }
            Err(trouble) => {
                let is_in_doubt = trouble.is_unusable() && !self.state().is_usable;
                let longest = if is_in_doubt { DOUBT } else { Duration::from_secs(60) };
                let pause = (self.poll * 2_u32.pow(batch.tries.min(6))).min(longest);
                batch.tries += 1;
                batch.due = Instant::now() + pause;
                let mut state = self.state();
                if batch.tries == 1 {
                    for wish in &batch.wishes {
                        if let Some(watch) = state.watches.get_mut(wish.attempt.name()) {
                            watch
                                .news
                                .push(format!("{trouble}; it is tried again until Slurm takes the job"));
                        }
                    }
                }
                state.batches.push(batch);
            }
        }
        self.changed.notify_all();
    }

    /// Leaves word in the jobs' folders that they are handed over, and with which number once that is known. A job whose folder
    /// does not take it is not handed over.
    fn leave_word(&self, batch: &mut Batch, job: Option<u64>) {
        let name = batch.name.clone();
        let mut index = 0;
        batch.wishes.retain(|wish| {
            let attempt = wish.attempt.name();
            let submission = Submission {
                attempt: attempt.to_owned(),
                name: name.clone(),
                index,
                job,
                at: now(),
                memory_mib: wish.shape.memory_mib,
            };
            let left = submission.leave(&wish.job);
            let mut state = self.state();
            let Some(watch) = state.watches.get_mut(attempt) else {
                index += 1;
                return true;
            };
            match left {
                Ok(()) if job.is_some() => {
                    watch.sight = Sight::Alive;
                    watch.submitted(submission);
                }
                Ok(()) => {}
                // The number is not needed to find it again.
                Err(_) if job.is_some() => watch.sight = Sight::Alive,
                Err(error) => {
                    watch.sight = Sight::Refused(error.into());
                    return false;
                }
            }
            index += 1;
            true
        });
    }

    fn submit(&self, batch: &Batch) -> Result<u64, Trouble> {
        let Some(first) = batch.wishes.first() else {
            return Ok(0);
        };
        let printed = self.printed();
        // Without the folder Slurm could not start them.
        fs_err::create_dir_all(&printed).map_err(|error| Trouble::Said("the store".to_owned(), error.to_string()))?;
        let flags = first.shape.flags(&batch.name, batch.wishes.len(), &printed);
        let folders = batch.wishes.iter().map(|wish| wish.attempt.folder());
        let script = script(&self.program, &self.store, folders);
        let said = self.call("sbatch", &flags, &script)?;
        queue::submitted(&said).ok_or_else(|| Trouble::Said("sbatch".to_owned(), said.trim().to_owned()))
    }
}
