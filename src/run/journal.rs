//! What a run writes about itself: `runs/<id>/run.json` and `plan.json` when it begins, then `journal.jsonl`, an event a line.
//!
//! Each line is written out at once, so that a run that is killed leaves all that it had told. Progress and log lines are
//! not in the journal: the one is out of date at once and has a file of its own ([`super::progress_file`]), the other is in the
//! stage's log.
//!
//! The journal also says what the run relies on: a key is in it before the run counts on what the store has under it. See
//! the collector in `store`.

use std::io::Write;
use std::path::{Path, PathBuf};

use fs_err::File;
use serde::{Deserialize, Serialize};

use super::process_mark::ProcessMark;
use super::progress_file::ProgressFile;
use super::{Event, Moment};
use crate::store::Digest;

/// The name of the file of events.
pub(crate) const EVENTS: &str = "journal.jsonl";
/// The name of the file about the run.
pub(crate) const HEAD: &str = "run.json";

/// The name of the folder of logs.
pub(crate) const LOGS: &str = "logs";

/// What is known of a run from its beginning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// Its id: ids sort by time.
    pub id: String,
    /// Milliseconds since 1970 (UTC).
    pub started_at: u64,
    /// The pipelines' names.
    pub pipelines: Vec<String>,
    /// All stages, in the plan's order.
    pub stages: Vec<String>,
    /// The process that does it.
    pub process: Option<ProcessMark>,
    /// The command line, without the program.
    #[serde(default)]
    pub command: Vec<String>,
    /// The program's version.
    pub version: String,
}

/// The journal of a run that is going on.
#[derive(Debug)]
pub(crate) struct Journal {
    head: RunHead,
    folder: PathBuf,
    events: File,
    progress: ProgressFile,
}

impl Journal {
    /// Begins the journal of a new run in the folder of runs. `stages` are the names of all, in the plan's order.
    pub(crate) fn begin(runs: &Path, pipelines: &[String], stages: Vec<String>, at: u64) -> std::io::Result<Self> {
        fs_err::create_dir_all(runs)?;
        let mut attempt = 0_u32;
        let (id, folder) = loop {
            let id = run_id(at, std::process::id(), attempt);
            let folder = runs.join(&id);
            match fs_err::create_dir(&folder) {
                Ok(()) => break (id, folder),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(e) => return Err(e),
            }
        };
        let head = RunHead {
            id,
            started_at: at,
            pipelines: pipelines.to_vec(),
            stages,
            process: ProcessMark::of(std::process::id()),
            command: std::env::args_os()
                .skip(1)
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        // The events first: a folder with a head is a run, and then has them.
        let events = File::create(folder.join(EVENTS))?;
        // Tells other machines and containers, which cannot see the process, that the run lives. Where files cannot be
        // locked the process mark must do.
        let _ = events.file().lock_shared();
        fs_err::write(
            folder.join(HEAD),
            serde_json::to_vec_pretty(&head).map_err(std::io::Error::other)?,
        )?;
        Ok(Self {
            head,
            progress: ProgressFile::new(&folder),
            folder,
            events,
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.head.id
    }

    /// The run's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the logs of its stages are.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join(LOGS)
    }

    /// Adds an event.
    pub(crate) fn write(&mut self, moment: &Moment) -> std::io::Result<()> {
        self.write_all(std::slice::from_ref(moment))
    }

    /// Adds several events at once.
    pub(crate) fn write_all(&mut self, moments: &[Moment]) -> std::io::Result<()> {
        let mut lines = Vec::new();
        for moment in moments {
            self.progress.hear(moment);
            if !matches!(moment.what, Event::StageProgress { .. } | Event::StageLog { .. }) {
                serde_json::to_writer(&mut lines, moment).map_err(std::io::Error::other)?;
                lines.push(b'\n');
            }
        }
        self.events.write_all(&lines)
    }
}

/// An id that sorts by time: `20261122-114603-4821b3`, the end of which is the millisecond in three digits and three hex digits
/// that tell apart what begins in the same one.
fn run_id(at: u64, process: u32, attempt: u32) -> String {
    let time = i64::try_from(at)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    let time = time.unwrap_or_default().strftime("%Y%m%d-%H%M%S").to_string();
    let end = Digest::of_bytes(format!("{at} {process} {attempt}").as_bytes()).to_string();
    format!("{time}-{:03}{}", at % 1000, &end[..3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ_within_a_millisecond() {
        let at = 1_795_347_963_000;
        assert!(run_id(at, 1, 0).starts_with("20261122-"), "{}", run_id(at, 1, 0));
        assert!(run_id(at, 1, 0) < run_id(at + 1000, 1, 0));
        assert!(run_id(at, 1, 0) < run_id(at + 1, 1, 0));
        assert_ne!(run_id(at, 1, 0), run_id(at, 2, 0));
        assert_ne!(run_id(at, 1, 0), run_id(at, 1, 1));
    }

    #[test]
    fn two_runs_of_one_moment_have_folders_of_their_own() {
        let runs = tempfile::tempdir().unwrap();
        let first = Journal::begin(runs.path(), &[], Vec::new(), 5).unwrap();
        let second = Journal::begin(runs.path(), &[], Vec::new(), 5).unwrap();
        assert_ne!(first.id(), second.id());
    }
}
