//! What a remote is asked for before its turn: a record tells what its stage gave, so the keys of those behind it are known long before
//! its objects are here.
//!
//! Records are asked for as far as they reach, also behind a guard that has not decided yet: they are small. What they need is fetched then,
//! while further records are asked for; behind a guard only when it has not said stop. None of this is a decision: a node is looked
//! up when its turn comes, and finds what has come meanwhile. A stage that reads something outside which nobody has looked at yet
//! is left to its turn, and so is one of very many inputs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::super::job_thread::Told;
use super::super::keys::externals;
use super::super::resolve::resolve;
use super::super::{End, Event, RunError};
use super::Engine;
use crate::plan::{NodeId, Plan};
use crate::store::{Digest, Record};

/// A node of more inputs is left to its turn: they are looked through whenever one of them comes to be known.
const INPUTS: usize = 256;

#[derive(Default)]
pub(super) struct Ahead {
    /// What nodes will have given whose turn has not come.
    records: BTreeMap<NodeId, Arc<Record>>,
    /// The nodes that a key was asked for ahead.
    nodes: BTreeMap<Digest, Vec<NodeId>>,
    /// What waits for a guard's decision, or for its turn; and the keys by guard.
    held: BTreeMap<Digest, Arc<Record>>,
    held_by: BTreeMap<NodeId, Vec<Digest>>,
    /// What came before its turn: objects and bytes.
    came: BTreeMap<Digest, (usize, u64)>,
    /// Who needs a node's outputs. Made when the first record comes.
    behind: Vec<Vec<NodeId>>,
}

impl Ahead {
    /// A node for which a key was asked for ahead.
    pub(super) fn first(&self, key: &Digest) -> Option<NodeId> {
        self.nodes.get(key)?.first().copied()
    }

    /// Notes what has come before its turn.
    pub(super) fn came(&mut self, key: Digest, objects: usize, bytes: u64) {
        self.came.insert(key, (objects, bytes));
    }

    /// Takes what has come of a key before its turn.
    pub(super) fn take(&mut self, key: &Digest) -> Option<(usize, u64)> {
        self.came.remove(key)
    }

    /// Takes a record that is held back.
    pub(super) fn release(&mut self, key: &Digest) -> Option<Arc<Record>> {
        self.held.remove(key)
    }

    fn follow(&mut self, plan: &Plan) {
        if self.behind.is_empty() {
            self.behind = vec![Vec::new(); plan.nodes.len()];
            for (id, node) in plan.iter() {
                for source in node.inputs.values().flatten() {
                    self.behind[source.node.0].push(id);
                }
            }
        }
    }
}

impl Engine<'_, '_> {
    /// The remote has the record of a key: has it fetched, unless it may not be wanted, and asks for those behind it.
    pub(super) fn take_up(&mut self, record: Box<Record>, sender: &Sender<Told>) {
        let record = Arc::<Record>::from(record);
        let key = record.key;
        let waiting = self.beyond.waiting.get(&key).cloned().unwrap_or_default();
        let mut ahead = self.beyond.ahead.nodes.get(&key).cloned().unwrap_or_default();
        ahead.retain(|node| self.scheduler.end(*node).is_none());
        let open = ahead
            .iter()
            .map(|node| self.open_guard(*node))
            .collect::<Option<Vec<NodeId>>>();
        match open {
            // All that it is wanted for may be left out, or has been.
            Some(guards) if waiting.is_empty() => {
                self.beyond.waiting.remove(&key);
                self.beyond.ahead.held.insert(key, Arc::clone(&record));
                for guard in guards {
                    self.beyond.ahead.held_by.entry(guard).or_default().push(key);
                }
            }
            _ => self.beyond.to_fetch.push_back(Arc::clone(&record)),
        }
        for node in waiting.into_iter().chain(ahead) {
            self.look_ahead(node, &record, sender);
        }
    }

    /// The guard of a node, if it has not said yet that the node is wanted.
    fn open_guard(&self, node: NodeId) -> Option<NodeId> {
        let guard = self.shared.node(node).guard?;
        self.nodes[guard.0].record.is_none().then_some(guard)
    }

    /// Asks for all whose keys are known now that this node will have given this.
    fn look_ahead(&mut self, node: NodeId, record: &Arc<Record>, sender: &Sender<Told>) {
        if self.beyond.lost || self.interrupts > 0 || self.nodes[node.0].record.is_some() {
            return;
        }
        self.beyond.ahead.follow(self.shared.plan);
        let mut known = vec![(node, Arc::clone(record))];
        while let Some((node, record)) = known.pop() {
            self.beyond.ahead.records.insert(node, record);
            for next in self.beyond.ahead.behind[node.0].clone() {
                let Some(key) = self.key_ahead(next) else {
                    continue;
                };
                // What lies in the store is not looked at here: if it is damaged, its turn will show.
                match self.shared.store.record(&key) {
                    Ok(Some(record)) => known.push((next, Arc::new(record))),
                    Ok(None) => self.ask_ahead(next, key, sender),
                    Err(_) => {}
                }
            }
        }
    }

    /// The key of a node whose turn has not come, if the records of all that it needs are known.
    fn key_ahead(&mut self, node: NodeId) -> Option<Digest> {
        let shared = self.shared;
        let state = &self.nodes[node.0];
        let has_begun = state.resolved.is_some() || state.record.is_some() || self.scheduler.end(node).is_some();
        if has_begun || self.is_forced(node) || self.beyond.ahead.records.contains_key(&node) {
            return None;
        }
        let (planned, kind) = (shared.node(node), shared.kind(node));
        let made = |node: NodeId| {
            let ahead = || self.beyond.ahead.records.get(&node).map(AsRef::as_ref);
            self.nodes[node.0].record.as_ref().or_else(ahead)
        };
        if planned.inputs.values().map(Vec::len).sum::<usize>() > INPUTS {
            return None;
        }
        let mut sources = planned.inputs.values().flatten();
        let is_open = |source: NodeId| made(source).is_none() && self.scheduler.end(source) != Some(End::Pruned);
        if sources.any(|source| is_open(source.node)) {
            return None;
        }
        let outside = externals(kind, planned).ok()?;
        if !outside.iter().all(|external| self.outside.knows(external)) {
            return None;
        }
        let resolved = resolve(&mut self.outside, kind, planned, made);
        resolved.ok().map(|resolved| resolved.key)
    }

    fn ask_ahead(&mut self, node: NodeId, key: Digest, sender: &Sender<Told>) {
        let Some(remote) = self.beyond.remote else {
            return;
        };
        let is_new = self.beyond.asked.insert(key);
        if is_new || self.beyond.waiting.contains_key(&key) {
            self.beyond.ahead.nodes.entry(key).or_default().push(node);
        }
        if is_new {
            self.beyond.waiting.insert(key, Vec::new());
            super::beyond::ask(remote, key, sender);
        }
    }

    /// A guard has not said stop: what was held back for it is wanted.
    pub(super) fn let_through(&mut self, guard: NodeId) {
        for key in self.beyond.ahead.held_by.remove(&guard).unwrap_or_default() {
            if let Some(record) = self.beyond.ahead.release(&key) {
                self.beyond.waiting.entry(key).or_default();
                self.beyond.to_fetch.push_back(record);
            }
        }
    }

    /// A node is at hand: what was fetched for it before its turn is told now.
    pub(super) fn tell_came(&mut self, node: NodeId) -> Result<(), RunError> {
        self.beyond.ahead.records.remove(&node);
        let Some(key) = self.nodes[node.0].record.as_ref().map(|record| record.key) else {
            return Ok(());
        };
        let Some((objects, bytes)) = self.beyond.ahead.take(&key) else {
            return Ok(());
        };
        let (stage, key) = (self.name(node), key.to_string());
        self.emit(Event::StageFetched {
            stage,
            key,
            objects,
            bytes,
        })
    }
}
