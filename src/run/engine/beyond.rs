//! What the run has to do with a remote: what the store does not have is asked for there, what was made is sent there.
//!
//! A key is asked for once in a run, and many keys at once; meanwhile the node stays as it is, about to be looked up. What is there is
//! fetched by threads of their own, and the node is then looked up again, so that to the scheduler it is a hit like any other.
//! Sending goes on beside the run, and what is left of it is waited for at its end. A remote that cannot be reached is told of once
//! and not asked again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use super::super::Event;
use super::super::job_thread::Told;
use super::super::scheduler::Happening;
use super::super::summary::{RunError, RunOptions};
use super::{Engine, TICK};
use crate::plan::NodeId;
use crate::remote::{Answered, Fetched, NotTaken, Remote, RemoteError, Sending};
use crate::store::{Digest, Record};

/// Records fetched at once, and sent at once; each with many objects at once.
const FETCHES: usize = 8;
const SENDERS: usize = 4;

pub(super) struct Beyond<'a> {
    remote: Option<&'a Remote>,
    required: bool,
    asked: BTreeSet<Digest>,
    /// The nodes that wait for the answer to a key, and for what is then fetched.
    waiting: BTreeMap<Digest, Vec<NodeId>>,
    to_fetch: VecDeque<Box<Record>>,
    fetching: usize,
    /// Whether it could not be asked; that is told once.
    lost: bool,
    outbox: Option<Sender<Box<Record>>>,
    sending: usize,
    unsent: Vec<(String, String)>,
    /// Whether the last one that was sent did not arrive.
    broken: bool,
    hints: Vec<String>,
}

impl<'a> Beyond<'a> {
    pub(super) fn new(options: &'a RunOptions) -> Self {
        Self {
            remote: options.remote.as_deref(),
            required: options.remote_required,
            asked: BTreeSet::new(),
            waiting: BTreeMap::new(),
            to_fetch: VecDeque::new(),
            fetching: 0,
            lost: false,
            outbox: None,
            sending: 0,
            unsent: Vec::new(),
            broken: false,
            hints: Vec::new(),
        }
    }

    /// Whether nothing is asked for.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Has the threads end that fetch and send: nobody needs any more of it.
    pub(super) fn close(&mut self) {
        self.outbox = None;
        if let Some(remote) = self.remote {
            remote.cancel();
        }
    }

    pub(super) fn hear_sent(&mut self, record: &Record, sending: Result<Sending, RemoteError>) {
        self.sending -= 1;
        self.broken = sending.is_err();
        let why = match sending {
            Ok(Sending::Done(_) | Sending::Present) => return,
            Ok(Sending::LeftOut(why)) => why,
            Err(error) => {
                self.hints.extend(error.hints());
                error.to_string()
            }
        };
        self.unsent.push((record.stage.clone(), why));
    }
}

impl<'a> Engine<'a, '_> {
    /// Asks the remote for what the store does not have. Says whether the answer has to be waited for.
    pub(super) fn ask_remote(&mut self, node: NodeId, happening: &Happening, sender: &Sender<Told>) -> bool {
        let (Some(remote), Happening::Resolved { hit: false, .. }) = (self.beyond.remote, happening) else {
            return false;
        };
        let Some(key) = self.nodes[node.0].resolved.as_ref().map(|resolved| resolved.key) else {
            return false;
        };
        let forced = self.is_forced(node) && !self.made.contains(&key);
        if forced || self.beyond.lost {
            return false;
        }
        if let Some(nodes) = self.beyond.waiting.get_mut(&key) {
            nodes.push(node);
            return true;
        }
        if !self.beyond.asked.insert(key) {
            return false;
        }
        self.beyond.waiting.insert(key, vec![node]);
        let sender = sender.clone();
        remote.ask(key, move |answer| {
            // Nobody hears it if the run is over.
            let _ = sender.send(Told::Answered { key, answer });
        });
        true
    }

    pub(super) fn hear_answer<'scope>(
        &mut self,
        key: Digest,
        answer: Result<Answered, RemoteError>,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        match answer {
            Ok(Answered::Has(record)) => {
                self.beyond.to_fetch.push_back(record);
                self.fetch_next(scope, sender);
                return Ok(());
            }
            Ok(Answered::HasNot) => {}
            Ok(Answered::Damaged) => {
                self.refuse(&key, "the record is damaged")?;
            }
            Err(error) => self.lose(error)?,
        }
        self.release(&key);
        Ok(())
    }

    fn fetch_next<'scope>(&mut self, scope: &'scope Scope<'scope, 'a>, sender: &Sender<Told>)
    where
        'a: 'scope,
    {
        let (Some(remote), store) = (self.beyond.remote, self.shared.store) else {
            return;
        };
        while self.beyond.fetching < FETCHES
            && let Some(record) = self.beyond.to_fetch.pop_front()
        {
            self.beyond.fetching += 1;
            let sender = sender.clone();
            scope.spawn(move || {
                let fetched = remote.fetch(store, &record);
                let _ = sender.send(Told::Fetched { record, fetched });
            });
        }
    }

    pub(super) fn hear_fetched<'scope>(
        &mut self,
        record: &Record,
        fetched: Result<Fetched, RemoteError>,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        self.beyond.fetching -= 1;
        self.fetch_next(scope, sender);
        let key = record.key;
        match fetched {
            Ok(Fetched {
                objects,
                taken: Ok(in_use),
            }) => {
                // Held until the journal names the key, as if it had been looked up here.
                self.in_use.get_or_insert(in_use);
                if let Some(stage) = self.first_waiting(&key) {
                    let (key, objects, bytes) = (key.to_string(), objects.count, objects.bytes);
                    self.emit(Event::StageFetched {
                        stage,
                        key,
                        objects,
                        bytes,
                    })?;
                }
            }
            Ok(Fetched {
                taken: Err(NotTaken::Refused(why)),
                ..
            }) => self.refuse(&key, &why)?,
            Ok(Fetched {
                taken: Err(NotTaken::Meanwhile(_)),
                ..
            })
            | Err(RemoteError::Cancelled) => {}
            Err(error @ RemoteError::Store(_)) => self.warn(&error.to_string(), error.hints())?,
            Err(error) => self.lose(error)?,
        }
        self.release(&key);
        Ok(())
    }

    /// Looks the nodes that waited for a key up again: a hit if it has come, to be made otherwise.
    fn release(&mut self, key: &Digest) {
        for node in self.beyond.waiting.remove(key).unwrap_or_default() {
            match self.ask_store(node, *key) {
                Ok(happening) => self.queue.push_back(happening),
                Err(error) => self.fail(node, error),
            }
        }
    }

    /// Tells that what the remote has of a key is not used.
    fn refuse(&mut self, key: &Digest, why: &str) -> Result<(), RunError> {
        let Some(remote) = self.beyond.remote else {
            return Ok(());
        };
        remote.doubt(key);
        let stage = self.first_waiting(key).unwrap_or_else(|| key.short());
        let message = format!(
            "`{stage}` of the remote `{}` is refused: {why}; the stage runs instead",
            remote.place()
        );
        self.warn(&message, Vec::new())
    }

    /// Goes on without the remote, or not at all.
    fn lose(&mut self, error: RemoteError) -> Result<(), RunError> {
        if self.beyond.required {
            return Err(RunError::Remote(error));
        }
        if std::mem::replace(&mut self.beyond.lost, true) || matches!(error, RemoteError::Cancelled) {
            return Ok(());
        }
        self.warn(
            &format!("{error}; the run goes on without what is there"),
            error.hints(),
        )
    }

    fn warn(&mut self, message: &str, hints: Vec<String>) -> Result<(), RunError> {
        let message = message.to_owned();
        self.emit(Event::RemoteWarned { message, hints })
    }

    fn first_waiting(&self, key: &Digest) -> Option<String> {
        let node = self.beyond.waiting.get(key)?.first()?;
        Some(self.name(*node))
    }

    /// Has a record sent to the remote, beside the run.
    pub(super) fn send_back<'scope>(&mut self, record: &Record, scope: &'scope Scope<'scope, 'a>, sender: &Sender<Told>)
    where
        'a: 'scope,
    {
        let (Some(remote), store) = (
            self.beyond.remote.filter(|remote| remote.is_written()),
            self.shared.store,
        ) else {
            return;
        };
        let outbox = self.beyond.outbox.get_or_insert_with(|| {
            let (outbox, records) = channel::<Box<Record>>();
            let records = Arc::new(Mutex::new(records));
            for _ in 0..SENDERS {
                let (records, sender) = (Arc::clone(&records), sender.clone());
                scope.spawn(move || {
                    let next = || records.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    while let Ok(record) = next() {
                        let sending = remote.send(store, &record);
                        let _ = sender.send(Told::Sent { record, sending });
                    }
                });
            }
            outbox
        });
        if outbox.send(Box::new(record.clone())).is_ok() {
            self.beyond.sending += 1;
        }
    }

    /// Waits until what was made is sent, unless the user wants to end; tells what was not.
    pub(super) fn finish_sending<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, 'a>,
        sender: &Sender<Told>,
        receiver: &Receiver<Told>,
    ) -> Result<(), RunError>
    where
        'a: 'scope,
    {
        if self.beyond.sending > 0 && self.interrupt.count() == 0 {
            let records = self.beyond.sending;
            self.emit(Event::RemoteSending { records })?;
        }
        while self.beyond.sending > 0 {
            // One that does not arrive stands for those behind it, which would each have to find that out.
            if self.interrupt.count() > 0 || self.beyond.broken {
                self.beyond.close();
            }
            match receiver.recv_timeout(TICK) {
                Ok(told @ Told::Sent { .. }) => self.hear(told, scope, sender)?,
                // All stages have ended: what is still told of them changes nothing.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let Some((stage, why)) = self.beyond.unsent.first().cloned() else {
            return Ok(());
        };
        let message = match self.beyond.unsent.len() {
            1 => format!("`{stage}` was not sent to the remote: {why}"),
            count => format!("{count} records were not sent to the remote, the first of them `{stage}`: {why}"),
        };
        let mut hints = std::mem::take(&mut self.beyond.hints);
        hints.truncate(1);
        hints.push("`asm-pipe cache push PIPELINE..` sends what is not there yet".to_owned());
        self.warn(&message, hints)
    }
}

#[cfg(test)]
#[path = "beyond_tests.rs"]
mod tests;
