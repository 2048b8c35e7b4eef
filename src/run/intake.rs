//! Records that come in from elsewhere, as a run of its own: so that what came in counts as wanted like what was made.

use super::clock::now;
use super::event::Counts;
use super::journal::Journal;
use super::{Event, Moment};
use crate::store::{Digest, Store, StoreError};

/// The journal of an intake. Begun with the first record: what brings nothing leaves no run behind.
pub(super) struct Intake<'a> {
    store: &'a Store,
    name: &'static str,
    begin: u64,
    journal: Option<Journal>,
    count: usize,
}

impl<'a> Intake<'a> {
    pub(super) fn new(store: &'a Store, name: &'static str) -> Self {
        Self {
            store,
            name,
            begin: now(),
            journal: None,
            count: 0,
        }
    }

    /// Notes a record that is at hand now. Nothing that it needs may be removed before this has returned.
    pub(super) fn note(&mut self, stage: &str, key: &Digest) -> std::io::Result<()> {
        let journal = match &mut self.journal {
            Some(journal) => journal,
            empty => {
                let begun = Journal::begin(&self.store.runs(), &[self.name.to_owned()], Vec::new(), self.begin)?;
                empty.insert(begun)
            }
        };
        self.count += 1;
        let what = Event::StageCached {
            stage: stage.to_owned(),
            key: key.to_string(),
        };
        journal.write(&Moment { at: now(), what })
    }

    /// Ends the run.
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        let counts = Counts {
            cached: self.count,
            ..Counts::default()
        };
        let seconds = now().saturating_sub(self.begin) as f64 / 1000.0;
        let what = Event::RunFinished { counts, seconds };
        let journal = self.journal.as_mut();
        journal.map_or(Ok(()), |journal| journal.write(&Moment { at: now(), what }))
    }
}

/// What the store says of a journal that cannot be written.
pub(super) fn journal_error(store: &Store, source: std::io::Error) -> StoreError {
    StoreError::Io {
        action: "write the journal in",
        path: store.runs(),
        source,
    }
}
