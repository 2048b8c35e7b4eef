//! `asm-pipe runs`: which runs there have been.

use serde_json::json;

use super::arguments::Runs;
use super::failure::Failure;
use super::figures::duration;
use super::status::{command, existing_store, when, word};
use super::terminal::{self, Format};
use crate::report::page::Grid;
use crate::run::status::{self, RunStatus};

pub(super) fn runs(arguments: &Runs) -> Result<(), Failure> {
    let store = existing_store(&arguments.store)?;
    let runs: Vec<RunStatus> = status::latest(&store.runs())?.take(arguments.last).collect();
    match arguments.output.format {
        Format::Json => {
            let rows: Vec<_> = runs.iter().map(row_json).collect();
            terminal::print_json(&rows)
        }
        Format::Human if runs.is_empty() => {
            terminal::tell("no run yet");
            Ok(())
        }
        Format::Human => {
            let commands = std::iter::once("command".to_owned()).chain(runs.iter().map(command));
            let table = grid(&runs).text();
            let lines = table.lines().zip(commands);
            let lines = lines.map(|(line, command)| format!("{line}  {command}").trim_end().to_owned() + "\n");
            terminal::print(&lines.collect::<String>())
        }
    }
}

fn row_json(run: &RunStatus) -> serde_json::Value {
    json!({
        "run": run.head.id,
        "started_at": run.head.started_at,
        "pipelines": run.head.pipelines,
        "command": run.head.command,
        "state": word(run),
        "stages": run.head.stages.len(),
        "counts": run.counts(),
        "seconds": run.seconds(),
        "version": run.head.version,
    })
}

fn grid(runs: &[RunStatus]) -> Grid {
    let heads = [
        "run",
        "started",
        "pipelines",
        "state",
        "stages",
        "ran",
        "cached",
        "pruned",
        "failed",
        "skipped",
        "time",
    ];
    let row = |run: &RunStatus| {
        let counts = run.counts();
        let numbers = [
            run.head.stages.len(),
            counts.ran,
            counts.cached,
            counts.pruned,
            counts.failed,
            counts.skipped,
        ];
        let mut row = vec![
            run.head.id.clone(),
            when(run.head.started_at),
            run.head.pipelines.join(" "),
            word(run).to_owned(),
        ];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(duration(run.seconds()));
        row
    };
    Grid {
        heads: heads.map(str::to_owned).to_vec(),
        rows: runs.iter().map(row).collect(),
    }
}
