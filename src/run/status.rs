//! What runs there have been, and how far each is, read from their journals.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::event::Counts;
use super::journal::{EVENTS, HEAD, RunHead};
use super::{Event, Moment};

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunStatus {
    /// What is known from its beginning.
    pub head: RunHead,
    /// How far it is.
    pub state: RunState,
    /// How the stages stand, by name. Those that nothing was told of are [`StageStatus::Planned`].
    pub stages: BTreeMap<String, StageStatus>,
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
    },
    /// The store had it.
    Cached,
    /// It ran.
    Ran {
        /// How long it took.
        seconds: f64,
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

/// The runs in a folder of runs, the latest first, at most `count`. What is not a run is passed over.
///
/// # Errors
/// When the folder is there but cannot be read.
pub fn latest(runs: &Path, count: usize) -> std::io::Result<Vec<RunStatus>> {
    let entries = match fs_err::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name());
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    let read = names.into_iter().filter_map(|name| read(&runs.join(name)).ok());
    Ok(read.take(count).collect())
}

/// The status of one run, from its folder.
///
/// # Errors
/// When it cannot be read or is not a run's.
pub fn read(folder: &Path) -> std::io::Result<RunStatus> {
    let head: RunHead = serde_json::from_slice(&fs_err::read(folder.join(HEAD))?)?;
    let text = fs_err::read(folder.join(EVENTS))?;
    // The last line of a run that was killed may be cut off.
    let moments = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Moment>(line).ok());
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
    for moment in moments {
        match told(moment) {
            Told::Stage(stage, status) => drop(stages.insert(stage, status)),
            Told::Run(end) => state = end,
            Told::Nothing => {}
        }
    }
    Ok(RunStatus { head, state, stages })
}

enum Told {
    Stage(String, StageStatus),
    Run(RunState),
    Nothing,
}

fn told(moment: Moment) -> Told {
    let (stage, status) = match moment.what {
        Event::StageCached { stage, .. } => (stage, StageStatus::Cached),
        Event::StageWaiting { stage, .. } => (stage, StageStatus::Waiting),
        Event::StageStarted { stage, .. } => (stage, StageStatus::Running { since: moment.at }),
        Event::StageFinished { stage, seconds, .. } => (stage, StageStatus::Ran { seconds }),
        Event::StageFailed {
            stage, message, log, ..
        } => (stage, StageStatus::Failed { message, log }),
        Event::StagePruned { stage, guard } => (stage, StageStatus::Pruned { guard }),
        Event::StageSkipped { stage, because } => (stage, StageStatus::Skipped { because }),
        Event::RunFinished { counts, seconds } => return Told::Run(RunState::Finished { counts, seconds }),
        Event::RunStarted { .. } | Event::StageProgress { .. } | Event::StageLog { .. } => return Told::Nothing,
    };
    Told::Stage(stage, status)
}

#[cfg(test)]
mod tests {
    use super::super::journal::Journal;
    use super::*;
    use crate::plan::{Node, Plan};

    fn plan() -> Plan {
        let node = |name: &str| Node {
            name: name.to_owned(),
            ..Node::default()
        };
        Plan {
            pipelines: vec!["v1".to_owned()],
            nodes: vec![node("parse"), node("train")],
            ..Plan::default()
        }
    }

    fn started(stage: &str) -> Moment {
        let text = String::new;
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
        let mut journal = Journal::begin(runs.path(), &plan(), 5).unwrap();
        journal.write(&started("train")).unwrap();
        let status = latest(runs.path(), 9).unwrap().remove(0);
        assert_eq!(status.state, RunState::Running);
        assert_eq!(status.stages["parse"], StageStatus::Planned);
        assert_eq!(status.stages["train"], StageStatus::Running { since: 7 });
        let end = Event::RunFinished {
            counts: Counts::default(),
            seconds: 1.0,
        };
        journal.write(&Moment { at: 8, what: end }).unwrap();
        let status = latest(runs.path(), 9).unwrap().remove(0);
        assert!(matches!(status.state, RunState::Finished { .. }));
    }

    #[test]
    fn a_run_whose_process_is_gone_died_and_its_cut_line_does_no_harm() {
        let runs = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(runs.path(), &plan(), 5).unwrap();
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
        assert_eq!(status.stages["train"], StageStatus::Running { since: 7 });
    }

    #[test]
    fn a_folder_without_runs_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(latest(&folder.path().join("runs"), 9).unwrap(), []);
    }
}
