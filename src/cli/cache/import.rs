//! `asm-pipe cache import`: records and outputs from a folder.

use super::super::failure::{Failure, FailureKind};
use super::super::figures;
use super::super::terminal::{self, Format};
use super::arguments::Import;
use super::counted;
use crate::run::import::import as take;
use crate::store::{Store, StoreError};

pub(super) fn import(arguments: &Import) -> Result<(), Failure> {
    let store = Store::open(&arguments.store.store)?;
    let imported = take(&store, &arguments.folder).map_err(|error| match error {
        StoreError::NotAnArchive { .. } => Failure {
            kind: FailureKind::Invalid,
            ..Failure::from(error)
        },
        error => error.into(),
    })?;
    if arguments.output.format == Format::Json {
        terminal::print_json(&imported)?;
    } else {
        for refused in &imported.refused {
            terminal::warn(&format!("`{}` is refused: {}", refused.what, refused.why));
        }
        terminal::print(&format!(
            "imported {} with {}, {}; {} there already\n",
            counted(imported.taken.len(), "record"),
            counted(imported.objects.count, "object"),
            figures::size(imported.objects.bytes),
            imported.present.len()
        ))?;
    }
    if imported.refused.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "{} of the archive refused; the others are taken",
        match imported.refused.len() {
            1 => "1 record was".to_owned(),
            more => format!("{more} records were"),
        }
    ))
    .hint("a run makes what was refused; or export it again"))
}
