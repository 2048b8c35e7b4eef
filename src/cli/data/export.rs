//! `asm-pipe data export`: a dataset as a folder of another format.

use std::path::PathBuf;

use serde_json::json;

use super::super::failure::Failure;
use super::super::terminal::{self, Format};
use super::arguments::Export;
use super::source::load;
use super::watch::bar;
use crate::detection::export::{ExportError, ExportOptions, Exported, export as write};
use crate::detection::folder;
use crate::detection::reading::OnProblem;

pub(super) fn export(arguments: &Export) -> Result<(), Failure> {
    let on_problem = match arguments.skip_faults {
        true => OnProblem::Skip,
        false => OnProblem::Fail,
    };
    let read = load(&arguments.source, on_problem, arguments.output.format)?.read;
    let set = arguments.named.clone().or_else(|| arguments.source.set.clone());
    let options = ExportOptions {
        format: arguments.to.into(),
        set: set.filter(|set| set != "all").unwrap_or_else(|| "train".to_owned()),
        origin: arguments.to_origin,
    };
    let sources: Vec<PathBuf> = read.sources.iter().map(|source| source.path.clone()).collect();
    let bar = bar(arguments.output.format, "writing", Some(sources.len()));
    let written = write(&arguments.folder, &read.dataset, &sources, &options, &|| bar.inc(1));
    bar.finish_and_clear();
    let written = written.map_err(failure)?;
    let skipped = (read.skipped_images, read.skipped_boxes);
    match arguments.output.format {
        Format::Json => terminal::print_json(&json!({
            "folder": arguments.folder, "format": options.format.name(), "set": options.set, "images": written.images,
            "boxes": written.boxes, "left_out": written.left_out, "skipped_images": skipped.0, "skipped_boxes": skipped.1,
        })),
        Format::Human => {
            let head = format!("{}: set `{}`, ", arguments.folder.display(), options.set);
            terminal::print(&(head + &text(&written, options.format, skipped)))
        }
    }
}

fn failure(error: ExportError) -> Failure {
    match error {
        ExportError::NotEmpty { .. } | ExportError::SetThere { .. } => {
            Failure::usage(error.to_string()).hint("give an empty folder, or another name with `--as`")
        }
        ExportError::Disk(error) => error.into(),
        other => Failure::invalid(other.to_string()),
    }
}

fn text(written: &Exported, format: folder::Format, skipped: (usize, usize)) -> String {
    let mut text = format!("{} images, {} boxes\n", written.images, written.boxes);
    for (what, count) in &written.left_out {
        text += &format!("left out, for {format} has no place for it: {what} ({count})\n");
    }
    if skipped != (0, 0) {
        text += &format!("skipped for their faults: {} images, {} boxes\n", skipped.0, skipped.1);
    }
    text
}
