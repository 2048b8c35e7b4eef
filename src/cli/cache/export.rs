//! `asm-pipe cache export`: records and outputs into a folder.

use std::collections::BTreeSet;

use super::super::arguments::{PipelineArguments, StoreArguments};
use super::super::failure::Failure;
use super::super::figures;
use super::super::load::load;
use super::super::terminal::{self, Format};
use super::super::workspace::Workspace;
use super::arguments::Export;
use super::{counted, existing};
use crate::run::{Forecast, forecast};
use crate::store::Digest;

pub(super) fn export(arguments: &Export) -> Result<(), Failure> {
    let store = existing(&arguments.store.store)?;
    let folder = &arguments.folder;
    if fs_err::symlink_metadata(folder).is_ok()
        && !fs_err::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
    {
        return Err(Failure::usage(format!(
            "{}: there is something already",
            folder.display()
        )));
    }
    let keys = if arguments.pipelines.is_empty() {
        None
    } else {
        Some(keys(&arguments.changes.of(&arguments.pipelines), &arguments.store)?)
    };
    let exported = store.export_archive(keys.as_ref(), folder)?;
    if arguments.output.format == Format::Json {
        return terminal::print_json(&exported);
    }
    for left_out in &exported.left_out {
        terminal::warn(&format!("`{}` is left out: {}", left_out.what, left_out.why));
    }
    terminal::print(&format!(
        "exported {} with {}, {}, to {}\n",
        counted(exported.records, "record"),
        counted(exported.objects.count, "object"),
        figures::size(exported.objects.bytes),
        folder.display()
    ))
}

/// What the store has of pipelines.
pub(super) fn keys(pipelines: &PipelineArguments, store: &StoreArguments) -> Result<BTreeSet<Digest>, Failure> {
    let workspace = Workspace::open(store)?;
    let loaded = load(pipelines, &[], &workspace.registry)?;
    let forecasts = forecast(&loaded.plan, &workspace.registry, &workspace.store, &[])
        .map_err(|e| Failure::environment(e.to_string()))?;
    let hits = forecasts.iter().filter_map(|forecast| match forecast {
        Forecast::Hit { key } => key.parse().ok(),
        _ => None,
    });
    Ok(hits.collect())
}
