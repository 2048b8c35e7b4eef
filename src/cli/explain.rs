//! `asm-pipe explain`: of each stage whether the store or the remote has it, and if not, all that has changed.

use super::arguments::Explain;
use super::failure::Failure;
use super::figures::duration;
use super::load::{load, unknown_stages};
use super::status::when;
use super::terminal::{self, CYAN, DIM, Format, GREEN, RESET, YELLOW};
use super::workspace::Untouched;
use crate::run::{self, Explained, Forecast};

pub(super) fn explain(arguments: &Explain) -> Result<(), Failure> {
    let remote = arguments.remote.open()?;
    let opened = Untouched::open(&arguments.store)?;
    let workspace = &opened.workspace;
    let loaded = load(&arguments.pipelines, &[], &workspace.registry)?;
    let mut wanted = vec![arguments.stages.is_empty(); loaded.plan.nodes.len()];
    for stage in &arguments.stages {
        let found = loaded.plan.find(stage);
        let found = found.map_err(|unknown| unknown_stages("STAGE", &[unknown]))?;
        found.into_iter().for_each(|id| wanted[id.0] = true);
    }
    let explained = arguments.remote.ask(&workspace.store, remote.as_ref(), |places| {
        run::explain(&loaded.plan, &workspace.registry, places, &[])
    })?;
    let explained: Vec<Explained> = explained
        .into_iter()
        .zip(wanted)
        .filter_map(|(stage, wanted)| wanted.then_some(stage))
        .collect();
    match arguments.output.format {
        Format::Json => terminal::print_json(&explained),
        Format::Human => terminal::print(&text(&explained)),
    }
}

/// A line for each stage, with what has changed below it.
fn text(explained: &[Explained]) -> String {
    let width = explained.iter().map(|stage| stage.stage.len()).max().unwrap_or(0);
    let mut text = String::new();
    for stage in explained {
        let (colour, word, why) = verdict(stage);
        text += &format!("{colour}{word:<8}{RESET} {:width$}  {DIM}{why}{RESET}\n", stage.stage);
        for cause in &stage.causes {
            text += &format!("{:10}{cause}\n", "");
        }
    }
    text
}

fn verdict(stage: &Explained) -> (&'static str, &'static str, String) {
    match &stage.forecast {
        Forecast::Hit { .. } => (DIM, "hit", made(stage)),
        Forecast::Remote { .. } => (DIM, "remote", made(stage)),
        Forecast::Run { .. } => (GREEN, "miss", compared(stage)),
        Forecast::Same { stage, .. } => (DIM, "shared", format!("the same work as `{stage}`")),
        Forecast::After { stage: before, root } if *before == root.stage => (GREEN, "miss", after(stage, before)),
        Forecast::After { stage: before, root } => {
            let before = format!("{before}` and so after `{}", root.stage);
            (GREEN, "miss", after(stage, &before))
        }
        Forecast::Maybe { guard, root } => {
            let why = format!("unless `{guard}` says stop; after `{}`", root.stage);
            (CYAN, "perhaps", own(stage, why))
        }
        Forecast::Pruned { guard } => (DIM, "pruned", format!("`{guard}` said stop")),
        Forecast::Fail { stage, message, .. } => (YELLOW, "fails", format!("`{stage}`: {message}")),
    }
}

fn made(stage: &Explained) -> String {
    stage.record.as_ref().map_or_else(String::new, |record| {
        let under = if record.stage == stage.stage {
            String::new()
        } else {
            format!(" as `{}`", record.stage)
        };
        format!(
            "made{under} in {} by run {}, {}",
            duration(record.seconds),
            record.run,
            when(record.finished_at * 1000)
        )
    })
}

fn compared(stage: &Explained) -> String {
    stage.record.as_ref().map_or_else(String::new, |record| {
        let count = match stage.causes.len() {
            1 => "1 difference".to_owned(),
            count => format!("{count} differences"),
        };
        format!("{count} to `{}` of run {}", record.stage, record.run)
    })
}

fn after(stage: &Explained, before: &str) -> String {
    let why = format!("after `{before}`");
    match stage.record {
        Some(_) => own(stage, format!("{why}, if that gives another result")),
        None => why,
    }
}

/// For a stage that waits for another: also what has changed of its own.
fn own(stage: &Explained, why: String) -> String {
    match (&stage.record, stage.causes.is_empty()) {
        (Some(_), false) => format!("{why}; itself {}", compared(stage)),
        _ => why,
    }
}
