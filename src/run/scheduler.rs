//! What to do next: a state machine that takes [`Happening`]s and answers with [`Action`]s.
//!
//! It starts no process, reads no clock and touches no file, so that tests can drive it through anything. A node goes
//! through these phases and never back, except from `Elsewhere` and `Twin` to `Resolving`:
//!
//! ```text
//! Waiting -> Resolving -> Ready -> Running -> Ended
//!               |           |         +-> Elsewhere (another run makes it) -> Resolving
//!               |           +-> Twin (an equal node of this run makes it) -> Resolving
//!               +-> Ended (the store had it)
//! ```
//!
//! Invariants, held by the property tests: each node ends once; none starts before all that it needs has ended well;
//! what runs at once stays within the limits, except that a job larger than a limit runs, but alone. Jobs that other machines do
//! take nothing of these limits; only how many of them there are at once is bounded.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

pub use super::happening::{Action, Because, Happening, Manner};
pub use super::room::Limits;
use super::room::Used;
use super::task::{End, Fate, Task};
use crate::plan::NodeId;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Resolving,
    Ready,
    Running,
    Elsewhere,
    Twin,
    Ended(End),
}

/// How often a job that does not fit may be overtaken by smaller ones behind it.
const PATIENCE: u32 = 4;

/// The state of a run.
#[derive(Debug)]
pub struct Scheduler {
    tasks: Vec<Task>,
    limits: Limits,
    keep_going: bool,
    phases: Vec<Phase>,
    /// How many dependencies have not ended.
    open: Vec<usize>,
    dependents: Vec<Vec<NodeId>>,
    /// Milliseconds of the longest chain that begins with the node.
    chain: Vec<u64>,
    /// Guards that said stop.
    stopping: BTreeSet<NodeId>,
    /// The guard on account of which a node was pruned; why one was skipped.
    guards: BTreeMap<NodeId, NodeId>,
    causes: BTreeMap<NodeId, Because>,
    ready: BTreeSet<(Reverse<u64>, NodeId)>,
    /// The same of those that other machines do.
    ready_away: BTreeSet<(Reverse<u64>, NodeId)>,
    overtaken: BTreeMap<NodeId, u32>,
    /// The node that makes a key, and the equal ones that wait for it.
    makers: BTreeMap<String, NodeId>,
    keys: BTreeMap<NodeId, String>,
    twins: BTreeMap<NodeId, Vec<NodeId>>,
    running: BTreeSet<NodeId>,
    used: Used,
    away: BTreeSet<NodeId>,
    halted: Option<Because>,
    left: usize,
}

impl Scheduler {
    /// Takes the tasks in an order in which each comes after what it needs.
    #[must_use]
    pub fn new(tasks: Vec<Task>, limits: Limits, keep_going: bool) -> Self {
        let count = tasks.len();
        let mut dependents = vec![Vec::new(); count];
        let mut open = vec![0; count];
        for (at, task) in tasks.iter().enumerate() {
            let needed = task.dependencies();
            open[at] = needed.len();
            for NodeId(before) in needed {
                dependents[before].push(NodeId(at));
            }
        }
        let mut chain = vec![0_u64; count];
        for at in (0..count).rev() {
            let after = dependents[at].iter().map(|node: &NodeId| chain[node.0]).max();
            // Whole milliseconds: a total order, whatever the estimate.
            let own = (tasks[at].seconds.clamp(0.0, 1e9) * 1000.0) as u64;
            chain[at] = own.max(1) + after.unwrap_or(0);
        }
        let limits = Limits {
            cpus: limits.cpus.max(1),
            memory_mib: limits.memory_mib,
            gpus: limits.gpus,
            jobs: limits.jobs.max(1),
            away: limits.away.max(1),
        };
        Self {
            limits,
            keep_going,
            phases: vec![Phase::Waiting; count],
            open,
            dependents,
            chain,
            stopping: BTreeSet::new(),
            guards: BTreeMap::new(),
            causes: BTreeMap::new(),
            ready: BTreeSet::new(),
            ready_away: BTreeSet::new(),
            overtaken: BTreeMap::new(),
            makers: BTreeMap::new(),
            keys: BTreeMap::new(),
            twins: BTreeMap::new(),
            running: BTreeSet::new(),
            used: Used::default(),
            away: BTreeSet::new(),
            halted: None,
            left: count,
            tasks,
        }
    }

    /// Takes what happened, answers with what to do. Happenings that come too late, such as a hit for a node
    /// that was skipped meanwhile, change nothing.
    pub fn handle(&mut self, happening: Happening) -> Vec<Action> {
        let mut actions = Vec::new();
        match happening {
            Happening::Begin => {
                for at in 0..self.tasks.len() {
                    if self.open[at] == 0 && self.phases[at] == Phase::Waiting {
                        self.decide(NodeId(at), &mut actions);
                    }
                }
            }
            Happening::Resolved { node, key, hit, stop } => self.resolved(node, key, hit, stop, &mut actions),
            Happening::Elsewhere(node) if self.phase(node) == &Phase::Running => {
                self.leave(node);
                self.phases[node.0] = Phase::Elsewhere;
                if let Some(because) = self.halted {
                    self.skip(node, because, &mut actions);
                }
            }
            Happening::Released(node) if self.phase(node) == &Phase::Elsewhere => self.resolve(node, &mut actions),
            Happening::Finished { node, stop } if self.phase(node) == &Phase::Running => {
                self.end_well(node, End::Ran, stop, &mut actions);
            }
            Happening::Failed(node) if !self.has_ended(node) => self.failed(node, &mut actions),
            Happening::Stopped(node) if !self.has_ended(node) => {
                self.skip(node, self.halted.unwrap_or(Because::Interrupted), &mut actions);
            }
            Happening::Interrupted => self.interrupted(&mut actions),
            _ => {}
        }
        self.start_away(&mut actions);
        self.start_ready(&mut actions);
        actions
    }

    /// Whether every node has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.left == 0
    }

    /// How a node ended, once it has.
    #[must_use]
    pub fn end(&self, node: NodeId) -> Option<End> {
        match self.phase(node) {
            Phase::Ended(end) => Some(*end),
            _ => None,
        }
    }

    /// Whether the user has asked to end.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.halted == Some(Because::Interrupted)
    }

    /// The cores that a job of the node gets.
    #[must_use]
    pub fn cpus(&self, node: NodeId) -> u32 {
        match self.tasks[node.0].cpus {
            0 => self.limits.cpus,
            cpus if self.tasks[node.0].away => cpus,
            cpus => cpus.min(self.limits.cpus),
        }
    }

    fn phase(&self, node: NodeId) -> &Phase {
        &self.phases[node.0]
    }

    fn has_ended(&self, node: NodeId) -> bool {
        matches!(self.phase(node), Phase::Ended(_))
    }

    fn resolved(&mut self, node: NodeId, key: String, hit: bool, stop: bool, actions: &mut Vec<Action>) {
        match self.phase(node) {
            // `Running`: another run finished it between the look-up and the lock.
            Phase::Resolving | Phase::Running if hit => self.end_well(node, End::Cached, stop, actions),
            Phase::Resolving => match self.makers.get(&key).copied() {
                Some(maker) => {
                    self.phases[node.0] = Phase::Twin;
                    self.twins.entry(maker).or_default().push(node);
                }
                None => {
                    self.makers.insert(key.clone(), node);
                    self.keys.insert(node, key);
                    self.phases[node.0] = Phase::Ready;
                    let ready = if self.tasks[node.0].away {
                        &mut self.ready_away
                    } else {
                        &mut self.ready
                    };
                    ready.insert((Reverse(self.chain[node.0]), node));
                }
            },
            _ => {}
        }
    }

    fn resolve(&mut self, node: NodeId, actions: &mut Vec<Action>) {
        self.give_up_key(node);
        self.phases[node.0] = Phase::Resolving;
        actions.push(Action::Resolve(node));
    }

    /// Ceases to be the one that makes its key.
    fn give_up_key(&mut self, node: NodeId) {
        if let Some(key) = self.keys.remove(&node) {
            self.makers.remove(&key);
        }
    }

    fn end_well(&mut self, node: NodeId, end: End, stop: bool, actions: &mut Vec<Action>) {
        if stop {
            self.stopping.insert(node);
        }
        let twins = self.twins.remove(&node).unwrap_or_default();
        self.settle(node, end, actions);
        for twin in twins {
            if self.phase(twin) == &Phase::Twin {
                self.resolve(twin, actions);
            }
        }
    }

    fn failed(&mut self, node: NodeId, actions: &mut Vec<Action>) {
        let because = Because::Failed(node);
        let twins = self.twins.remove(&node).unwrap_or_default();
        self.settle(node, End::Failed, actions);
        for twin in twins {
            self.skip(twin, because, actions);
        }
        if !self.keep_going && self.halted.is_none() {
            self.halt(because, actions);
        }
    }

    fn interrupted(&mut self, actions: &mut Vec<Action>) {
        if self.is_interrupted() {
            actions.push(Action::Stop(Manner::AtOnce));
        } else {
            self.halt(Because::Interrupted, actions);
            actions.push(Action::Stop(Manner::Gently));
        }
    }

    /// Takes no new work: what does not run yet is skipped.
    fn halt(&mut self, because: Because, actions: &mut Vec<Action>) {
        self.halted = Some(because);
        for at in 0..self.tasks.len() {
            if self.phases[at] != Phase::Running {
                self.skip(NodeId(at), because, actions);
            }
        }
    }

    fn skip(&mut self, node: NodeId, because: Because, actions: &mut Vec<Action>) {
        if self.has_ended(node) {
            return;
        }
        self.causes.insert(node, because);
        actions.push(Action::Skip(node, because));
        let twins = self.twins.remove(&node).unwrap_or_default();
        self.settle(node, End::Skipped, actions);
        for twin in twins {
            self.skip(twin, because, actions);
        }
    }

    /// Ends a node and decides on those that waited for nothing else.
    fn settle(&mut self, node: NodeId, end: End, actions: &mut Vec<Action>) {
        let mut ended = vec![(node, end)];
        while let Some((node, end)) = ended.pop() {
            self.ready.remove(&(Reverse(self.chain[node.0]), node));
            self.ready_away.remove(&(Reverse(self.chain[node.0]), node));
            self.leave(node);
            self.give_up_key(node);
            self.phases[node.0] = Phase::Ended(end);
            self.left -= 1;
            for at in 0..self.dependents[node.0].len() {
                let dependent = self.dependents[node.0][at];
                self.open[dependent.0] -= 1;
                if self.open[dependent.0] == 0 && self.phase(dependent) == &Phase::Waiting {
                    ended.extend(self.decide(dependent, actions).map(|end| (dependent, end)));
                }
            }
        }
    }

    /// Decides on a node all of whose dependencies have ended; answers with its end if that is now known.
    fn decide(&mut self, node: NodeId, actions: &mut Vec<Action>) -> Option<End> {
        let end = |other| self.end(other).expect("all that a node depends on has ended");
        match self.tasks[node.0].fate(end, |guard| self.stopping.contains(&guard)) {
            Fate::Wanted => {
                self.resolve(node, actions);
                None
            }
            Fate::Pruned(by) => {
                let guard = self.guards.get(&by).copied().unwrap_or(by);
                self.guards.insert(node, guard);
                actions.push(Action::Prune(node, guard));
                Some(End::Pruned)
            }
            Fate::Skipped(by) => {
                let because = self.causes.get(&by).copied().unwrap_or(Because::Failed(by));
                self.causes.insert(node, because);
                actions.push(Action::Skip(node, because));
                Some(End::Skipped)
            }
        }
    }

    /// Takes a node from those that run.
    fn leave(&mut self, node: NodeId) {
        if self.running.remove(&node) {
            self.used = self.used.without(self.takes(node));
        }
        self.away.remove(&node);
    }

    /// What a node takes while it runs.
    fn takes(&self, node: NodeId) -> Used {
        let task = &self.tasks[node.0];
        Used {
            cpus: u64::from(self.cpus(node)),
            memory_mib: u128::from(task.memory_mib),
            gpus: u64::from(task.gpus),
            oversized: usize::from(self.is_oversized(node)),
        }
    }

    /// Starts what other machines do, as many as there may be at once.
    fn start_away(&mut self, actions: &mut Vec<Action>) {
        while self.halted.is_none() && self.away.len() < self.limits.away {
            let Some((_, node)) = self.ready_away.pop_first() else {
                return;
            };
            self.away.insert(node);
            self.phases[node.0] = Phase::Running;
            actions.push(Action::Start(node));
        }
    }

    /// Starts what fits, the longest chain first. What does not fit may be overtaken, but not for ever.
    fn start_ready(&mut self, actions: &mut Vec<Action>) {
        let mut passed = Vec::new();
        let mut after = Bound::Unbounded;
        // One at a time: thousands may be ready, and mostly there is no room for any.
        while self.halted.is_none() && !self.is_full() {
            let Some((chain, node)) = self.ready.range((after, Bound::Unbounded)).next().copied() else {
                return;
            };
            after = Bound::Excluded((chain, node));
            if self.fits(node) {
                for other in &passed {
                    *self.overtaken.entry(*other).or_default() += 1;
                }
                self.ready.remove(&(chain, node));
                self.running.insert(node);
                self.used = self.used.with(self.takes(node));
                self.phases[node.0] = Phase::Running;
                actions.push(Action::Start(node));
            } else {
                passed.push(node);
                if self.overtaken.get(&node).is_some_and(|times| *times >= PATIENCE) {
                    return;
                }
            }
        }
    }

    /// Whether nothing at all can start: a job takes at least a core.
    fn is_full(&self) -> bool {
        self.running.len() >= self.limits.jobs || self.used.cpus >= u64::from(self.limits.cpus)
    }

    fn fits(&self, node: NodeId) -> bool {
        self.running.is_empty() || self.used.with(self.takes(node)).is_within(&self.limits)
    }

    fn is_oversized(&self, node: NodeId) -> bool {
        let task = &self.tasks[node.0];
        task.cpus > self.limits.cpus || task.memory_mib > self.limits.memory_mib || task.gpus > self.limits.gpus
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
