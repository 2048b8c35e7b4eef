//! `asm-pipe cache verify`: whether everything in the store is what it should be.

use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::super::failure::Failure;
use super::super::figures;
use super::super::terminal::{self, Format};
use super::arguments::Verify;
use super::{counted, existing};
use crate::store::{Store, Verification};

pub(super) fn verify(arguments: &Verify) -> Result<(), Failure> {
    let store = existing(&arguments.store.store)?;
    let found = watched(&store, arguments.output.format)?;
    if arguments.output.format == Format::Json {
        terminal::print_json(&json!({ "good": found.is_good(), "found": found }))?;
    } else {
        terminal::print(&text(&found))?;
    }
    if found.is_good() {
        return Ok(());
    }
    Err(
        Failure::environment("the store has lost something; what is damaged is set aside")
            .hint("`asm-pipe cache repair PIPELINE..` makes it again; any run makes again what it needs of it"),
    )
}

/// Verifies, with a bar where a person watches.
pub(super) fn watched(store: &Store, format: Format) -> Result<Verification, Failure> {
    let watched = format == Format::Human && terminal::stderr_is_terminal();
    let bar = if watched {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8))
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} objects  {msg}  {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let read = AtomicU64::new(0);
    let found = store.verify_and_tell(&|objects, size| {
        bar.set_length(objects as u64);
        bar.inc(1);
        bar.set_message(figures::size(read.fetch_add(size, Ordering::Relaxed) + size));
    });
    bar.finish_and_clear();
    Ok(found?)
}

/// What was found, for people.
pub(super) fn text(found: &Verification) -> String {
    let mut text = format!(
        "read {} and {}, {}\n",
        counted(found.objects, "object"),
        counted(found.records, "record"),
        figures::size(found.bytes)
    );
    for missing in &found.missing {
        let how = if found.damaged.contains(&missing.digest) {
            "damaged"
        } else {
            "missing"
        };
        text += &format!(
            "{how}  {}.{} (object {})\n",
            missing.stage,
            missing.output,
            missing.digest.short()
        );
    }
    let named = |digest: &&crate::store::Digest| found.missing.iter().any(|missing| missing.digest == **digest);
    for digest in found.damaged.iter().filter(|digest| !named(digest)) {
        text += &format!("damaged  object {}, which no stage needs\n", digest.short());
    }
    for name in &found.damaged_records {
        text += &format!("damaged  record {name}\n");
    }
    if found.is_good() {
        text += "all is as it should be\n";
    }
    text
}
