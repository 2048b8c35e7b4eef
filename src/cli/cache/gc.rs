//! `asm-pipe cache gc`: removes what no kept run needs.

use serde_json::json;

use super::super::failure::Failure;
use super::super::figures;
use super::super::terminal::{self, Format};
use super::arguments::Gc;
use super::{counted, existing};
use crate::report::page::Grid;
use crate::run::collect::{Policy, Survey, collect, survey};
use crate::store::Garbage;

pub(super) fn gc(arguments: &Gc) -> Result<(), Failure> {
    let store = existing(&arguments.store.store)?;
    let policy = Policy {
        keep_runs: arguments.keep_runs,
        max_bytes: arguments.max_size,
    };
    let survey = survey(&store, &policy)?;
    let human = arguments.output.format == Format::Human;
    if human {
        terminal::print(&shown(&survey, &policy))?;
    }
    let removed = if arguments.dry_run {
        None
    } else {
        Some(collect(&store, &policy, &survey.garbage)?)
    };
    if !human {
        return terminal::print_json(&json!({
            "kept_runs": survey.kept,
            "living_runs": survey.living,
            "kept_bytes": survey.kept_bytes,
            "garbage": told(&survey.garbage),
            "removed": removed.as_ref().map(told),
        }));
    }
    match removed {
        None => terminal::print("nothing was removed: this was a dry run\n"),
        Some(removed) => terminal::print(&format!("freed {}\n", figures::size(removed.bytes()))),
    }
}

fn told(garbage: &Garbage) -> serde_json::Value {
    json!({
        "bytes": garbage.bytes(),
        "by_stage": garbage.by_stage(),
        "records": garbage.records.len(),
        "objects": garbage.objects.len(),
        "nameless_bytes": garbage.nameless_bytes(),
        "views": garbage.views.len(),
        "scratch": garbage.scratch,
        "runs": garbage.runs,
        "damaged": garbage.damaged,
        "slurm": garbage.slurm,
    })
}

/// What is kept and what goes, by stage, then what belongs to no stage.
fn shown(survey: &Survey, policy: &Policy) -> String {
    let garbage = &survey.garbage;
    let mut text = format!(
        "keeping {} with {}",
        counted(survey.kept.len(), "run"),
        figures::size(survey.kept_bytes)
    );
    if !survey.living.is_empty() {
        text += &format!("; going on: {}", survey.living.join(", "));
    }
    text += "\n";
    if policy.max_bytes.is_some_and(|max| max < survey.kept_bytes) {
        text += "that is more than was asked for: the latest run, and those that go on, are always kept\n";
    }
    let mut rows: Vec<Vec<String>> = garbage
        .by_stage()
        .into_iter()
        .map(|(stage, part)| vec![stage, counted(part.count, "record"), figures::size(part.bytes)])
        .collect();
    let nameless = garbage.nameless_bytes();
    if nameless > 0 {
        rows.push(vec![
            "(content that no stage names)".to_owned(),
            String::new(),
            figures::size(nameless),
        ]);
    }
    for (name, what, parts) in [
        ("(work that was cut off)", "folder", &garbage.scratch),
        ("(runs)", "run", &garbage.runs),
        ("(damaged)", "file", &garbage.damaged),
        ("(what jobs of Slurm have left)", "file", &garbage.slurm),
    ] {
        if !parts.is_empty() {
            rows.push(vec![
                name.to_owned(),
                counted(parts.len(), what),
                figures::size(parts.values().sum()),
            ]);
        }
    }
    if !garbage.views.is_empty() {
        rows.push(vec![
            "(views)".to_owned(),
            counted(garbage.views.len(), "folder"),
            String::new(),
        ]);
    }
    if rows.is_empty() {
        return text + "there is nothing to remove\n";
    }
    let grid = Grid {
        heads: ["goes", "", "size"].map(str::to_owned).to_vec(),
        rows,
    };
    text + &grid.text()
}
