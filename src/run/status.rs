//! What runs there have been, and how far each is, read from their journals.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use fs_err::File;
use serde::Serialize;

use super::clock::now;
use super::event::Counts;
use super::job_log;
use super::journal::{EVENTS, HEAD, LOGS, RunHead};
use super::progress_file::{self, Reached};
use super::{Event, Moment};
use crate::stage::Place;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunStatus {
    /// What is known from its beginning.
    pub head: RunHead,
    /// How far it is.
    pub state: RunState,
    /// How the stages stand, by name. Those that nothing was told of are [`StageStatus::Planned`].
    pub stages: BTreeMap<String, StageStatus>,
    /// The keys of the stages whose keys it has found out.
    pub keys: BTreeMap<String, String>,
    /// When it last told of something, in milliseconds since 1970 (UTC).
    pub last_at: u64,
    /// When this was read, in milliseconds since 1970 (UTC).
    pub read_at: u64,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum RunState {
    /// Its process lives.
    Running,
    /// It came to its end.
    Finished {
        /// Stages by how they ended.
        counts: Counts,
        /// How long it took.
        seconds: f64,
    },
    /// Its process is gone without a word.
    Died,
}

/// How a stage stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum StageStatus {
    /// Nothing has happened.
    Planned,
    /// Another run makes it.
    Waiting,
    /// It runs, or ran when the run died.
    Running {
        /// Since when: milliseconds since 1970 (UTC).
        since: u64,
        /// How far it was when it last said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reached: Option<Reached>,
        /// Where it stands, if another machine does it.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// The store had it.
    Cached,
    /// It ran.
    Ran {
        /// How long it took.
        seconds: f64,
        /// Where, if another machine did it.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// It failed.
    Failed {
        /// Why.
        message: String,
        /// Where its log is.
        log: Option<String>,
    },
    /// A guard left it out.
    Pruned {
        /// The guard.
        guard: String,
    },
    /// It could not run.
    Skipped {
        /// Why.
        because: String,
    },
}

impl StageStatus {
    /// Whether nothing more will happen with it in this run.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        !matches!(self, Self::Planned | Self::Waiting | Self::Running { .. })
    }
}

impl RunStatus {
    /// The stages by how they ended; of a run that goes on, or died, those that have.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if let RunState::Finished { counts, .. } = self.state {
            return counts;
        }
        let mut counts = Counts::default();
        for status in self.stages.values() {
            match status {
                StageStatus::Cached => counts.cached += 1,
                StageStatus::Ran { .. } => counts.ran += 1,
                StageStatus::Failed { .. } => counts.failed += 1,
                StageStatus::Pruned { .. } => counts.pruned += 1,
                StageStatus::Skipped { .. } => counts.skipped += 1,
                StageStatus::Planned | StageStatus::Waiting | StageStatus::Running { .. } => {}
            }
        }
        counts
    }

    /// How long it took: up to now if it goes on, up to its last word if it died.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let until = match self.state {
            RunState::Finished { seconds, .. } => return seconds,
            RunState::Running => self.read_at,
            RunState::Died => self.last_at,
        };
        until.saturating_sub(self.head.started_at) as f64 / 1000.0
    }

    /// Whether the user ended it.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        let is = |status: &StageStatus| matches!(status, StageStatus::Skipped { because } if because == "interrupted");
        matches!(self.state, RunState::Finished { .. }) && self.stages.values().any(is)
    }
}

/// Where the log of a run's stage is, once it has a line.
#[must_use]
pub fn log_path(runs: &Path, run: &str, stage: &str) -> PathBuf {
    runs.join(run).join(LOGS).join(job_log::file_name(stage))
}

/// The ids of the runs in a folder of runs, the latest first.
///
/// # Errors
/// When the folder is there but cannot be read.
pub fn ids(runs: &Path) -> std::io::Result<Vec<String>> {
    let mut ids = Vec::new();
    match fs_err::read_dir(runs) {
        Ok(entries) => {
            for entry in entries {
                ids.extend(entry?.file_name().into_string());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// The runs in a folder of runs, the latest first, each read when it is asked for. What is not a run is passed over.
///
/// # Errors
/// When the folder is there but cannot be read.
pub fn latest(runs: &Path) -> std::io::Result<impl Iterator<Item = RunStatus> + use<>> {
    let folder = runs.to_owned();
    let ids = ids(runs)?.into_iter();
    Ok(ids.filter_map(move |id| read(&folder.join(id)).ok()))
}

/// The status of one run, from its folder.
///
/// # Errors
/// When it cannot be read or is not a run's.
pub fn read(folder: &Path) -> std::io::Result<RunStatus> {
    let head: RunHead = serde_json::from_slice(&fs_err::read(folder.join(HEAD))?)?;
    // A line at a time: there may be gigabytes.
    let mut lines = BufReader::new(File::open(folder.join(EVENTS))?);
    let mut line = Vec::new();
    let alive = head
        .process
        .as_ref()
        .is_some_and(super::process_mark::ProcessMark::is_alive);
    let mut state = if alive { RunState::Running } else { RunState::Died };
    let mut stages: BTreeMap<_, _> = head
        .stages
        .iter()
        .map(|name| (name.clone(), StageStatus::Planned))
        .collect();
    let (mut keys, mut last_at) = (BTreeMap::new(), head.started_at);
    while lines.read_until(b'\n', &mut line)? > 0 {
        // The last line of a run that was killed may be cut off.
        let told_in = serde_json::from_slice::<Moment>(&line);
        line.clear();
        let Ok(moment) = told_in else { continue };
        last_at = last_at.max(moment.at);
        if let Some((stage, key)) = key(&moment.what) {
            keys.insert(stage.clone(), key.clone());
        }
        match told(moment) {
            Told::Stage(stage, mut status) => {
                if let (StageStatus::Ran { place: kept, .. }, Some(StageStatus::Running { place, .. })) =
                    (&mut status, stages.get_mut(&stage))
                {
                    *kept = place.take();
                }
                stages.insert(stage, status);
            }
            Told::Run(end) => state = end,
            Told::Place(stage, now) => {
                if let Some(StageStatus::Running { place, .. }) = stages.get_mut(&stage) {
                    *place = Some(now);
                }
            }
            Told::Nothing => {}
        }
    }
    if !matches!(state, RunState::Finished { .. }) {
        for (stage, latest) in progress_file::read(folder) {
            if let Some(StageStatus::Running { reached, .. }) = stages.get_mut(&stage) {
                last_at = last_at.max(latest.at);
                *reached = Some(latest);
            }
        }
    }
    Ok(RunStatus {
        head,
        state,
        stages,
        keys,
        last_at,
        read_at: now(),
    })
}

fn key(event: &Event) -> Option<(&String, &String)> {
    match event {
        Event::StageCached { stage, key }
        | Event::StageWaiting { stage, key }
        | Event::StageStarted { stage, key, .. }
        | Event::StageFinished { stage, key, .. } => Some((stage, key)),
        _ => None,
    }
}

enum Told {
    Stage(String, StageStatus),
    Run(RunState),
    Place(String, Place),
    Nothing,
}

fn told(moment: Moment) -> Told {
    let (stage, status) = match moment.what {
        Event::StageCached { stage, .. } => (stage, StageStatus::Cached),
        Event::StageWaiting { stage, .. } => (stage, StageStatus::Waiting),
        Event::StageStarted { stage, .. } => {
            let (since, reached, place) = (moment.at, None, None);
            (stage, StageStatus::Running { since, reached, place })
        }
        Event::StageFinished { stage, seconds, .. } => (stage, StageStatus::Ran { seconds, place: None }),
        Event::StageFailed {
            stage, message, log, ..
        } => (stage, StageStatus::Failed { message, log }),
        Event::StagePruned { stage, guard } => (stage, StageStatus::Pruned { guard }),
        Event::StageSkipped { stage, because } => (stage, StageStatus::Skipped { because }),
        Event::RunFinished { counts, seconds } => return Told::Run(RunState::Finished { counts, seconds }),
        Event::StagePlaced { stage, place } => return Told::Place(stage, place),
        Event::RunStarted { .. }
        | Event::StageFetched { .. }
        | Event::RemoteWarned { .. }
        | Event::RemoteSending { .. }
        | Event::StageProgress { .. }
        | Event::StageLog { .. }
        | Event::StageRetried { .. } => return Told::Nothing,
    };
    Told::Stage(stage, status)
}

#[cfg(test)]
mod tests {
    use super::super::journal::Journal;
    use super::*;
    use crate::stage::Progress;

    fn begun(runs: &Path) -> Journal {
        let stages = ["parse", "train"].map(str::to_owned);
        Journal::begin(runs, &["v1".to_owned()], stages.to_vec(), 5).unwrap()
    }

    fn running(since: u64, reached: Option<Reached>) -> StageStatus {
        let place = None;
        StageStatus::Running { since, reached, place }
    }

    fn started(stage: &str) -> Moment {
        let text = || "k".to_owned();
        let stage = stage.to_owned();
        Moment {
            at: 7,
            what: Event::StageStarted {
                stage,
                kind: text(),
                key: text(),
                reason: text(),
            },
        }
    }

    #[test]
    fn a_run_that_tells_its_end_is_finished_and_one_whose_process_lives_is_running() {
        let runs = tempfile::tempdir().unwrap();
        let mut journal = begun(runs.path());
        journal.write(&started("train")).unwrap();
        let status = latest(runs.path()).unwrap().next().unwrap();
        assert_eq!(status.state, RunState::Running);
        assert_eq!(status.stages["parse"], StageStatus::Planned);
        assert_eq!(status.stages["train"], running(7, None));
        let progress = Progress {
            done: 3,
            ..Progress::default()
        };
        let (stage, told) = ("train".to_owned(), progress.clone());
        let what = Event::StageProgress { stage, progress: told };
        journal.write(&Moment { at: 9000, what }).unwrap();
        let status = latest(runs.path()).unwrap().next().unwrap();
        assert_eq!(status.stages["train"], running(7, Some(Reached { at: 9000, progress })));
        assert_eq!((status.last_at, status.keys["train"].as_str()), (9000, "k"));
        let end = Event::RunFinished {
            counts: Counts::default(),
            seconds: 1.0,
        };
        journal.write(&Moment { at: 8, what: end }).unwrap();
        let status = latest(runs.path()).unwrap().next().unwrap();
        assert!(matches!(status.state, RunState::Finished { .. }));
    }

    #[test]
    fn a_run_whose_process_is_gone_died_and_its_cut_line_does_no_harm() {
        let runs = tempfile::tempdir().unwrap();
        let mut journal = begun(runs.path());
        journal.write(&started("train")).unwrap();
        let folder = runs.path().join(journal.id());
        let mut text = fs_err::read_to_string(folder.join(EVENTS)).unwrap();
        text.push_str(r#"{"at":9,"what":{"event":"stage-fin"#);
        fs_err::write(folder.join(EVENTS), text).unwrap();
        let head = fs_err::read_to_string(folder.join(HEAD)).unwrap();
        let mut head: RunHead = serde_json::from_str(&head).unwrap();
        head.process.as_mut().unwrap().start += 1;
        fs_err::write(folder.join(HEAD), serde_json::to_vec(&head).unwrap()).unwrap();
        let status = read(&folder).unwrap();
        assert_eq!(status.state, RunState::Died);
        assert_eq!(status.stages["train"], running(7, None));
        assert_eq!(status.counts(), Counts::default());
    }

    #[test]
    fn counts_and_time_of_a_run_that_died_are_those_up_to_its_last_word() {
        let runs = tempfile::tempdir().unwrap();
        let mut journal = begun(runs.path());
        let (stage, key) = ("parse".to_owned(), "k".to_owned());
        let what = Event::StageCached { stage, key };
        journal.write(&Moment { at: 2005, what }).unwrap();
        let mut status = latest(runs.path()).unwrap().next().unwrap();
        status.state = RunState::Died;
        assert_eq!((status.counts().cached, status.seconds()), (1, 2.0));
        let because = "interrupted".to_owned();
        status
            .stages
            .insert("train".to_owned(), StageStatus::Skipped { because });
        assert!(!status.was_interrupted());
        let (counts, seconds) = (status.counts(), 1.0);
        status.state = RunState::Finished { counts, seconds };
        assert!(status.was_interrupted());
    }

    #[test]
    fn a_folder_without_runs_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(latest(&folder.path().join("runs")).unwrap().next(), None);
    }

    proptest::proptest! {
        #[test]
        fn a_journal_of_any_bytes_is_read_without_a_panic(bytes in proptest::collection::vec(0_u8..=255, 0..400), cut in 0_usize..200) {
            let runs = tempfile::tempdir().unwrap();
            let mut journal = begun(runs.path());
            journal.write(&started("parse")).unwrap();
            let folder = runs.path().join(journal.id());
            let path = folder.join(super::super::journal::EVENTS);
            let mut text = fs_err::read(&path).unwrap();
            text.truncate(cut.max(1));
            text.extend(&bytes);
            fs_err::write(&path, text).unwrap();
            // What is no event tells nothing; the stages of the plan are all there.
            let told = read(&folder).map(|status| status.stages.len());
            proptest::prop_assert!(told.is_err() || told.is_ok_and(|count| count == 2));
        }
    }
}
