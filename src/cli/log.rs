//! `asm-pipe log`: the log of a stage, also while it is being written.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::arguments::Log;
use super::failure::Failure;
use super::status::{existing_store, one_run};
use super::terminal::{self, Format};
use crate::plan::stage_in;
use crate::run::status::{self, RunState, RunStatus, StageStatus};
use crate::spec::suggest;
use crate::store::Store;

/// How often to look for new lines.
const TICK: Duration = Duration::from_millis(200);

pub(super) fn log(arguments: &Log) -> Result<(), Failure> {
    let store = existing_store(&arguments.store)?;
    let found = find(&store, arguments)?;
    terminal::tell(&format!("log of `{}` in run {}", found.stage, found.run));
    let mut tail = Tail {
        path: status::log_path(&store.runs(), &found.run, &found.stage),
        read: 0,
        rest: Vec::new(),
    };
    let format = arguments.output.format;
    if !arguments.follow {
        let lines = tail.all()?;
        return match format {
            Format::Json => terminal::print_json(&json!({
                "run": found.run, "stage": found.stage, "path": tail.path, "lines": lines,
            })),
            Format::Human => terminal::print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>()),
        };
    }
    let folder = store.runs().join(&found.run);
    loop {
        // Asked first: what was written before the end is then read for sure.
        let run = status::read(&folder)?;
        let is_over = run.state != RunState::Running || run.stages.get(&found.stage).is_none_or(StageStatus::has_ended);
        let lines = if is_over { tail.all()? } else { tail.new_lines()? };
        for line in lines {
            let text = match format {
                Format::Json => json!({ "run": found.run, "stage": found.stage, "line": line }).to_string(),
                Format::Human => line,
            };
            if !terminal::stream(&(text + "\n"))? {
                return Ok(());
            }
        }
        if is_over {
            return Ok(());
        }
        std::thread::sleep(TICK);
    }
}

/// A stage of a run.
struct Found {
    run: String,
    stage: String,
}

/// The log that is meant: of the newest run in which a stage of this name has one, or may still write one.
fn find(store: &Store, arguments: &Log) -> Result<Found, Failure> {
    // Read one by one: the newest will do as a rule.
    let runs: Box<dyn Iterator<Item = RunStatus>> = match &arguments.run {
        Some(id) => Box::new(std::iter::once(one_run(store, Some(id))?)),
        None => Box::new(status::latest(&store.runs())?),
    };
    let (mut known, mut others) = (None, BTreeSet::new());
    for run in runs {
        let names = meant(&run.head.stages, &arguments.stage);
        let logged = |name: &&&String| status::log_path(&store.runs(), &run.head.id, name).exists();
        let begins = |name: &&&String| arguments.follow && is_to_come(&run, name);
        let of = |stage: &String| Found {
            run: run.head.id.clone(),
            stage: stage.clone(),
        };
        // Of many rounds the one that is going on, or else the latest.
        let going_on = names
            .iter()
            .find(|name| is_running(&run, name) && (logged(name) || arguments.follow));
        let chosen = going_on
            .or_else(|| names.iter().rev().find(logged))
            .or_else(|| names.iter().find(begins));
        if let Some(stage) = chosen {
            let rest = names.iter().filter(logged).filter(|name| name != &stage);
            let rest: Vec<&str> = rest.map(|name| name.as_str()).collect();
            if !rest.is_empty() {
                terminal::tell(&format!("also in this run: {}", rest.join(" ")));
            }
            return Ok(of(stage));
        }
        known = known.or_else(|| names.first().map(|name| of(name)));
        others.extend(run.head.stages);
    }
    Err(match known {
        Some(Found { run, stage }) => Failure::invalid(format!("`{stage}` has written no log"))
            .hint(format!("`asm-pipe status {run}` says what became of it")),
        None => {
            let failure = Failure::invalid(format!(
                "no run has a stage whose name begins with `{}`",
                arguments.stage
            ));
            match suggest(&arguments.stage, others.iter().map(String::as_str)) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`asm-pipe status` lists the stages of the newest run"),
            }
        }
    })
}

fn is_running(run: &RunStatus, stage: &str) -> bool {
    run.state == RunState::Running && matches!(run.stages.get(stage), Some(StageStatus::Running { .. }))
}

fn is_to_come(run: &RunStatus, stage: &str) -> bool {
    run.state == RunState::Running && run.stages.get(stage).is_some_and(|status| !status.has_ended())
}

/// The stages that a name means: the one of that name, or all rounds of it, or those whose names begin so.
fn meant<'a>(stages: &'a [String], wanted: &str) -> Vec<&'a String> {
    let ways: [&dyn Fn(&str) -> bool; 3] = [&|name| name == wanted, &|name| stage_in(name) == wanted, &|name| {
        name.starts_with(wanted) || stage_in(name).starts_with(wanted)
    }];
    let found = ways
        .iter()
        .map(|means| stages.iter().filter(|name| means(name)).collect::<Vec<_>>());
    found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
}

/// A file that grows, line by line.
struct Tail {
    path: PathBuf,
    read: u64,
    rest: Vec<u8>,
}

impl Tail {
    /// The whole lines that have come since the last time. A file that is not there yet has none.
    fn new_lines(&mut self) -> Result<Vec<String>, Failure> {
        let mut file = match fs_err::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        file.seek(SeekFrom::Start(self.read))?;
        self.read += file.read_to_end(&mut self.rest)? as u64;
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(Vec::new());
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        let lines = whole[..end].split(|&byte| byte == b'\n');
        Ok(lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect())
    }

    /// The same, with a last line that does not end.
    fn all(&mut self) -> Result<Vec<String>, Failure> {
        let mut lines = self.new_lines()?;
        if !self.rest.is_empty() {
            lines.push(String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned());
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_a_stage_or_all_its_rounds_or_those_that_begin_so() {
        let stages = ["initial", "round-1.train", "round-1.train-more", "round-2.train"].map(str::to_owned);
        assert_eq!(meant(&stages, "initial"), ["initial"]);
        assert_eq!(meant(&stages, "train"), ["round-1.train", "round-2.train"]);
        assert_eq!(meant(&stages, "tra").len(), 3);
        assert_eq!(meant(&stages, "round-1").len(), 2);
        assert!(meant(&stages, "detect").is_empty());
    }

    #[test]
    fn a_growing_file_is_told_in_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (read, rest) = (0, Vec::new());
        let mut tail = Tail { path, read, rest };
        assert!(tail.new_lines().unwrap().is_empty());
        fs_err::write(&tail.path, "one\ntw").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["one"]);
        fs_err::write(&tail.path, "one\ntwo\nthree").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["two"]);
        assert_eq!(tail.all().unwrap(), ["three"]);
        assert!(tail.all().unwrap().is_empty());
    }
}
