//! Taking an archive into the store.

use std::path::Path;

use super::intake::{Intake, journal_error};
use crate::store::{Imported, Store, StoreError};

/// Imports an archive. Its records are named in the journal of a run called `import`.
///
/// # Errors
/// When the folder is no archive, or the store or the journal cannot be written.
pub fn import(store: &Store, archive: &Path) -> Result<Imported, StoreError> {
    let mut intake = Intake::new(store, "import");
    let imported = store.import_archive(archive, &mut |record| intake.note(&record.stage, &record.key))?;
    intake.finish().map_err(|e| journal_error(store, e))?;
    Ok(imported)
}
