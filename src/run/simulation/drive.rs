//! The loop of a simulated run: what the engine does with the scheduler, the keys and the journal, without threads.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::cluster::{Done, Slurm, attempt_name, attempt_of};
use super::{Cluster, Costs, Simulated};
use crate::plan::{NodeId, Plan};
use crate::run::engine::NodeState;
use crate::run::event::Counts;
use crate::run::job_thread::Trial;
use crate::run::journal::Journal;
use crate::run::resolve::{Outside, resolve};
use crate::run::scheduler::{Action, Because, Happening, Limits, Scheduler};
use crate::run::slurm::SimulatedDesk;
use crate::run::task::tasks;
use crate::run::{End, Event, Moment, RunError, saved_plan};
use crate::stage::{Place, Registry, StageError};
use crate::store::{Digest, Output, Record, Store};

/// Some time in 2026: when simulated runs begin.
const BEGIN: u64 = 1_795_000_000_000;

/// So many results are looked for in a second, as by [`crate::run::slurm`].
const LOOKS_A_SECOND: f64 = 200.0;

/// Runs a plan on a cluster that is not there, each stage as a job of its own. The journal is written to the store's runs.
///
/// # Errors
/// When the plan was made with another registry, or the journal cannot be written.
pub fn simulate(
    plan: &Plan,
    registry: &Registry,
    store: &Store,
    cluster: &Cluster,
    events: &mut dyn FnMut(&Moment),
) -> Result<Simulated, RunError> {
    let begin = Instant::now();
    let mut tasks = tasks(plan, registry)?;
    tasks.iter_mut().for_each(|task| task.away = true);
    let limits = Limits {
        cpus: 1,
        memory_mib: 0,
        gpus: 0,
        jobs: 1,
        away: cluster.max_queued as usize,
    };
    let names = plan.nodes.iter().map(|node| node.name.clone()).collect();
    let journal = Journal::begin(&store.runs(), &plan.pipelines, names, BEGIN)?;
    saved_plan::write(journal.folder(), plan)?;
    let mut drive = Drive {
        plan,
        registry,
        store,
        cluster,
        guards: plan.nodes.iter().filter_map(|node| node.guard).collect(),
        scheduler: Scheduler::new(tasks, limits, true),
        nodes: plan.nodes.iter().map(|_| NodeState::default()).collect(),
        outside: Outside::new(store),
        made: HashMap::new(),
        queue: VecDeque::from([Happening::Begin]),
        later: BinaryHeap::new(),
        slurm: Slurm::new(cluster),
        desk: SimulatedDesk::new(cluster.poll_seconds, store.root()),
        told: BTreeMap::new(),
        now: BEGIN,
        journal,
        events,
        costs: Costs::default(),
    };
    drive.costs.begin = begin.elapsed();
    drive.drive()?;
    Ok(drive.simulated())
}

/// Something that will happen.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    /// The end of an attempt is seen.
    Seen {
        attempt: String,
        job: String,
        machine: String,
        start: u64,
        is_well: bool,
    },
    /// A node is tried again.
    Again(NodeId, u32),
}

struct Drive<'a, 'e> {
    plan: &'a Plan,
    registry: &'a Registry,
    store: &'a Store,
    cluster: &'a Cluster,
    guards: BTreeSet<NodeId>,
    scheduler: Scheduler,
    nodes: Vec<NodeState>,
    outside: Outside<'a>,
    /// What the store would have: who made it.
    made: HashMap<Digest, NodeId>,
    queue: VecDeque<Happening>,
    later: BinaryHeap<Reverse<(u64, Later)>>,
    slurm: Slurm<'a>,
    desk: SimulatedDesk,
    /// Where attempts were when that was last told.
    told: BTreeMap<String, Place>,
    now: u64,
    journal: Journal,
    events: &'e mut dyn FnMut(&Moment),
    costs: Costs,
}

impl Drive<'_, '_> {
    fn drive(&mut self) -> Result<(), RunError> {
        self.emit(Event::RunStarted {
            run: self.journal.id().to_owned(),
            pipelines: self.plan.pipelines.clone(),
            stages: self.plan.nodes.len(),
        })?;
        loop {
            while let Some(happening) = self.queue.pop_front() {
                self.announce(&happening)?;
                let begin = Instant::now();
                let actions = self.scheduler.handle(happening);
                self.costs.scheduler += begin.elapsed();
                for action in actions {
                    self.act(action)?;
                }
            }
            if self.scheduler.is_finished() {
                break;
            }
            if !self.go_on()? {
                return Err(RunError::Stuck(String::new()));
            }
        }
        let (counts, seconds) = (self.counts(), self.seconds());
        self.emit(Event::RunFinished { counts, seconds })
    }

    fn act(&mut self, action: Action) -> Result<(), RunError> {
        match action {
            Action::Resolve(node) => self.resolve(node),
            Action::Start(node) => {
                let planned = &self.plan.nodes[node.0];
                self.emit(Event::StageStarted {
                    stage: planned.name.clone(),
                    kind: planned.kind.clone(),
                    key: self.key(node).to_string(),
                    reason: "it has not been made yet".to_owned(),
                })?;
                self.submit(node, 1);
            }
            Action::Prune(node, guard) => {
                let (stage, guard) = (self.name(node), self.name(guard));
                self.emit(Event::StagePruned { stage, guard })?;
            }
            Action::Skip(node, because) => {
                let because = match because {
                    Because::Failed(node) => self.name(node),
                    Because::Interrupted => "interrupted".to_owned(),
                };
                let stage = self.name(node);
                self.emit(Event::StageSkipped { stage, because })?;
            }
            Action::Stop(_) => {}
        }
        Ok(())
    }

    /// Finds out the key, and whether an equal node has been made.
    fn resolve(&mut self, node: NodeId) {
        let begin = Instant::now();
        let planned = &self.plan.nodes[node.0];
        let kind = planned.info(self.registry).expect("checked when the tasks were made");
        let made = |node: NodeId| self.nodes[node.0].record.as_ref();
        let resolved = resolve(&mut self.outside, kind, planned, made);
        self.queue.push_back(match resolved {
            Ok(resolved) => {
                let key = resolved.key;
                let maker = self.made.get(&key).copied();
                let state = maker.and_then(|maker| self.nodes[maker.0].record.clone());
                let hit = state.is_some();
                self.nodes[node.0].resolved = (!hit).then_some(resolved);
                self.nodes[node.0].record = state;
                let stop = hit && self.says_stop(maker.unwrap_or(node));
                let key = key.to_string();
                Happening::Resolved { node, key, hit, stop }
            }
            Err(error) => {
                self.nodes[node.0].error = Some(error);
                Happening::Failed(node)
            }
        });
        self.costs.keys += begin.elapsed();
    }

    fn submit(&mut self, node: NodeId, attempt: u32) {
        let begin = Instant::now();
        let job = self.store.scratch(&self.key(node));
        let cpus = self.scheduler.cpus(node);
        self.desk.submit(self.now, &job, &attempt_name(node.0, attempt), cpus);
        self.costs.desk += begin.elapsed();
    }

    /// Lets the time pass until something happens. False: nothing will.
    fn go_on(&mut self) -> Result<bool, RunError> {
        let later = self.later.peek().map(|Reverse((at, _))| *at);
        let next = [later, self.slurm.next_end(), self.desk.next()]
            .into_iter()
            .flatten()
            .min();
        let Some(next) = next else { return Ok(false) };
        self.now = self.now.max(next);
        for done in self.slurm.ended(self.now) {
            self.see(done);
        }
        let begin = Instant::now();
        let mut moved = self.desk.hand_over(self.now, &mut self.slurm);
        moved.extend(self.desk.look(self.now, &self.slurm));
        self.costs.desk += begin.elapsed();
        for attempt in moved {
            if let Some(place) = self.desk.place(&attempt).cloned() {
                self.place(&attempt, place)?;
            }
        }
        while let Some(Reverse((_, later))) = self.later_than_now() {
            match later {
                Later::Again(node, attempt) => self.submit(node, attempt),
                Later::Seen {
                    attempt,
                    job,
                    machine,
                    start,
                    is_well,
                } => self.end(&attempt, job, machine, (start, is_well))?,
            }
        }
        Ok(true)
    }

    fn later_than_now(&mut self) -> Option<Reverse<(u64, Later)>> {
        let is_due = self.later.peek().is_some_and(|Reverse((at, _))| *at <= self.now);
        if is_due { self.later.pop() } else { None }
    }

    /// A result lies there: it is seen when it is looked for next, on average after half the time between two looks.
    fn see(&mut self, done: Done) {
        let crowd = self.desk.count() as f64 / LOOKS_A_SECOND;
        let wait = crowd.max(self.cluster.poll_seconds.min(1.0)) / 2.0;
        let seen = Later::Seen {
            attempt: done.attempt,
            job: done.job,
            machine: done.node,
            start: done.start,
            is_well: done.is_well,
        };
        let at = self.now + (wait * 1000.0) as u64;
        self.later.push(Reverse((at, seen)));
    }

    /// Tells where an attempt is, if that is another place than before.
    fn place(&mut self, attempt: &str, place: Place) -> Result<(), RunError> {
        let Some((node, _)) = attempt_of(attempt) else {
            return Ok(());
        };
        if self.told.get(attempt) == Some(&place) {
            return Ok(());
        }
        self.told.insert(attempt.to_owned(), place.clone());
        let stage = self.name(NodeId(node));
        self.emit(Event::StagePlaced { stage, place })
    }

    fn end(
        &mut self,
        attempt: &str,
        job: String,
        machine: String,
        (start, is_well): (u64, bool),
    ) -> Result<(), RunError> {
        let Some((node, count)) = attempt_of(attempt).map(|(node, count)| (NodeId(node), count)) else {
            return Ok(());
        };
        let place = self.desk.place(attempt).cloned().unwrap_or_default();
        if place.node.is_none() || place.running_at.is_none() {
            let now = Place {
                job,
                node: Some(machine),
                running_at: Some(start),
                state: "COMPLETED".to_owned(),
                reason: None,
                ..place
            };
            self.place(attempt, now)?;
        }
        self.desk.forget(attempt);
        self.told.remove(attempt);
        let retries = self.cluster.retries;
        if is_well {
            self.nodes[node.0].seconds = (self.now - start) as f64 / 1000.0;
            let record = self.record(node);
            self.made.insert(record.key, node);
            self.nodes[node.0].record = Some(record);
            self.nodes[node.0].resolved = None;
            let stop = self.says_stop(node);
            self.queue.push_back(Happening::Finished { node, stop });
        } else if count <= retries {
            let pause = Trial::pause(count);
            let stage = self.name(node);
            self.emit(Event::StageRetried {
                stage,
                attempt: count,
                retries,
                message: "it failed".to_owned(),
                wait: pause.as_secs_f64(),
            })?;
            let at = self.now + pause.as_secs() * 1000;
            self.later.push(Reverse((at, Later::Again(node, count + 1))));
        } else {
            self.nodes[node.0].error = Some(StageError::new("it failed"));
            self.queue.push_back(Happening::Failed(node));
        }
        Ok(())
    }

    fn says_stop(&self, node: NodeId) -> bool {
        self.guards.contains(&node) && self.cluster.says_stop(node.0)
    }

    /// The record of a node that has run: each output a digest that follows from the key.
    fn record(&self, node: NodeId) -> Record {
        let planned = &self.plan.nodes[node.0];
        let kind = planned.info(self.registry).expect("checked when the tasks were made");
        let state = &self.nodes[node.0];
        let resolved = state.resolved.as_ref().expect("resolved before it is started");
        let output = |name: &String| {
            let text = format!("{} {name}", resolved.key);
            let output = Output {
                digest: Digest::of_bytes(text.as_bytes()),
                bytes: 1000,
                folder: false,
            };
            (name.clone(), output)
        };
        Record {
            key: resolved.key,
            material: resolved.material.clone(),
            stage: planned.name.clone(),
            outputs: kind.outputs.iter().map(|port| output(&port.name)).collect(),
            metrics: BTreeMap::from([("ap50".to_owned(), 0.5)]),
            notes: Vec::new(),
            seconds: state.seconds,
            finished_at: self.now / 1000,
            run: self.journal.id().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cpus: 1,
            maker: None,
        }
    }

    fn announce(&mut self, happening: &Happening) -> Result<(), RunError> {
        let event = match happening {
            Happening::Resolved {
                node, hit: true, key, ..
            } => Event::StageCached {
                stage: self.name(*node),
                key: key.clone(),
            },
            Happening::Finished { node, .. } => self.nodes[node.0].finished(self.name(*node)),
            Happening::Failed(node) => Event::StageFailed {
                stage: self.name(*node),
                message: "it failed".to_owned(),
                hints: Vec::new(),
                log: None,
            },
            _ => return Ok(()),
        };
        self.emit(event)
    }

    fn emit(&mut self, what: Event) -> Result<(), RunError> {
        let moment = Moment { at: self.now, what };
        let begin = Instant::now();
        self.journal.write(&moment)?;
        self.costs.journal += begin.elapsed();
        (self.events)(&moment);
        Ok(())
    }

    fn name(&self, node: NodeId) -> String {
        self.plan.nodes[node.0].name.clone()
    }

    fn key(&self, node: NodeId) -> Digest {
        let resolved = self.nodes[node.0].resolved.as_ref();
        resolved.expect("resolved before it is started").key
    }

    fn seconds(&self) -> f64 {
        Duration::from_millis(self.now - BEGIN).as_secs_f64()
    }

    fn ends(&self) -> impl Iterator<Item = End> + '_ {
        let end = |at: usize| self.scheduler.end(NodeId(at)).unwrap_or(End::Skipped);
        (0..self.nodes.len()).map(end)
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.ends().for_each(|end| counts.add(end));
        counts
    }

    fn simulated(self) -> Simulated {
        Simulated {
            run: self.journal.id().to_owned(),
            ends: self.ends().collect(),
            counts: self.counts(),
            seconds: self.seconds(),
            most_queued: self.slurm.most_queued,
            worked: self.slurm.worked as f64 / 1000.0,
            calls: self.desk.calls,
            costs: self.costs,
        }
    }
}
