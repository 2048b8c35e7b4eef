//! `asm-pipe status`: runs and how far they are.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::arguments::Status;
use super::failure::Failure;
use super::progress::duration;
use super::terminal::{self, Format};
use crate::report::page::Grid;
use crate::run::status::{self, RunState, RunStatus, StageStatus};
use crate::store::Store;

/// How many runs a list shows.
const LISTED: usize = 30;

pub(super) fn status(arguments: &Status) -> Result<(), Failure> {
    let Some(store) = Store::open_existing(&arguments.store.store)? else {
        return Err(
            Failure::environment(format!("there is no store at {}", arguments.store.store.display()))
                .hint("a store is made by the first `asm-pipe run`; `--store` names another place"),
        );
    };
    let runs = status::latest(&store.runs(), if arguments.all { LISTED } else { usize::MAX })?;
    if arguments.all {
        return match arguments.output.format {
            Format::Json => terminal::print_json(&runs),
            Format::Human => terminal::print(&list(&runs).text()),
        };
    }
    let wanted = |run: &&RunStatus| {
        arguments
            .run
            .as_ref()
            .is_none_or(|id| run.head.id.starts_with(id.as_str()))
    };
    let Some(run) = runs.iter().find(wanted) else {
        let asked = arguments
            .run
            .as_deref()
            .map_or("no run yet".to_owned(), |id| format!("no run `{id}`"));
        return Err(Failure::invalid(asked).hint("`asm-pipe status --all` lists the runs"));
    };
    match arguments.output.format {
        Format::Json => terminal::print_json(run),
        Format::Human => {
            let head = format!(
                "run {}  {}  {}\n",
                run.head.id,
                run.head.pipelines.join(" "),
                state(&run.state)
            );
            terminal::print(&(head + &stages(run).text()))
        }
    }
}

fn list(runs: &[RunStatus]) -> Grid {
    let row = |run: &RunStatus| {
        vec![
            run.head.id.clone(),
            when(run.head.started_at),
            run.head.pipelines.join(" "),
            state(&run.state),
        ]
    };
    Grid {
        heads: ["run", "started", "pipelines", "state"].map(str::to_owned).to_vec(),
        rows: runs.iter().map(row).collect(),
    }
}

fn stages(run: &RunStatus) -> Grid {
    let row = |(name, status): (&String, &StageStatus)| {
        let text = match status {
            StageStatus::Planned => "planned".to_owned(),
            StageStatus::Waiting => "waiting for another run".to_owned(),
            StageStatus::Running { since, .. } => format!("running since {}", when(*since)),
            StageStatus::Cached => "cached".to_owned(),
            StageStatus::Ran { seconds } => format!("ran {}", duration(*seconds)),
            StageStatus::Failed { message, log } => {
                format!(
                    "failed: {message}{}",
                    log.as_ref().map_or_else(String::new, |log| format!(" ({log})"))
                )
            }
            StageStatus::Pruned { guard } => format!("pruned by {guard}"),
            StageStatus::Skipped { because } => format!("skipped: {because}"),
        };
        vec![name.clone(), text]
    };
    let rows = run
        .head
        .stages
        .iter()
        .filter_map(|name| run.stages.get_key_value(name))
        .map(row)
        .collect();
    Grid {
        heads: vec!["stage".to_owned(), String::new()],
        rows,
    }
}

fn state(state: &RunState) -> String {
    match state {
        RunState::Running => "running".to_owned(),
        RunState::Died => "died without a word: run the same command again, it goes on from what is kept".to_owned(),
        RunState::Finished { counts, seconds } => {
            let failed = if counts.failed > 0 {
                format!(", {} failed", counts.failed)
            } else {
                String::new()
            };
            format!(
                "finished in {}: {} ran, {} cached{failed}",
                duration(*seconds),
                counts.ran,
                counts.cached
            )
        }
    }
}

fn when(millis: u64) -> String {
    let time = i64::try_from(millis)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.map_or_else(
        || "?".to_owned(),
        |time| {
            time.to_zoned(TimeZone::UTC)
                .strftime("%Y-%m-%d %H:%M:%S UTC")
                .to_string()
        },
    )
}
