//! `asm-pipe cache size`: what takes how much room.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::failure::Failure;
use super::super::figures;
use super::super::terminal::{self, Format};
use super::arguments::Size;
use super::existing;
use crate::report::page::Grid;
use crate::run::collect::{Policy, survey_of};
use crate::store::{Census, Digest, Part};

/// How many outputs are listed.
const LARGEST: usize = 10;

pub(super) fn size(arguments: &Size) -> Result<(), Failure> {
    let store = existing(&arguments.store.store)?;
    let inventory = store.inventory();
    let census = store.census()?;
    let largest = largest(&census);
    let survey = survey_of(&census, &store, &Policy::default())?;
    let garbage = survey.garbage.bytes();
    if arguments.output.format == Format::Json {
        let largest: Vec<_> = largest
            .iter()
            .map(|(bytes, digest, output)| json!({ "output": output, "digest": digest, "bytes": bytes }))
            .collect();
        return terminal::print_json(&json!({
            "store": store.root(),
            "parts": inventory,
            "bytes": inventory.bytes(),
            "largest": largest,
            "gc": { "keep_runs": Policy::default().keep_runs, "frees": garbage, "by_stage": survey.garbage.by_stage() },
        }));
    }
    let row = |name: &str, part: Part| vec![name.to_owned(), part.count.to_string(), figures::size(part.bytes)];
    let parts = Grid {
        heads: ["part", "count", "size"].map(str::to_owned).to_vec(),
        rows: vec![
            row("objects", inventory.objects),
            row("records", inventory.records),
            row("views", inventory.views),
            row("scratch", inventory.scratch),
            row("runs", inventory.runs),
            row("damaged", inventory.damaged),
            row("other", inventory.other),
        ],
    };
    let outputs = Grid {
        heads: ["largest outputs", "size"].map(str::to_owned).to_vec(),
        rows: largest
            .into_iter()
            .map(|(size, _, output)| vec![output, figures::size(size)])
            .collect(),
    };
    terminal::print(&format!(
        "{}: {}\n\n{}\n{}\n`asm-pipe cache gc` would free {}\n",
        store.root().display(),
        figures::size(inventory.bytes()),
        parts.text(),
        outputs.text(),
        figures::size(garbage),
    ))
}

/// The largest outputs, each once, with a stage that made it.
fn largest(census: &Census) -> Vec<(u64, Digest, String)> {
    let mut outputs: BTreeMap<Digest, (u64, String)> = BTreeMap::new();
    for record in census.records.values() {
        for (name, output) in &record.outputs {
            if census.objects.contains_key(&output.digest) {
                let named = || (output.bytes, format!("{}.{name}", record.stage));
                outputs.entry(output.digest).or_insert_with(named);
            }
        }
    }
    let mut largest: Vec<_> = outputs
        .into_iter()
        .map(|(digest, (bytes, name))| (bytes, digest, name))
        .collect();
    largest.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(&b.2)));
    largest.truncate(LARGEST);
    largest
}
