//! Which keys each run relies on, by its journal: what the collector goes by.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::journal::{EVENTS, HEAD, RunHead};
use super::{Event, Moment};
use crate::store::Digest;

/// A folder without a head is that of a run which is just beginning, unless it is older than this.
const BEGINNING: Duration = Duration::from_secs(60 * 60);

/// What a run used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its id, which is its folder's name.
    pub id: String,
    /// Whether it still goes on.
    pub lives: bool,
    /// Every key that its journal names: cached, made, waited for, or begun.
    pub keys: BTreeSet<Digest>,
    /// The stages that it has not come to the end of, without their pipelines' names. Empty when it does not live.
    pub ahead: BTreeSet<String>,
}

/// The usage of each run in a folder of runs, the latest first.
///
/// # Errors
/// When the folder is there but cannot be read.
pub fn usages(runs: &Path) -> std::io::Result<Vec<Usage>> {
    let entries = match fs_err::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut usages = Vec::new();
    for entry in entries {
        usages.extend(usage(&entry?.path()));
    }
    usages.sort_unstable_by(|a, b| b.id.cmp(&a.id));
    Ok(usages)
}

/// None for what is no run.
fn usage(folder: &Path) -> Option<Usage> {
    let id = folder.file_name()?.to_str()?.to_owned();
    let head = fs_err::read(folder.join(HEAD)).ok();
    let head = head.and_then(|text| serde_json::from_slice::<RunHead>(&text).ok());
    let Some(head) = head else {
        let lives = is_young(folder);
        return lives.then(|| Usage {
            id,
            lives,
            ..Usage::default()
        });
    };
    // First whether it lives, then what it has written: what it writes in between belongs to a run that lives.
    let lives = head
        .process
        .as_ref()
        .is_some_and(super::process_mark::ProcessMark::is_alive)
        || is_held(folder);
    let mut usage = Usage {
        id,
        lives,
        keys: BTreeSet::new(),
        ahead: head.stages.iter().map(|name| own_name(name)).collect(),
    };
    let text = fs_err::read(folder.join(EVENTS)).unwrap_or_default();
    // The last line of a run that was killed may be cut off.
    let moments = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Moment>(line).ok());
    for moment in moments {
        usage.hear(&moment.what);
    }
    if !lives {
        usage.ahead.clear();
    }
    Some(usage)
}

impl Usage {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::StageCached { stage, key } | Event::StageFinished { stage, key, .. } => {
                self.keys.extend(key.parse::<Digest>());
                self.ahead.remove(&own_name(stage));
            }
            Event::StageStarted { key, .. } | Event::StageWaiting { key, .. } => {
                self.keys.extend(key.parse::<Digest>());
            }
            Event::StageFailed { stage, .. } | Event::StagePruned { stage, .. } | Event::StageSkipped { stage, .. } => {
                self.ahead.remove(&own_name(stage));
            }
            Event::RunStarted { .. }
            | Event::StageFetched { .. }
            | Event::RemoteWarned { .. }
            | Event::RemoteSending { .. }
            | Event::StageProgress { .. }
            | Event::StageLog { .. }
            | Event::StagePlaced { .. }
            | Event::StageRetried { .. }
            | Event::RunFinished { .. } => {}
        }
    }
}

fn own_name(stage: &str) -> String {
    stage.rsplit('/').next().unwrap_or(stage).to_owned()
}

/// Whether somebody holds the journal, wherever their process is.
fn is_held(folder: &Path) -> bool {
    let file = std::fs::File::open(folder.join(EVENTS));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}

fn is_young(folder: &Path) -> bool {
    let made = std::fs::symlink_metadata(folder).and_then(|data| data.modified());
    made.is_ok_and(|made| SystemTime::now().duration_since(made).is_ok_and(|age| age < BEGINNING))
}

#[cfg(test)]
mod tests {
    use super::super::journal::Journal;
    use super::*;

    fn begun(runs: &Path) -> Journal {
        let stages = ["v1/parse", "v1/train"].map(str::to_owned);
        Journal::begin(runs, &["v1".to_owned()], stages.to_vec(), 5).unwrap()
    }

    fn cached(stage: &str, key: Digest) -> Moment {
        let what = Event::StageCached {
            stage: stage.to_owned(),
            key: key.to_string(),
        };
        Moment { at: 1, what }
    }

    /// Writes another process into a run's head: one that is gone, or on another machine.
    fn disown(folder: &Path) {
        let mut head: RunHead = serde_json::from_slice(&fs_err::read(folder.join(HEAD)).unwrap()).unwrap();
        head.process.as_mut().unwrap().start += 1;
        fs_err::write(folder.join(HEAD), serde_json::to_vec(&head).unwrap()).unwrap();
    }

    #[test]
    fn a_living_run_needs_what_it_names_and_the_stages_that_it_has_not_come_to() {
        let runs = tempfile::tempdir().unwrap();
        let key = Digest::of_bytes(b"key");
        let mut journal = begun(runs.path());
        journal.write(&cached("v1/parse", key)).unwrap();
        let usage = usages(runs.path()).unwrap().remove(0);
        assert!(usage.lives);
        assert_eq!(usage.keys, BTreeSet::from([key]));
        assert_eq!(usage.ahead, BTreeSet::from(["train".to_owned()]));
    }

    #[test]
    fn a_run_whose_process_cannot_be_seen_lives_as_long_as_it_holds_its_journal() {
        let runs = tempfile::tempdir().unwrap();
        let journal = begun(runs.path());
        disown(&runs.path().join(journal.id()));
        assert!(usages(runs.path()).unwrap()[0].lives);
        drop(journal);
        let usage = usages(runs.path()).unwrap().remove(0);
        assert!(!usage.lives && usage.ahead.is_empty(), "{usage:?}");
    }

    #[test]
    fn a_run_that_is_just_beginning_lives_and_a_stray_file_is_no_run() {
        let runs = tempfile::tempdir().unwrap();
        fs_err::create_dir(runs.path().join("new")).unwrap();
        fs_err::create_dir(runs.path().join("old")).unwrap();
        let old = std::fs::File::open(runs.path().join("old")).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let found = usages(runs.path()).unwrap();
        assert_eq!(found.iter().map(|usage| usage.id.as_str()).collect::<Vec<_>>(), ["new"]);
        assert!(found[0].lives);
    }
}
