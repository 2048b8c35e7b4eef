//! The end of jobs that are not wanted any more.

use std::collections::BTreeSet;

use super::super::ending::How;
use super::watch::Watch;
use super::{Shared, Stopping};

impl Shared {
    /// Cancels all jobs when that is wanted. Answers whether it did.
    pub(super) fn cancel(&self) -> bool {
        self.cancel_pilots();
        let wanted: Vec<(String, String)> = {
            let state = self.state();
            if !matches!(state.stopping, Some(Stopping::Gently | Stopping::AtOnce)) {
                return false;
            }
            let of = |(attempt, watch): (&String, &Watch)| {
                let submission = watch
                    .submission
                    .as_ref()
                    .filter(|submission| submission.job.is_some())?;
                (watch.is_alive() && !watch.is_cancelled).then(|| (attempt.clone(), submission.id()))
            };
            state.watches.iter().filter_map(of).collect()
        };
        if wanted.is_empty() {
            return false;
        }
        let ids: Vec<String> = wanted.iter().map(|(_, id)| id.clone()).collect();
        let told = self.client.call("scancel", &ids, "");
        let mut state = self.state();
        for (attempt, _) in wanted {
            if let Some(watch) = state.watches.get_mut(&attempt) {
                watch.is_cancelled = told.is_ok();
                if let Err(trouble) = &told {
                    watch.news.push(format!("{trouble}; the job may go on"));
                }
            }
        }
        true
    }

    /// Takes back the tickets of this run when it is to end, and cancels the pilots that have some of them.
    fn cancel_pilots(&self) {
        let mut pilots = BTreeSet::new();
        {
            let mut state = self.state();
            if !matches!(state.stopping, Some(Stopping::Gently | Stopping::AtOnce)) {
                return;
            }
            for (attempt, watch) in &mut state.watches {
                let name = watch.submission.as_ref().map(|submission| submission.name.clone());
                let Some(queue) = name.and_then(|name| self.queue(&name)).filter(|_| watch.is_alive()) else {
                    continue;
                };
                queue.withdraw(attempt);
                pilots.extend(
                    queue
                        .tickets()
                        .ok()
                        .and_then(|mut tickets| tickets.claimed.remove(attempt)),
                );
                watch.ended(How::Cancelled, None);
            }
        }
        if !pilots.is_empty() {
            let pilots: Vec<String> = pilots.into_iter().collect();
            // A pilot that cannot be reached ends its job when it sees that it does not count.
            let _ = self.client.call("scancel", &pilots, "");
        }
        self.changed.notify_all();
    }
}
