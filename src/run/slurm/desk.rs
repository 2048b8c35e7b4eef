//! Where jobs are handed over to Slurm and watched: one thread that submits in batches, asks for all at once, and cancels.
//!
//! Those who wait for a job look here for how it stands. Before a batch is handed over, each job's folder says so
//! ([`Submission`]), with the name that the batch will have; if `sbatch` gives no clear answer, or the run is killed right then,
//! the queue is asked for that name before anything is submitted again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::client::{Client, Trouble};
use super::ending::{Ending, How};
use super::pilot::{Queue, Tickets};
use super::queue::{self, FORMAT, Row};
use super::shape::{Shape, pilot_script, script};
use crate::project;
use crate::run::attempt::Attempt;
use crate::run::clock::now;
use crate::run::resources::node_name;
use crate::run::scheduler::Manner;
use crate::run::submission::Submission;
use crate::stage::{Place, StageError};
use crate::store::Digest;

/// Jobs that become ready within this time go together.
const GATHER: Duration = Duration::from_millis(300);

/// No more go in one batch: clusters bound the length of arrays, usually by 1000.
const MOST: usize = 500;

/// How often the thread looks for what there is to do.
const TICK: Duration = Duration::from_millis(100);

/// How often a batch is handed over before Slurm counts as out of reach.
const TRIES: u32 = 20;

/// A job that was about to be submitted, and that the queue does not show, is looked for this long.
const UNSURE: Duration = Duration::from_secs(10);

/// So many of the last lines that a job printed are told.
const PRINTED: usize = 8;

/// What all names of ours begin with.
const PREFIX: &str = "asm-pipe-";

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

#[derive(Debug)]
struct Watch {
    job: PathBuf,
    submission: Option<Submission>,
    place: Place,
    news: Vec<String>,
    sight: Sight,
    since: Instant,
    is_cancelled: bool,
}

/// Jobs that go together under one name.
#[derive(Debug)]
struct Batch {
    name: String,
    wishes: Vec<Wish>,
    due: Instant,
    tries: u32,
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
        state
            .watches
            .insert(wish.attempt.name().to_owned(), Watch::new(&wish.job, None));
        state.wishes.push((Instant::now() + GATHER, wish));
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
        let submission = state.watches.remove(attempt).and_then(|watch| watch.submission);
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

impl Watch {
    fn new(job: &Path, submission: Option<Submission>) -> Self {
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

    fn submitted(&mut self, submission: Submission) {
        self.place.job = submission.id();
        self.place.queued_at = submission.at;
        if self.place.state.is_empty() {
            "PENDING".clone_into(&mut self.place.state);
        }
        self.submission = Some(submission);
    }

    /// Takes in what Slurm says of it.
    fn stands(&mut self, state: &str, node: Option<String>, reason: Option<String>, start: Option<u64>) {
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

    fn ended(&mut self, how: How, reason: Option<String>) {
        self.sight = Sight::Ended(Ending {
            how,
            job: self.place.job.clone(),
            node: self.place.node.clone(),
            reason,
            printed: Vec::new(),
        });
    }

    fn is_alive(&self) -> bool {
        matches!(self.sight, Sight::Alive)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where what jobs print goes.
    fn printed(&self) -> PathBuf {
        self.store.join("slurm")
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

    /// Hands over what has waited long enough.
    fn hand_over(&self) {
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
            Err(trouble) if trouble.is_refusal() || (batch.tries >= TRIES && !trouble.is_for_now()) => {
                let error = StageError::new(format!("could not be submitted to Slurm: {trouble}"))
                    .hint("`[slurm]` in asm-pipe.toml sets partition, account and limits; `sinfo` lists partitions");
                let mut state = self.state();
                for wish in &batch.wishes {
                    Submission::remove(&wish.job);
                    if let Some(watch) = state.watches.get_mut(wish.attempt.name()) {
                        watch.sight = Sight::Refused(error.clone());
                    }
                }
            }
            Err(trouble) => {
                let pause = (self.poll * 2_u32.pow(batch.tries.min(6))).min(Duration::from_secs(60));
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
        let said = self.client.call("sbatch", &flags, &script)?;
        queue::submitted(&said).ok_or_else(|| Trouble::Said("sbatch".to_owned(), said.trim().to_owned()))
    }

    /// The number of the batch of this name, if Slurm has one.
    fn find(&self, name: &str) -> Result<Option<u64>, Trouble> {
        let rows = self.rows(&BTreeSet::from([name.to_owned()]))?;
        Ok(rows.iter().find(|row| row.name == name).map(|row| row.job))
    }

    fn rows(&self, names: &BTreeSet<String>) -> Result<Vec<Row>, Trouble> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let arguments = [
            "--noheader".to_owned(),
            "--me".to_owned(),
            "--states=all".to_owned(),
            format!("--format={FORMAT}"),
            format!("--name={}", names.join(",")),
        ];
        Ok(queue::rows(&self.client.call("squeue", &arguments, "")?))
    }

    /// Looks how all jobs stand, by one question.
    fn look(&self) {
        let wanted: Vec<(String, Submission)> = {
            let state = self.state();
            let alive = state.watches.iter().filter(|(_, watch)| watch.is_alive());
            alive
                .filter_map(|(attempt, watch)| Some((attempt.clone(), watch.submission.clone()?)))
                .collect()
        };
        if wanted.is_empty() {
            return;
        }
        let names = wanted.iter().map(|(_, submission)| submission.name.clone()).collect();
        let rows = match self.rows(&names) {
            Ok(rows) => {
                self.state().trouble = None;
                rows
            }
            Err(trouble) => return self.tell_trouble(&trouble),
        };
        let (left_to_pilots, wanted): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|(_, submission)| self.queue(&submission.name).is_some());
        let mut queues: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (attempt, submission) in left_to_pilots {
            queues.entry(submission.name).or_default().push(attempt);
        }
        for (name, attempts) in queues {
            self.look_at_queue(&name, &attempts, &rows);
        }
        for (attempt, submission) in wanted {
            let mut of_it: Vec<&Row> = rows
                .iter()
                .filter(|row| row.name == submission.name && row.is_of(submission.index))
                .collect();
            // If it was taken twice, the one that goes on counts.
            of_it.sort_by_key(|row| How::of(&row.state).is_some());
            match of_it.first() {
                Some(row) => self.found(&attempt, &submission, row),
                None => self.missed(&attempt, &submission),
            }
        }
        self.changed.notify_all();
    }

    /// Looks where the tickets of a queue are, and has more pilots come if they are needed.
    fn look_at_queue(&self, name: &str, attempts: &[String], rows: &[Row]) {
        let Some((queue, tickets)) = self.queue(name).and_then(|queue| {
            let tickets = queue.tickets().ok()?;
            Some((queue, tickets))
        }) else {
            return;
        };
        for attempt in attempts {
            match tickets.claimed.get(attempt) {
                Some(pilot) => self.look_at_claim(&queue, attempt, pilot, rows),
                None => self.look_at_ticket(&queue, attempt, tickets.ready.contains(attempt)),
            }
        }
        self.have_pilots(&queue, &tickets, rows);
    }

    /// A ticket that no pilot has: none has come yet, or it is done.
    fn look_at_ticket(&self, queue: &Queue, attempt: &str, is_ready: bool) {
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        if !is_ready {
            // Its outcome is there, or on its way.
            watch.ended(How::Completed, None);
        } else if self.pilot.is_none() {
            // An earlier run had pilots; this one has none come.
            queue.withdraw(attempt);
            watch.sight = Sight::NeverSubmitted;
        }
    }

    /// A ticket that a pilot has: does that still live?
    fn look_at_claim(&self, queue: &Queue, attempt: &str, pilot: &str, rows: &[Row]) {
        let Some((how, node)) = self.ask_for_pilot(&queue.name(), pilot, rows) else {
            return;
        };
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        pilot.clone_into(&mut watch.place.job);
        watch.stands("RUNNING", node, None, None);
        if let Some(how) = how {
            let how = match how {
                How::OutOfMemory => how,
                _ => How::PilotEnded,
            };
            watch.ended(how, None);
            queue.drop_claim(attempt, pilot);
        }
    }

    /// How a pilot ended, if it has, and its node. None if that cannot be known now.
    fn ask_for_pilot(&self, name: &str, pilot: &str, rows: &[Row]) -> Option<(Option<How>, Option<String>)> {
        let (job, index) = pilot.split_once('_')?;
        let (job, index): (u64, u32) = (job.parse().ok()?, index.parse().ok()?);
        if let Some(row) = rows.iter().find(|row| row.job == job && row.is_of(index)) {
            return Some((How::of(&row.state), row.node.clone()));
        }
        let submission = Submission {
            attempt: String::new(),
            name: name.to_owned(),
            index,
            job: Some(job),
            at: 0,
            memory_mib: None,
        };
        match self.ask_for(&submission) {
            Ok(Some((state, node, _))) => Some((How::of(&state), node)),
            Ok(None) => Some((Some(How::Vanished), None)),
            Err(_) => None,
        }
    }

    /// Has pilots come for the tickets that none of those who wait will take.
    fn have_pilots(&self, queue: &Queue, tickets: &Tickets, rows: &[Row]) {
        let (Some(pilot), Some(mut shape)) = (&self.pilot, queue.shape()) else {
            return;
        };
        let name = queue.name();
        let living = rows
            .iter()
            .filter(|row| row.name == name && How::of(&row.state).is_none());
        let (waiting, running): (Vec<&Row>, Vec<&Row>) = living.partition(|row| row.state == "PENDING");
        let count = |rows: &[&Row]| rows.iter().map(|row| row.count()).sum::<usize>();
        let more = (pilot.allocations as usize)
            .saturating_sub(count(&waiting) + count(&running))
            .min(tickets.ready.len().saturating_sub(count(&waiting)));
        if more == 0 || self.state().stopping.is_some() {
            return;
        }
        shape.minutes = Some(((pilot.time / 60.0).ceil() as u64).max(1));
        let flags = shape.flags(&name, more, &self.printed());
        let script = pilot_script(&self.program, &self.store, queue.folder(), pilot.time);
        match self.client.call("sbatch", &flags, &script) {
            Err(trouble) if trouble.is_refusal() => {
                let error = StageError::new(format!("no pilot could be submitted to Slurm: {trouble}"));
                let mut state = self.state();
                for attempt in &tickets.ready {
                    if let Some(watch) = state.watches.get_mut(attempt) {
                        queue.withdraw(attempt);
                        watch.sight = Sight::Refused(error.clone());
                    }
                }
            }
            // What was taken nevertheless is seen in the queue next time.
            Err(trouble) => self.tell_trouble(&trouble),
            Ok(_) => {}
        }
    }

    fn found(&self, attempt: &str, submission: &Submission, row: &Row) {
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        if submission.job != Some(row.job) {
            let known = Submission {
                job: Some(row.job),
                ..submission.clone()
            };
            // It is found again by its name if this cannot be kept.
            let _ = known.leave(&watch.job);
            watch.submitted(known);
        }
        watch.stands(&row.state, row.node.clone(), row.reason.clone(), row.start);
    }

    /// A job that the queue does not show: it has ended some time ago, or was never submitted.
    fn missed(&self, attempt: &str, submission: &Submission) {
        let told = match submission.job {
            Some(_) => self.ask_for(submission),
            None => Ok(None),
        };
        let mut state = self.state();
        let Some(watch) = state.watches.get_mut(attempt) else {
            return;
        };
        match told {
            Ok(Some((how, node, reason))) => watch.stands(&how, node, reason, None),
            Ok(None) if submission.job.is_some() => watch.ended(How::Vanished, None),
            Ok(None) if watch.since.elapsed() >= UNSURE => {
                let attempt = Attempt::of(&watch.job, attempt);
                if attempt.has_begun() {
                    watch.ended(How::Vanished, None);
                } else {
                    watch.sight = Sight::NeverSubmitted;
                }
            }
            // Asked again next time.
            Ok(None) | Err(_) => {}
        }
    }

    /// Asks `scontrol`, and `sacct` where there is accounting, for one job. None: they do not know it.
    #[expect(clippy::type_complexity, reason = "state, node, reason")]
    fn ask_for(&self, submission: &Submission) -> Result<Option<(String, Option<String>, Option<String>)>, Trouble> {
        let id = submission.id();
        let arguments = ["show", "job", "--oneliner", &id].map(str::to_owned);
        match self.client.call("scontrol", &arguments, "") {
            Ok(text) => {
                if let Some(shown) = queue::shown(&text, submission.index) {
                    return Ok(Some(shown));
                }
            }
            Err(trouble) if trouble.is_unknown_job() => {}
            Err(trouble) => return Err(trouble),
        }
        let arguments = [
            "--noheader".to_owned(),
            "--parsable2".to_owned(),
            "--allocations".to_owned(),
            "--format=State,NodeList".to_owned(),
            format!("--jobs={id}"),
        ];
        // Where there is no accounting it says so, and nothing is known.
        let said = self.client.call("sacct", &arguments, "").ok();
        let accounted = said.and_then(|text| queue::accounted(&text));
        Ok(accounted.map(|(state, node)| (state, node, None)))
    }

    /// Tells those who wait that the queue cannot be asked, once.
    fn tell_trouble(&self, trouble: &Trouble) {
        let said = trouble.to_string();
        let mut state = self.state();
        if state.trouble.as_ref() != Some(&said) {
            for watch in state.watches.values_mut() {
                watch.news.push(format!(
                    "{said}; the job is taken to go on, and the queue is asked again"
                ));
            }
            state.trouble = Some(said);
            self.changed.notify_all();
        }
    }

    /// Cancels all jobs when that is wanted. Answers whether it did.
    fn cancel(&self) -> bool {
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
}

impl Shared {
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

/// Jobs of one shape go together.
fn batches(wishes: impl Iterator<Item = Wish>) -> Vec<Batch> {
    let mut shapes: BTreeMap<Shape, Vec<Wish>> = BTreeMap::new();
    for wish in wishes {
        shapes.entry(wish.shape.clone()).or_default().push(wish);
    }
    let mut batches = Vec::new();
    for mut wishes in shapes.into_values() {
        while !wishes.is_empty() {
            let rest = wishes.split_off(wishes.len().min(MOST));
            batches.push(Batch {
                name: format!("{PREFIX}{}", new_name()),
                wishes: std::mem::replace(&mut wishes, rest),
                due: Instant::now(),
                tries: 0,
            });
        }
    }
    batches
}

fn new_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let text = format!("{} {} {} {count}", node_name(), std::process::id(), now());
    let digest = Digest::of_bytes(text.as_bytes()).to_string();
    digest.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_ask_for_the_same_go_together_and_not_too_many_at_once() {
        let shape = |cpus: u32| Shape {
            cpus,
            memory_mib: None,
            gpus: 0,
            minutes: None,
            flags: Vec::new(),
        };
        let wish = |number: usize| Wish {
            attempt: Attempt::at(Path::new(&format!("/job/{number}"))),
            job: PathBuf::from("/job"),
            shape: shape(if number.is_multiple_of(3) { 2 } else { 1 }),
        };
        let batches = batches((0..1200).map(wish));
        let counts: Vec<(u32, usize)> = batches
            .iter()
            .map(|batch| (batch.wishes[0].shape.cpus, batch.wishes.len()))
            .collect();
        assert_eq!(counts, [(1, 500), (1, 300), (2, 400)]);
        let names: BTreeSet<&str> = batches.iter().map(|batch| batch.name.as_str()).collect();
        assert_eq!(names.len(), 3);
    }
}
