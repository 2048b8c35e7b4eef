//! The loop of a run: one thread owns the [`Scheduler`], does its actions and tells it what happened.
//!
//! Looking up a key is done on this thread, so that a run that is answered from the store starts no thread and no process. A
//! job has a thread of its own from the lock to the record, and sends what happens through a channel. A key that another
//! run holds is asked for again from time to time, without a thread that would have to be woken to end.

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use super::clock::now;
use super::event::Counts;
use super::executor::{Executor, JobError};
use super::forecast::is_forced;
use super::in_process::InProcess;
use super::job_log::JobLog;
use super::journal::Journal;
use super::perform::{Work, perform};
use super::resolve::{Resolved, resolve, says_stop, store_error};
use super::scheduler::{Action, Because, Happening, Limits, Manner, Scheduler};
use super::task::{End, UnknownKind, tasks};
use super::workers::Workers;
use super::{Event, Interrupt, Moment};
use crate::plan::{Node, NodeId, Plan};
use crate::stage::{Progress, Registered, Registry, Reporter, StageError, Via};
use crate::store::{Digest, KeyLock, Lookup, Reason, Record, Store};

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Jobs at once.
    pub jobs: usize,
    /// Processor cores in use at once.
    pub cpus: u32,
    /// Memory in use at once, in MiB.
    pub memory_mib: u64,
    /// After a failure, go on with what does not need it.
    pub keep_going: bool,
    /// Stages to run though the store has their outputs: names in the plan, or in the pipeline (then in every round).
    pub force: Vec<String>,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its id.
    pub run: String,
    /// How each node ended, in the plan's order.
    pub nodes: Vec<NodeSummary>,
    /// The nodes by how they ended.
    pub counts: Counts,
    /// How long it took.
    pub seconds: f64,
    /// Whether the user ended it.
    pub interrupted: bool,
}

/// How a node ended.
#[derive(Clone, Debug)]
pub struct NodeSummary {
    /// How.
    pub end: End,
    /// Its outputs, if it was cached or ran.
    pub record: Option<Record>,
    /// How long it ran in this run.
    pub seconds: f64,
    /// Why it failed.
    pub error: Option<StageError>,
}

/// Why a run could not go on at all. What goes wrong with a stage is not among these.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The plan was made with another registry.
    #[error(transparent)]
    UnknownKind(#[from] UnknownKind),
    /// The journal cannot be written.
    #[error("could not write the journal of the run: {0}")]
    Journal(#[from] std::io::Error),
    /// A bug: nothing runs, and not all has ended.
    #[error("the run cannot go on: `{0}` waits for something that does not happen")]
    Stuck(String),
}

/// How often to look whether a key that another run holds is free, and whether the user wants to end.
const TICK: Duration = Duration::from_millis(40);

/// How long a job that was asked to end may take before it is ended.
const GRACE: Duration = Duration::from_secs(10);

enum Told {
    Progress(NodeId, Progress),
    Log(NodeId, String),
    Ended {
        node: NodeId,
        result: Result<Box<Record>, JobError>,
        seconds: f64,
        log: JobLog,
    },
}

/// Runs a plan to its end. `events` gets everything that happens, in order, on this thread.
///
/// # Errors
/// When the run itself cannot go on; stages that fail are in the summary.
pub fn run(
    plan: &Plan,
    registry: &Registry,
    store: &Store,
    options: &RunOptions,
    events: &mut dyn FnMut(&Moment),
    interrupt: &Interrupt,
) -> Result<Summary, RunError> {
    let tasks = tasks(plan, registry)?;
    let limits = Limits {
        cpus: options.cpus,
        memory_mib: options.memory_mib,
        jobs: options.jobs,
    };
    let guards = plan.nodes.iter().filter_map(|node| node.guard).collect();
    let (in_process, workers) = (InProcess::new(registry), Workers::new(registry));
    let journal = Journal::begin(&store.runs(), plan, now())?;
    let run_id = journal.id().to_owned();
    let shared = Shared {
        plan,
        registry,
        store,
        run: &run_id,
        in_process: &in_process,
        workers: &workers,
    };
    let (sender, receiver) = channel();
    let count = plan.nodes.len();
    let mut engine = Engine {
        shared: &shared,
        force: &options.force,
        guards,
        scheduler: Scheduler::new(tasks, limits, options.keep_going),
        nodes: (0..count).map(|_| NodeState::default()).collect(),
        made: BTreeSet::new(),
        waits: BTreeSet::new(),
        running: 0,
        queue: VecDeque::from([Happening::Begin]),
        journal,
        events,
        interrupt,
        interrupts: 0,
        asked_to_end: None,
        begin: Instant::now(),
    };
    thread::scope(|scope| {
        let result = engine.drive(scope, &sender, &receiver);
        if result.is_err() {
            // Nobody listens any more: do not wait for what cannot be told.
            in_process.stop(Manner::AtOnce);
            workers.stop(Manner::AtOnce);
        }
        result
    })?;
    Ok(engine.summary())
}

/// What job threads need.
#[derive(Clone, Copy)]
struct Shared<'a> {
    plan: &'a Plan,
    registry: &'a Registry,
    store: &'a Store,
    run: &'a str,
    in_process: &'a InProcess<'a>,
    workers: &'a Workers<'a>,
}

impl<'a> Shared<'a> {
    fn node(&self, node: NodeId) -> &'a Node {
        &self.plan.nodes[node.0]
    }

    fn kind(&self, node: NodeId) -> &'a Registered {
        self.registry.get(&self.node(node).kind).expect("checked when the tasks were made")
    }
}

#[derive(Default)]
struct NodeState {
    resolved: Option<Resolved>,
    record: Option<Record>,
    /// Why it runs.
    reason: String,
    error: Option<StageError>,
    log: Option<String>,
    seconds: f64,
}

struct Engine<'a, 'e> {
    shared: &'a Shared<'a>,
    force: &'a [String],
    guards: BTreeSet<NodeId>,
    scheduler: Scheduler,
    nodes: Vec<NodeState>,
    /// Keys that this run has made: a stage is forced to run once, not once for each of its equals.
    made: BTreeSet<Digest>,
    /// Nodes that another run makes.
    waits: BTreeSet<NodeId>,
    running: usize,
    queue: VecDeque<Happening>,
    journal: Journal,
    events: &'e mut dyn FnMut(&Moment),
    interrupt: &'e Interrupt,
    interrupts: u32,
    asked_to_end: Option<Instant>,
    begin: Instant,
}

impl<'a> Engine<'a, '_> {
    fn drive<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
        receiver: &Receiver<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        self.emit(Event::RunStarted {
            run: self.shared.run.to_owned(),
            pipelines: self.shared.plan.pipelines.clone(),
            stages: self.shared.plan.nodes.len(),
        })?;
        loop {
            self.notice_interrupts();
            if let Some(happening) = self.queue.pop_front() {
                self.announce(&happening)?;
                for action in self.scheduler.handle(happening) {
                    self.act(action, scope, sender)?;
                }
            } else if self.scheduler.is_finished() {
                break;
            } else if self.running == 0 && self.waits.is_empty() {
                return Err(RunError::Stuck(self.first_unfinished()));
            } else {
                match receiver.recv_timeout(TICK) {
                    Ok(told) => self.hear(told)?,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
                }
                self.ask_for_held_keys();
            }
        }
        let (counts, seconds) = (self.counts(), self.begin.elapsed().as_secs_f64());
        self.emit(Event::RunFinished { counts, seconds })
    }

    fn act<'scope>(
        &mut self,
        action: Action,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        match action {
            Action::Resolve(node) => match self.look_up(node) {
                Ok(happening) => self.queue.push_back(happening),
                Err(error) => self.fail(node, error),
            },
            Action::Start(node) => match self.claim(node) {
                Ok(Claim::Hit(happening)) => self.queue.push_back(happening),
                Ok(Claim::Held) => {
                    self.waits.insert(node);
                    self.queue.push_back(Happening::Elsewhere(node));
                    let (stage, key) = (self.name(node), self.key(node));
                    self.emit(Event::StageWaiting { stage, key })?;
                }
                Ok(Claim::Locked(lock)) => self.start(node, lock, scope, sender)?,
                Err(error) => self.fail(node, error),
            },
            Action::Prune(node, guard) => {
                let (stage, guard) = (self.name(node), self.name(guard));
                self.emit(Event::StagePruned { stage, guard })?;
            }
            Action::Skip(node, because) => {
                self.waits.remove(&node);
                let because = match because {
                    Because::Failed(node) => self.name(node),
                    Because::Interrupted => "interrupted".to_owned(),
                };
                let stage = self.name(node);
                self.emit(Event::StageSkipped { stage, because })?;
            }
            Action::Stop(manner) => {
                self.asked_to_end = (manner == Manner::Gently).then(Instant::now);
                self.shared.in_process.stop(manner);
                self.shared.workers.stop(manner);
            }
        }
        Ok(())
    }

    /// Finds out the key, and whether the store has it.
    fn look_up(&mut self, node: NodeId) -> Result<Happening, StageError> {
        let shared = self.shared;
        let made = |node: NodeId| self.nodes[node.0].record.as_ref();
        let resolved = resolve(shared.store, &shared.kind(node).info, shared.node(node), made)?;
        let key = resolved.key;
        self.nodes[node.0].resolved = Some(resolved);
        self.ask_store(node, key)
    }

    fn ask_store(&mut self, node: NodeId, key: Digest) -> Result<Happening, StageError> {
        let shared = self.shared;
        let resolved = self.nodes[node.0].resolved.as_ref().expect("resolved before it is asked for");
        let lookup = if self.is_forced(node) && !self.made.contains(&key) {
            Lookup::Miss(Reason::Forced)
        } else {
            let name = &shared.node(node).name;
            shared.store.lookup(name, &resolved.material).map_err(|e| store_error(&e))?
        };
        let (hit, stop) = match lookup {
            Lookup::Hit(record) => {
                let stop = self.answer(node, &record)?;
                self.nodes[node.0].record = Some(record);
                (true, stop)
            }
            Lookup::Miss(reason) => {
                self.nodes[node.0].reason = reason.to_string();
                (false, false)
            }
        };
        let key = key.to_string();
        Ok(Happening::Resolved { node, key, hit, stop })
    }

    /// Locks the key. It may have been made since it was looked up, so look again.
    fn claim(&mut self, node: NodeId) -> Result<Claim, StageError> {
        let key = self.nodes[node.0].resolved.as_ref().expect("resolved before it is started").key;
        let Some(lock) = self.shared.store.try_lock(&key).map_err(|e| store_error(&e))? else {
            return Ok(Claim::Held);
        };
        let happening = self.ask_store(node, key)?;
        match happening {
            Happening::Resolved { hit: true, .. } => Ok(Claim::Hit(happening)),
            _ => Ok(Claim::Locked(lock)),
        }
    }

    fn start<'scope>(
        &mut self,
        node: NodeId,
        lock: KeyLock,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        let shared = self.shared;
        let (planned, kind) = (shared.node(node), shared.kind(node));
        self.emit(Event::StageStarted {
            stage: planned.name.clone(),
            kind: planned.kind.clone(),
            key: self.key(node),
            reason: self.nodes[node.0].reason.clone(),
        })?;
        let work = Work {
            stage: &planned.name,
            params: &planned.params,
            kind: &kind.info,
            resolved: self.nodes[node.0].resolved.clone().expect("resolved before it is started"),
            lock,
            cpus: self.scheduler.cpus(node),
            run: shared.run,
            afresh: self.is_forced(node),
        };
        let executor: &dyn Executor = match kind.via {
            Via::BuiltIn(_) => shared.in_process,
            Via::Provider(_) => shared.workers,
        };
        let log = JobLog::new(&self.journal.logs(), &planned.name);
        let sender = sender.clone();
        let job = move || {
            let reporter = JobReporter {
                node,
                sender: &sender,
                log,
            };
            let begin = Instant::now();
            let result = perform(shared.store, work, executor, &reporter).map(Box::new);
            let seconds = begin.elapsed().as_secs_f64();
            let log = reporter.log;
            // Nobody hears it only if the run has broken off.
            let _ = sender.send(Told::Ended { node, result, seconds, log });
        };
        match thread::Builder::new().name(planned.name.clone()).spawn_scoped(scope, job) {
            Ok(_) => self.running += 1,
            Err(error) => self.fail(node, StageError::new(format!("could not start a thread: {error}"))),
        }
        Ok(())
    }

    fn hear(&mut self, told: Told) -> Result<(), RunError> {
        match told {
            Told::Progress(node, progress) => {
                let stage = self.name(node);
                self.emit(Event::StageProgress { stage, progress })
            }
            Told::Log(node, line) => {
                let stage = self.name(node);
                self.emit(Event::StageLog { stage, line })
            }
            Told::Ended { node, result, seconds, log } => {
                self.running -= 1;
                self.nodes[node.0].seconds = seconds;
                match result {
                    Ok(record) => {
                        self.made.insert(record.key);
                        match self.answer(node, &record) {
                            Ok(stop) => {
                                self.nodes[node.0].record = Some(*record);
                                self.queue.push_back(Happening::Finished { node, stop });
                            }
                            Err(error) => self.fail(node, error),
                        }
                    }
                    Err(JobError::Stopped) => self.queue.push_back(Happening::Stopped(node)),
                    Err(JobError::Failed(error)) => {
                        let file = log.file().map(|path| path.display().to_string());
                        self.nodes[node.0].log = file;
                        self.fail(node, with_tail(error, &log.tail()));
                    }
                }
                Ok(())
            }
        }
    }

    /// Tells of what a node's end is made of, unless it has ended otherwise meanwhile.
    fn announce(&mut self, happening: &Happening) -> Result<(), RunError> {
        let event = match happening {
            Happening::Resolved { node, hit: true, key, .. } if self.scheduler.end(*node).is_none() => Event::StageCached {
                stage: self.name(*node),
                key: key.clone(),
            },
            Happening::Finished { node, .. } if self.scheduler.end(*node).is_none() => {
                let state = &self.nodes[node.0];
                let record = state.record.as_ref().expect("set when the job had ended");
                let digests = record.outputs.iter().map(|(name, output)| (name.clone(), output.digest.to_string()));
                Event::StageFinished {
                    stage: self.name(*node),
                    key: record.key.to_string(),
                    seconds: state.seconds,
                    metrics: record.metrics.clone(),
                    notes: record.notes.clone(),
                    outputs: digests.collect(),
                }
            }
            Happening::Failed(node) if self.scheduler.end(*node).is_none() => {
                let state = &self.nodes[node.0];
                let error = state.error.clone().unwrap_or_else(|| StageError::new("failed"));
                Event::StageFailed {
                    stage: self.name(*node),
                    message: error.message,
                    hints: error.hints,
                    log: state.log.clone(),
                }
            }
            _ => return Ok(()),
        };
        self.emit(event)
    }

    fn fail(&mut self, node: NodeId, error: StageError) {
        self.nodes[node.0].error = Some(error);
        self.queue.push_back(Happening::Failed(node));
    }

    /// For a guard: whether it says stop.
    fn answer(&self, node: NodeId, record: &Record) -> Result<bool, StageError> {
        if !self.guards.contains(&node) {
            return Ok(false);
        }
        says_stop(self.shared.store, &self.shared.kind(node).info, record)
    }

    fn notice_interrupts(&mut self) {
        let count = self.interrupt.count();
        while self.interrupts < count.min(2) {
            self.interrupts += 1;
            self.queue.push_front(Happening::Interrupted);
        }
        if self.asked_to_end.is_some_and(|since| since.elapsed() > GRACE) {
            self.asked_to_end = None;
            self.shared.workers.stop(Manner::AtOnce);
        }
    }

    /// A key that is free again is looked up again: it was made, or the other run failed.
    fn ask_for_held_keys(&mut self) {
        for node in self.waits.clone() {
            let key = self.nodes[node.0].resolved.as_ref().map(|resolved| resolved.key);
            let free = key.map(|key| self.shared.store.try_lock(&key));
            match free {
                Some(Ok(None)) => continue,
                Some(Err(error)) => self.fail(node, store_error(&error)),
                Some(Ok(Some(_))) | None => self.queue.push_back(Happening::Released(node)),
            }
            self.waits.remove(&node);
        }
    }

    fn is_forced(&self, node: NodeId) -> bool {
        is_forced(self.shared.node(node), self.force)
    }

    fn name(&self, node: NodeId) -> String {
        self.shared.node(node).name.clone()
    }

    fn key(&self, node: NodeId) -> String {
        let resolved = self.nodes[node.0].resolved.as_ref();
        resolved.map(|resolved| resolved.key.to_string()).unwrap_or_default()
    }

    fn first_unfinished(&self) -> String {
        let mut ids = (0..self.nodes.len()).map(NodeId);
        ids.find(|node| self.scheduler.end(*node).is_none()).map(|node| self.name(node)).unwrap_or_default()
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for at in 0..self.nodes.len() {
            match self.scheduler.end(NodeId(at)) {
                Some(End::Cached) => counts.cached += 1,
                Some(End::Ran) => counts.ran += 1,
                Some(End::Failed) => counts.failed += 1,
                Some(End::Pruned) => counts.pruned += 1,
                Some(End::Skipped) | None => counts.skipped += 1,
            }
        }
        counts
    }

    fn emit(&mut self, what: Event) -> Result<(), RunError> {
        let moment = Moment { at: now(), what };
        self.journal.write(&moment)?;
        (self.events)(&moment);
        Ok(())
    }

    fn summary(self) -> Summary {
        let counts = self.counts();
        let scheduler = self.scheduler;
        let ended = self.nodes.into_iter().enumerate().map(|(at, state)| NodeSummary {
            end: scheduler.end(NodeId(at)).unwrap_or(End::Skipped),
            record: state.record,
            seconds: state.seconds,
            error: state.error,
        });
        Summary {
            run: self.shared.run.to_owned(),
            nodes: ended.collect(),
            counts,
            seconds: self.begin.elapsed().as_secs_f64(),
            interrupted: scheduler.is_interrupted(),
        }
    }
}

enum Claim {
    Locked(KeyLock),
    Held,
    Hit(Happening),
}

/// Adds the end of the log to what there is to try.
fn with_tail(error: StageError, tail: &[String]) -> StageError {
    if tail.is_empty() {
        return error;
    }
    error.hint(format!("the log ends with:\n{}", tail.join("\n")))
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

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
