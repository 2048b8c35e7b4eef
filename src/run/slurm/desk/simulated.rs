//! The desk at a simulated Slurm: what goes together, when it is handed over and how an answer is read are the real desk's; its thread, its
//! clock and the files are not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::queue;
use super::super::shape::{Shape, script};
use super::batch::batches;
use super::look::{Shown, wanted_names};
use super::watch::Watch;
use super::{Wish, gather};
use crate::run::attempt::Attempt;
use crate::run::simulation::{Calls, Slurm};
use crate::run::submission::Submission;
use crate::stage::Place;

/// Hands over and watches, at a clock that is told to it in milliseconds.
#[derive(Debug)]
pub(in crate::run) struct SimulatedDesk {
    poll: Duration,
    store: PathBuf,
    wishes: Vec<(u64, Wish)>,
    watches: BTreeMap<String, Watch>,
    look_at: u64,
    pub(in crate::run) calls: Calls,
}

impl SimulatedDesk {
    pub(in crate::run) fn new(poll_seconds: f64, store: &Path) -> Self {
        Self {
            poll: Duration::from_secs_f64(poll_seconds),
            store: store.to_owned(),
            wishes: Vec::new(),
            watches: BTreeMap::new(),
            look_at: 0,
            calls: Calls::default(),
        }
    }

    /// Takes the attempt of a job's folder.
    pub(in crate::run) fn submit(&mut self, now: u64, job: &Path, attempt: &str, cpus: u32) {
        let shape = Shape {
            cpus,
            memory_mib: None,
            gpus: 0,
            minutes: None,
            flags: Vec::new(),
        };
        let wish = Wish {
            attempt: Attempt::of(job, attempt),
            job: job.to_owned(),
            shape,
        };
        let due = now + millis(gather(self.watches.len(), self.poll));
        self.watches.insert(attempt.to_owned(), Watch::new(job, None));
        self.wishes.push((due, wish));
    }

    /// Watches an attempt no more.
    pub(in crate::run) fn forget(&mut self, attempt: &str) {
        self.watches.remove(attempt);
    }

    /// How many jobs there are.
    pub(in crate::run) fn count(&self) -> usize {
        self.watches.len()
    }

    /// Where an attempt stands.
    pub(in crate::run) fn place(&self, attempt: &str) -> Option<&Place> {
        self.watches.get(attempt).map(|watch| &watch.place)
    }

    /// When there is something to do next.
    pub(in crate::run) fn next(&self) -> Option<u64> {
        let due = self.wishes.iter().map(|(due, _)| *due).min();
        let look = (!self.watches.is_empty()).then_some(self.look_at);
        due.into_iter().chain(look).min()
    }

    /// Hands over what has waited long enough; answers with the attempts that stand otherwise than before.
    pub(in crate::run) fn hand_over(&mut self, now: u64, slurm: &mut Slurm<'_>) -> Vec<String> {
        let mut moved = Vec::new();
        if !self.wishes.iter().any(|(due, _)| *due <= now) {
            return moved;
        }
        let wishes = std::mem::take(&mut self.wishes);
        for batch in batches(wishes.into_iter().map(|(_, wish)| wish)) {
            let Some(first) = batch.wishes.first() else { continue };
            let flags = first.shape.flags(&batch.name, batch.wishes.len(), &self.store);
            let folders = batch.wishes.iter().map(|wish| wish.attempt.folder());
            let text = script(Path::new("/usr/bin/asm-pipe"), &self.store, folders);
            self.calls.sbatch += usize::from(!flags.is_empty());
            self.calls.longest_script = self.calls.longest_script.max(text.len());
            let attempts = batch.wishes.iter().map(|wish| wish.attempt.name().to_owned()).collect();
            let job = queue::submitted(&slurm.sbatch(now, &batch.name, attempts));
            for (index, wish) in (0..).zip(&batch.wishes) {
                let attempt = wish.attempt.name().to_owned();
                if let Some(watch) = self.watches.get_mut(&attempt) {
                    watch.submitted(Submission {
                        attempt: attempt.clone(),
                        name: batch.name.clone(),
                        index,
                        job,
                        at: now,
                        memory_mib: None,
                    });
                    watch.sight = super::Sight::Alive;
                    moved.push(attempt);
                }
            }
        }
        moved
    }

    /// Looks how all jobs stand if it is time for that; answers with those that stand otherwise than before.
    pub(in crate::run) fn look(&mut self, now: u64, slurm: &Slurm<'_>) -> Vec<String> {
        let mut moved = Vec::new();
        if now < self.look_at {
            return moved;
        }
        self.look_at = now + millis(self.poll);
        let alive = self.watches.values().filter(|watch| watch.is_alive());
        let names: BTreeSet<String> = alive
            .filter_map(|watch| Some(watch.submission.as_ref()?.name.clone()))
            .collect();
        if names.is_empty() {
            return moved;
        }
        let asked = wanted_names(&names);
        let text = slurm.squeue(now, asked.as_ref().map(|_| &names));
        self.calls.squeue += 1;
        self.calls.longest_argument = self.calls.longest_argument.max(asked.map_or(0, |asked| asked.len()));
        self.calls.longest_answer = self.calls.longest_answer.max(text.len());
        let rows = queue::rows(&text);
        let shown = Shown::of(&rows);
        for (attempt, watch) in &mut self.watches {
            let Some(row) = watch.submission.as_ref().and_then(|submission| shown.row(submission)) else {
                continue;
            };
            let before = watch.place.clone();
            watch.stands(&row.state, row.node.clone(), row.reason.clone(), row.start);
            if watch.place != before {
                moved.push(attempt.clone());
            }
        }
        moved
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
