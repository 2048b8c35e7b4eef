//! What a remote has, taken into the store without a run: all of it, or what a plan needs.
//!
//! A plan's keys come to be known by and by: a stage's follows from what those before it gave. Their records tell that, so all records are
//! asked for first, and then what they need is fetched, many stages at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::forecast::{Forecast, Places, foresee};
use super::intake::{Intake, journal_error};
use super::summary::RunError;
use crate::plan::Plan;
use crate::remote::{Answered, Fetched, NotTaken, Remote, RemoteError};
use crate::stage::Registry;
use crate::store::{Digest, Part, Record, Refused, Store};

/// What was pulled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// Records that were not at hand before, with the name of the stage.
    pub taken: BTreeMap<Digest, String>,
    /// Records that were at hand already.
    pub present: BTreeMap<Digest, String>,
    /// Objects that were not at hand before, and their bytes.
    pub objects: Part,
    /// What was not taken.
    pub refused: Vec<Refused>,
    /// Stages of the plan that the remote does not have, as far as that can be known: what comes after them has no key yet.
    pub absent: Vec<String>,
}

/// How far a pull is: records that have come, records that are known to be there, bytes.
pub type Tell<'a> = dyn Fn(usize, usize, u64) + Sync + 'a;

/// Takes everything that the remote has.
///
/// # Errors
/// When the remote cannot be reached, or the store or the journal cannot be written.
pub fn pull_all(store: &Store, remote: &Remote, tell: &Tell<'_>) -> Result<Pulled, RunError> {
    let puller = Puller::new(store, remote, tell);
    let keys = remote.keys()?;
    let (mut lacking, mut present) = (Vec::new(), Vec::new());
    for key in keys {
        if store.holds_whole(&key)? {
            present.push(key);
        } else {
            lacking.push(key);
        }
    }
    puller.pull(&lacking)?;
    puller.finish(&present)
}

/// Takes what a plan needs.
///
/// # Errors
/// When the remote cannot be reached, the plan was made with another registry, or the store or the journal cannot be written.
pub fn pull_plan(
    (plan, registry): (&Plan, &Registry),
    store: &Store,
    remote: &Remote,
    tell: &Tell<'_>,
) -> Result<Pulled, RunError> {
    let puller = Puller::new(store, remote, tell);
    let places = Places {
        store,
        remote: Some(remote),
    };
    let seen = foresee(plan, registry, places, &[])?;
    let (mut lacking, mut present, mut absent) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (id, node) in plan.iter() {
        match (seen.forecast(id), &seen.records[id.0]) {
            (Forecast::Hit { key }, _) => present.extend(key.parse::<Digest>()),
            (Forecast::Remote { .. }, Some(record)) => drop(lacking.insert(record.key, record.clone())),
            (Forecast::Run { .. }, _) => absent.push(node.name.clone()),
            _ => {}
        }
    }
    puller.refuse(seen.answers.iter().flat_map(|answers| &answers.damaged));
    let lacking: Vec<Record> = lacking.into_values().collect();
    puller.fetch(&lacking)?;
    let mut pulled = puller.finish(&present)?;
    pulled.absent = absent;
    Ok(pulled)
}

struct Puller<'a> {
    store: &'a Store,
    remote: &'a Remote,
    tell: &'a Tell<'a>,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    pulled: Pulled,
    intake: Intake<'a>,
    known: usize,
    come: usize,
    error: Option<RunError>,
}

impl<'a> Puller<'a> {
    fn new(store: &'a Store, remote: &'a Remote, tell: &'a Tell<'a>) -> Self {
        let state = State {
            pulled: Pulled::default(),
            intake: Intake::new(store, "pull"),
            known: 0,
            come: 0,
            error: None,
        };
        Self {
            store,
            remote,
            tell,
            state: Mutex::new(state),
        }
    }

    /// Asks for keys and takes what is there.
    fn pull(&self, keys: &[Digest]) -> Result<(), RunError> {
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        for (key, answer) in keys.iter().zip(self.remote.ask_all(keys)) {
            match answer? {
                Answered::Has(record) => records.push(*record),
                Answered::HasNot => {}
                Answered::Damaged => damaged.push(*key),
            }
        }
        self.refuse(&damaged);
        self.fetch(&records)
    }

    fn refuse<'k>(&self, damaged: impl IntoIterator<Item = &'k Digest>) {
        let refused = damaged.into_iter().map(|key| Refused {
            what: key.short(),
            why: "the record is damaged".to_owned(),
        });
        self.state().pulled.refused.extend(refused);
    }

    /// Takes these.
    fn fetch(&self, records: &[Record]) -> Result<(), RunError> {
        self.state().known += records.len();
        self.remote
            .fetch_all(self.store, records, &|record, fetched| self.hear(record, fetched));
        self.state().error.take().map_or(Ok(()), Err)
    }

    fn hear(&self, record: &Record, fetched: Result<Fetched, RemoteError>) {
        let mut state = self.state();
        state.come += 1;
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(error) => {
                // What the others wait for would not come either.
                if !matches!(error, RemoteError::Cancelled) {
                    self.remote.cancel();
                }
                state.error.get_or_insert(error.into());
                return;
            }
        };
        state.pulled.objects = state.pulled.objects + fetched.objects;
        match fetched.taken {
            Ok(in_use) => {
                let noted = state.intake.note(&record.stage, &record.key);
                drop(in_use);
                match noted {
                    Ok(()) => drop(state.pulled.taken.insert(record.key, record.stage.clone())),
                    Err(error) => drop(state.error.get_or_insert(RunError::Journal(error))),
                }
            }
            Err(NotTaken::Refused(why) | NotTaken::Meanwhile(why)) => {
                let what = record.stage.clone();
                state.pulled.refused.push(Refused { what, why });
            }
        }
        (self.tell)(state.come, state.known, state.pulled.objects.bytes);
    }

    /// Notes what was at hand already, too: it is wanted like what came.
    fn finish(&self, present: &[Digest]) -> Result<Pulled, RunError> {
        let mut state = self.state();
        {
            let _in_use = self.store.in_use()?;
            for key in present.iter().collect::<BTreeSet<_>>() {
                if state.pulled.taken.contains_key(key) || !self.store.holds_whole(key)? {
                    continue;
                }
                if let Some(record) = self.store.record(key)? {
                    state.intake.note(&record.stage, key)?;
                    state.pulled.present.insert(*key, record.stage);
                }
            }
        }
        self.store.settle()?;
        state.intake.finish().map_err(|e| journal_error(self.store, e))?;
        Ok(std::mem::take(&mut state.pulled))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
