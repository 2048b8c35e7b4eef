//! `asm-pipe status`: how the stages of a run stand.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::arguments::{Status, StoreArguments};
use super::columns::columns;
use super::failure::Failure;
use super::figures::duration;
use super::progress::reached;
use super::subject::find_run;
use super::terminal::{self, Format};
use crate::run::status::{self, RunState, RunStatus, StageStatus};
use crate::stage::Place;
use crate::store::Store;

pub(super) fn status(arguments: &Status) -> Result<(), Failure> {
    let store = existing_store(&arguments.store)?;
    let run = one_run(&store, arguments.run.as_deref())?;
    match arguments.output.format {
        Format::Json => terminal::print_json(&run),
        Format::Human => {
            let pipelines = run.head.pipelines.join(" ");
            let head = format!("run {}  {pipelines}  {}\n", run.head.id, state(&run));
            let command = command(&run);
            let command = if command.is_empty() { command } else { command + "\n" };
            terminal::print(&(head + &command + &stages(&run)))
        }
    }
}

/// The store, for a command that has nothing to say without one.
pub(super) fn existing_store(arguments: &StoreArguments) -> Result<Store, Failure> {
    Store::open_existing(&arguments.store)?.ok_or_else(|| {
        Failure::environment(format!("there is no store at {}", arguments.store.display()))
            .hint("a store is made by the first `asm-pipe run`; `--store` names another place")
    })
}

/// The run of this id, or the newest.
pub(super) fn one_run(store: &Store, id: Option<&str>) -> Result<RunStatus, Failure> {
    let run = match id {
        Some(id) => find_run(&store.runs(), id)?,
        None => status::latest(&store.runs())?.next(),
    };
    run.ok_or_else(|| {
        let asked = id.map_or("no run yet".to_owned(), |id| format!("no run `{id}`"));
        Failure::invalid(asked).hint("`asm-pipe runs` lists the runs")
    })
}

fn stages(run: &RunStatus) -> String {
    let stands = run.head.stages.iter().filter_map(|name| run.stages.get_key_value(name));
    let rows: Vec<Vec<String>> = stands
        .map(|(name, status)| vec![name.clone(), stage(status, run.read_at)])
        .collect();
    columns(&rows)
}

/// The command line of a run as it can be typed again. Runs of earlier versions do not tell.
pub(super) fn command(run: &RunStatus) -> String {
    run.head
        .command
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_=./:,@%+~".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How a stage stands at a time.
fn stage(status: &StageStatus, at: u64) -> String {
    match status {
        StageStatus::Planned => "planned".to_owned(),
        StageStatus::Waiting => "waiting for another run".to_owned(),
        StageStatus::Running {
            place: Some(place),
            reached: far,
            ..
        } => {
            let far = far
                .as_ref()
                .map_or_else(String::new, |far| format!(", {}", reached(&far.progress)));
            format!("{}{far}", placed(place, at))
        }
        StageStatus::Running {
            since, reached: far, ..
        } => {
            let far = far.as_ref().map_or_else(String::new, |far| {
                format!(", {} ({} ago)", reached(&far.progress), duration(seconds(far.at, at)))
            });
            format!("running for {}{far}", duration(seconds(*since, at)))
        }
        StageStatus::Cached => "cached".to_owned(),
        StageStatus::Ran {
            seconds,
            place: Some(place),
        } => {
            let waited = self::seconds(place.queued_at, place.running_at.unwrap_or(place.queued_at));
            format!(
                "ran {}{}, waited {} as job {}",
                duration((seconds - waited).max(0.0)),
                on(place),
                duration(waited),
                place.job
            )
        }
        StageStatus::Ran { seconds, place: None } => format!("ran {}", duration(*seconds)),
        StageStatus::Failed { message, log } => {
            format!(
                "failed: {message}{}",
                log.as_ref().map_or_else(String::new, |log| format!(" ({log})"))
            )
        }
        StageStatus::Pruned { guard } => format!("pruned by {guard}"),
        StageStatus::Skipped { because } => format!("skipped: {because}"),
    }
}

/// How a job of a cluster stands at a time.
fn placed(place: &Place, at: u64) -> String {
    let job = format!("as job {}", place.job);
    match place.running_at {
        Some(running) => format!(
            "running{} for {}, waited {} {job}",
            on(place),
            duration(seconds(running, at)),
            duration(seconds(place.queued_at, running)),
        ),
        None => {
            let reason = place
                .reason
                .as_ref()
                .map_or_else(String::new, |reason| format!(" ({reason})"));
            let state = place.state.to_lowercase();
            format!("{state}{reason} for {} {job}", duration(seconds(place.queued_at, at)))
        }
    }
}

fn on(place: &Place) -> String {
    place
        .node
        .as_ref()
        .map_or_else(String::new, |node| format!(" on {node}"))
}

fn seconds(since: u64, at: u64) -> f64 {
    at.saturating_sub(since) as f64 / 1000.0
}

/// How far a run is, in a word.
pub(super) fn word(run: &RunStatus) -> &'static str {
    match &run.state {
        RunState::Running => "running",
        RunState::Died => "died",
        RunState::Finished { .. } if run.was_interrupted() => "interrupted",
        RunState::Finished { counts, .. } if counts.failed > 0 => "failed",
        RunState::Finished { .. } => "finished",
    }
}

fn state(run: &RunStatus) -> String {
    let counts = run.counts();
    let is = |status: &&StageStatus| matches!(status, StageStatus::Running { .. } | StageStatus::Waiting);
    let parts = [
        (counts.ran, "ran"),
        (counts.cached, "cached"),
        (counts.pruned, "pruned"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (run.stages.values().filter(is).count(), "under way"),
        (
            run.stages.values().filter(|s| **s == StageStatus::Planned).count(),
            "to come",
        ),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
    let (parts, time) = (parts.join(", "), duration(run.seconds()));
    match &run.state {
        RunState::Running => format!("running for {time}: {parts}"),
        RunState::Died => {
            format!(
                "died without a word after {time}: {parts}; run the same command again, it goes on from what is kept"
            )
        }
        RunState::Finished { .. } => format!("{} in {time}: {parts}", word(run)),
    }
}

/// A time for people.
pub(super) fn when(millis: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Reached;
    use crate::stage::Progress;

    #[test]
    fn words_are_quoted_when_a_shell_would_cut_or_change_them() {
        let words = ["seed=1", "a b", "", "it's", "$HOME"].map(quoted);
        assert_eq!(words, ["seed=1", "'a b'", "''", r"'it'\''s'", "'$HOME'"]);
    }

    #[test]
    fn a_running_stage_says_since_when_it_runs_and_how_far_it_was_when_it_last_said_so() {
        let running = |reached| StageStatus::Running {
            since: 1000,
            reached,
            place: None,
        };
        assert_eq!(stage(&running(None), 6000), "running for 5.0 s");
        let progress = Progress {
            done: 3,
            total: Some(10),
            unit: "epoch".to_owned(),
            fields: [("box_loss".to_owned(), 0.25)].into(),
        };
        let text = stage(&running(Some(Reached { at: 4000, progress })), 6000);
        assert_eq!(text, "running for 5.0 s, 3/10 epochs  box loss 0.250 (2.0 s ago)");
    }

    #[test]
    fn a_job_of_a_cluster_says_where_it_stands_how_long_it_waited_and_how_long_it_runs() {
        let waiting = Place {
            job: "12_3".to_owned(),
            state: "PENDING".to_owned(),
            reason: Some("Priority".to_owned()),
            queued_at: 1000,
            ..Place::default()
        };
        let running = Place {
            node: Some("n1".to_owned()),
            state: "RUNNING".to_owned(),
            running_at: Some(3000),
            ..waiting.clone()
        };
        let text = |place: &Place| {
            stage(
                &StageStatus::Running {
                    since: 900,
                    reached: None,
                    place: Some(place.clone()),
                },
                6000,
            )
        };
        assert_eq!(text(&waiting), "pending (Priority) for 5.0 s as job 12_3");
        assert_eq!(text(&running), "running on n1 for 3.0 s, waited 2.0 s as job 12_3");
        let ran = StageStatus::Ran {
            seconds: 6.0,
            place: Some(running),
        };
        assert_eq!(stage(&ran, 9000), "ran 4.0 s on n1, waited 2.0 s as job 12_3");
    }
}
