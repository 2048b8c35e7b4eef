//! Taking an archive into the store, as a run of its own: so that what came in counts as wanted like what was made.

use std::path::Path;

use super::clock::now;
use super::event::Counts;
use super::journal::Journal;
use super::{Event, Moment};
use crate::store::{Imported, Store, StoreError};

/// Imports an archive. Its records are named in the journal of a run called `import`.
///
/// # Errors
/// When the folder is no archive, or the store or the journal cannot be written.
pub fn import(store: &Store, archive: &Path) -> Result<Imported, StoreError> {
    let begin = now();
    let failed = |source| StoreError::Io {
        action: "write the journal in",
        path: store.runs(),
        source,
    };
    let mut journal: Option<Journal> = None;
    let mut count = 0;
    let imported = store.import_archive(archive, &mut |record| {
        // Begun with the first record: what is no archive leaves no run behind.
        if journal.is_none() {
            journal = Some(Journal::begin(
                &store.runs(),
                &["import".to_owned()],
                Vec::new(),
                begin,
            )?);
        }
        count += 1;
        let what = Event::StageCached {
            stage: record.stage.clone(),
            key: record.key.to_string(),
        };
        let moment = Moment { at: now(), what };
        journal.as_mut().map_or(Ok(()), |journal| journal.write(&moment))
    })?;
    if let Some(journal) = &mut journal {
        let counts = Counts {
            cached: count,
            ..Counts::default()
        };
        let seconds = now().saturating_sub(begin) as f64 / 1000.0;
        let what = Event::RunFinished { counts, seconds };
        journal.write(&Moment { at: now(), what }).map_err(failed)?;
    }
    Ok(imported)
}
