//! The loop of a run: one thread owns the [`Scheduler`], does its actions and tells it what happened.
//!
//! Looking up a key is done on this thread, so that a run that is answered from the store starts no thread and no process. A
//! job has a thread of its own from the lock to the record, and sends what happens through a channel. A key that another
//! run holds is asked for again from time to time, without a thread that would have to be woken to end.

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use self::beyond::Beyond;
use self::look_up::Claim;
use super::clock::now;
use super::executor::JobError;
use super::executors::Executors;
use super::forecast::{Root, check_forced};
use super::job_log::JobLog;
use super::job_thread::{self, Told, Trial, timeout};
use super::journal::Journal;
use super::perform::Work;
use super::resolve::{Outside, Resolved};
use super::scheduler::{Action, Because, Happening, Limits, Manner, Scheduler};
use super::scratch::Spares;
use super::summary::{RunError, RunOptions, Summary};
use super::task::tasks;
use super::{Event, Interrupt, Moment, saved_plan};
use crate::plan::{Node, NodeId, Plan};
use crate::stage::{KindInfo, Needs, Registry, StageError};
use crate::store::{Digest, InUse, KeyLock, Record, Store};

mod beyond;
mod look_up;
mod tell;

/// How often to look whether a key that another run holds is free, and whether the user wants to end.
pub(super) const TICK: Duration = Duration::from_millis(40);

/// How long a job that was asked to end may take before it is ended.
const GRACE: Duration = Duration::from_secs(10);

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
    let mut tasks = tasks(plan, registry)?;
    check_forced(plan, &options.force)?;
    let limits = Limits {
        cpus: options.cpus,
        memory_mib: options.memory_mib,
        gpus: options.gpus,
        jobs: options.jobs,
        away: options
            .slurm
            .as_ref()
            .map_or(0, |slurm| slurm.settings.max_queued as usize),
    };
    let guards = plan.nodes.iter().filter_map(|node| node.guard).collect();
    let mut executors = Executors::new(registry);
    if let Some(slurm) = &options.slurm {
        executors = executors.with_slurm(slurm, store.root());
        for (task, node) in tasks.iter_mut().zip(&plan.nodes) {
            task.away = executors.are_away(&node.kind);
            let asked = slurm.settings.request(&node.kind).cpus;
            task.cpus = node.limits.cpus.or(asked.filter(|_| task.away)).unwrap_or(task.cpus);
        }
    }
    let names = plan.nodes.iter().map(|node| node.name.clone()).collect();
    let journal = Journal::begin(&store.runs(), &plan.pipelines, names, now())?;
    saved_plan::write(journal.folder(), plan)?;
    let run_id = journal.id().to_owned();
    let spares = Spares::new(store);
    let shared = Shared {
        plan,
        registry,
        store,
        run: &run_id,
        executors: &executors,
        spares: &spares,
    };
    let (sender, receiver) = channel();
    let count = plan.nodes.len();
    let mut engine = Engine {
        shared: &shared,
        force: &options.force,
        guards,
        scheduler: Scheduler::new(tasks, limits, options.keep_going),
        nodes: (0..count).map(|_| NodeState::default()).collect(),
        outside: Outside::new(store),
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
        in_use: None,
        beyond: Beyond::new(options),
    };
    thread::scope(|scope| {
        let result = engine.drive(scope, &sender, &receiver);
        engine.beyond.close();
        if result.is_err() {
            // Nobody listens any more: do not wait for what cannot be told.
            shared.executors.stop(Manner::AtOnce);
        }
        result
    })?;
    store.settle()?;
    Ok(engine.summary())
}

/// What job threads need.
#[derive(Clone, Copy)]
struct Shared<'a> {
    plan: &'a Plan,
    registry: &'a Registry,
    store: &'a Store,
    run: &'a str,
    executors: &'a Executors<'a>,
    spares: &'a Spares,
}

impl<'a> Shared<'a> {
    fn node(&self, node: NodeId) -> &'a Node {
        &self.plan.nodes[node.0]
    }

    fn kind(&self, node: NodeId) -> &'a KindInfo {
        let info = self.node(node).info(self.registry);
        info.expect("checked when the tasks were made")
    }
}

/// What a run remembers of a node.
#[derive(Default)]
pub(super) struct NodeState {
    pub(super) resolved: Option<Resolved>,
    pub(super) record: Option<Record>,
    /// Why it runs, and where that began.
    reason: String,
    root: Option<Root>,
    pub(super) error: Option<StageError>,
    log: Option<String>,
    pub(super) seconds: f64,
}

struct Engine<'a, 'e> {
    shared: &'a Shared<'a>,
    force: &'a [String],
    guards: BTreeSet<NodeId>,
    scheduler: Scheduler,
    nodes: Vec<NodeState>,
    outside: Outside<'a>,
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
    /// Held from the lookup of a key until the journal names it, which it does at the latest when the queue is empty. Never while
    /// waiting for something: the collector would wait for this thread, and a job's thread for the collector.
    in_use: Option<InUse>,
    beyond: Beyond<'a>,
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
                if self.in_use.is_none() {
                    self.in_use = Some(self.shared.store.in_use()?);
                }
                self.announce(&happening)?;
                for action in self.scheduler.handle(happening) {
                    self.act(action, scope, sender)?;
                }
            } else if self.scheduler.is_finished() {
                break;
            } else if self.running == 0 && self.waits.is_empty() && self.beyond.is_idle() {
                return Err(RunError::Stuck(self.first_unfinished()));
            } else {
                self.in_use = None;
                match receiver.recv_timeout(TICK) {
                    Ok(told) => self.hear(told, scope, sender)?,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
                }
                self.ask_for_held_keys();
            }
        }
        self.in_use = None;
        self.finish_sending(scope, sender, receiver)?;
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
                Ok(happening) if self.ask_remote(node, &happening, sender) => {}
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
                self.shared.executors.stop(manner);
            }
        }
        Ok(())
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
            kind,
            resolved: self.nodes[node.0]
                .resolved
                .take()
                .expect("resolved before it is started"),
            lock,
            cpus: self.scheduler.cpus(node),
            needs: Needs {
                memory_mib: planned.limits.memory_mib,
                gpus: planned.limits.gpus,
                timeout: planned.limits.timeout,
            },
            run: shared.run,
            afresh: self.is_forced(node),
            away: shared.executors.are_away(&planned.kind),
        };
        let executor = shared.executors.of(&planned.kind);
        let log = JobLog::new(&self.journal.logs(), &planned.name);
        let (sender, interrupt) = (sender.clone(), self.interrupt.clone());
        let trial = Trial {
            timeout: if shared.executors.are_away(&planned.kind) {
                None
            } else {
                timeout(planned.limits.timeout)
            },
            retries: planned.limits.retries.unwrap_or(0),
        };
        let job = move || {
            job_thread::work(
                shared.store,
                node,
                (work, trial),
                (executor, shared.spares),
                log,
                (&sender, &interrupt),
            );
        };
        match thread::Builder::new()
            .name(planned.name.clone())
            .spawn_scoped(scope, job)
        {
            Ok(_) => self.running += 1,
            Err(error) => self.fail(node, StageError::new(format!("could not start a thread: {error}"))),
        }
        Ok(())
    }

    fn hear<'scope>(
        &mut self,
        told: Told,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        match told {
            Told::Answered { key, answer } => self.hear_answer(key, answer, scope, sender),
            Told::Fetched { record, fetched } => self.hear_fetched(&record, fetched, scope, sender),
            Told::Sent { record, sending } => {
                self.beyond.hear_sent(&record, sending);
                Ok(())
            }
            Told::Progress(node, progress) => {
                let stage = self.name(node);
                self.emit(Event::StageProgress { stage, progress })
            }
            Told::Log(node, line) => {
                let stage = self.name(node);
                self.emit(Event::StageLog { stage, line })
            }
            Told::Placed(node, place) => {
                let stage = self.name(node);
                self.emit(Event::StagePlaced { stage, place })
            }
            Told::Again {
                node,
                attempt,
                error,
                pause,
            } => {
                let (stage, retries) = (self.name(node), self.shared.node(node).limits.retries.unwrap_or(0));
                let (message, wait) = (error.message, pause.as_secs_f64());
                self.emit(Event::StageRetried {
                    stage,
                    attempt,
                    retries,
                    message,
                    wait,
                })
            }
            Told::Ended {
                node,
                result,
                seconds,
                log,
            } => {
                self.running -= 1;
                self.nodes[node.0].seconds = seconds;
                match result {
                    Ok(record) => {
                        self.made.insert(record.key);
                        match self.answer(node, &record) {
                            Ok(stop) => {
                                self.send_back(&record, scope, sender);
                                self.nodes[node.0].record = Some(*record);
                                self.queue.push_back(Happening::Finished { node, stop });
                            }
                            Err(error) => self.fail(node, error),
                        }
                    }
                    Err(JobError::Stopped) => self.queue.push_back(Happening::Stopped(node)),
                    Err(JobError::Failed(error) | JobError::Killed(error)) => {
                        let file = log.file().map(|path| path.display().to_string());
                        self.nodes[node.0].log = file;
                        self.fail(node, log.explain(error));
                    }
                }
                Ok(())
            }
        }
    }

    fn fail(&mut self, node: NodeId, error: StageError) {
        self.nodes[node.0].error = Some(error);
        self.queue.push_back(Happening::Failed(node));
    }

    fn notice_interrupts(&mut self) {
        let count = self.interrupt.count();
        while self.interrupts < count.min(2) {
            self.interrupts += 1;
            self.queue.push_front(Happening::Interrupted);
        }
        if self.asked_to_end.is_some_and(|since| since.elapsed() > GRACE) {
            self.asked_to_end = None;
            self.shared.executors.stop_processes();
        }
    }

    fn name(&self, node: NodeId) -> String {
        self.shared.node(node).name.clone()
    }

    fn key(&self, node: NodeId) -> String {
        let resolved = self.nodes[node.0].resolved.as_ref();
        resolved.map(|resolved| resolved.key.to_string()).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
