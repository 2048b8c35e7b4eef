//! Whether the store has what a node makes, why not, and who may make it.

use super::super::forecast::{Root, is_forced};
use super::super::resolve::{resolve, says_stop, store_error};
use super::super::scheduler::Happening;
use super::Engine;
use crate::plan::NodeId;
use crate::stage::StageError;
use crate::store::{Digest, KeyLock, Lookup, Reason, Record};

/// The answer to the wish to make a key.
pub(super) enum Claim {
    /// It may be made.
    Locked(KeyLock),
    /// Another run makes it.
    Held,
    /// It has been made since it was looked up.
    Hit(Happening),
}

impl Engine<'_, '_> {
    /// Finds out the key, and whether the store has it.
    pub(super) fn look_up(&mut self, node: NodeId) -> Result<Happening, StageError> {
        let shared = self.shared;
        let made = |node: NodeId| self.nodes[node.0].record.as_ref();
        let resolved = resolve(&mut self.outside, shared.kind(node), shared.node(node), made)?;
        let key = resolved.key;
        self.nodes[node.0].resolved = Some(resolved);
        self.ask_store(node, key)
    }

    pub(super) fn ask_store(&mut self, node: NodeId, key: Digest) -> Result<Happening, StageError> {
        let shared = self.shared;
        let resolved = self.nodes[node.0]
            .resolved
            .as_ref()
            .expect("resolved before it is asked for");
        let lookup = if self.is_forced(node) && !self.made.contains(&key) {
            Lookup::Miss(Reason::Forced)
        } else {
            let name = &shared.node(node).name;
            shared
                .store
                .lookup(name, &resolved.material)
                .map_err(|e| store_error(&e))?
        };
        let (hit, stop) = match lookup {
            Lookup::Hit(record) => {
                let stop = self.answer(node, &record)?;
                let state = &mut self.nodes[node.0];
                // What its key was made of is in the record.
                state.resolved = None;
                state.record = Some(record);
                state.root = None;
                (true, stop)
            }
            Lookup::Miss(reason) => {
                // The first look is the one that tells: it may have set a damaged output aside, which is missing ever after.
                if self.nodes[node.0].root.is_none() {
                    self.explain(node, &reason);
                }
                (false, false)
            }
        };
        let key = key.to_string();
        Ok(Happening::Resolved { node, key, hit, stop })
    }

    /// Says why a node runs: for an input that changed also where that began in this run.
    fn explain(&mut self, node: NodeId, reason: &Reason) {
        let planned = self.shared.node(node);
        let root = match reason {
            Reason::InputChanged { port, .. } => {
                let mut sources = planned.inputs.get(port).into_iter().flatten();
                sources.find_map(|source| self.nodes[source.node.0].root.clone())
            }
            _ => None,
        };
        let state = &mut self.nodes[node.0];
        state.reason = match &root {
            Some(root) => format!("{reason} ({root})"),
            None => reason.to_string(),
        };
        let own = || Root {
            stage: planned.name.clone(),
            reason: reason.to_string(),
        };
        state.root = Some(root.unwrap_or_else(own));
    }

    /// Locks the key. It may have been made since it was looked up, so look again.
    pub(super) fn claim(&mut self, node: NodeId) -> Result<Claim, StageError> {
        let key = self.nodes[node.0]
            .resolved
            .as_ref()
            .expect("resolved before it is started")
            .key;
        let Some(lock) = self.shared.store.try_lock(&key).map_err(|e| store_error(&e))? else {
            return Ok(Claim::Held);
        };
        let happening = self.ask_store(node, key)?;
        match happening {
            Happening::Resolved { hit: true, .. } => Ok(Claim::Hit(happening)),
            _ => Ok(Claim::Locked(lock)),
        }
    }

    /// For a guard: whether it says stop.
    pub(super) fn answer(&self, node: NodeId, record: &Record) -> Result<bool, StageError> {
        if !self.guards.contains(&node) {
            return Ok(false);
        }
        says_stop(self.shared.store, self.shared.kind(node), record)
    }

    /// A key that is free again is looked up again: it was made, or the other run failed.
    pub(super) fn ask_for_held_keys(&mut self) {
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

    pub(super) fn is_forced(&self, node: NodeId) -> bool {
        is_forced(self.shared.node(node), self.force)
    }
}
