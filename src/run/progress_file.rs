//! How far the running stages are, for whoever looks at the run from another process: `runs/<id>/progress.json`.
//!
//! One small file, written anew at most every two seconds. It may be a little behind, and losing it costs nothing; so its
//! errors are not told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Event, Moment};
use crate::stage::Progress;

/// Milliseconds between two writings.
const EVERY: u64 = 2000;

/// How far a stage was, and when it said so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// Milliseconds since 1970 (UTC).
    pub at: u64,
    /// How far.
    pub progress: Progress,
}

/// The file of a run that is going on.
#[derive(Debug)]
pub(crate) struct ProgressFile {
    path: PathBuf,
    latest: BTreeMap<String, Reached>,
    written_at: u64,
}

impl ProgressFile {
    /// The file in a run's folder. It is made with the first progress.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            path: path(folder),
            latest: BTreeMap::new(),
            written_at: 0,
        }
    }

    /// Takes note of an event.
    pub(crate) fn hear(&mut self, moment: &Moment) {
        match &moment.what {
            Event::StageProgress { stage, progress } => {
                let (at, progress) = (moment.at, progress.clone());
                self.latest.insert(stage.clone(), Reached { at, progress });
                if moment.at.saturating_sub(self.written_at) >= EVERY {
                    self.written_at = moment.at;
                    self.write();
                }
            }
            Event::StageFinished { stage, .. }
            | Event::StageFailed { stage, .. }
            | Event::StageSkipped { stage, .. } => {
                self.latest.remove(stage);
            }
            _ => {}
        }
    }

    fn write(&self) {
        let written = self.path.with_extension("new");
        let text = serde_json::to_vec(&self.latest).unwrap_or_default();
        let _ = fs_err::write(&written, text).and_then(|()| fs_err::rename(&written, &self.path));
    }
}

/// How far the stages of a run were when it last said so.
pub(crate) fn read(folder: &Path) -> BTreeMap<String, Reached> {
    let text = fs_err::read(path(folder)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn path(folder: &Path) -> PathBuf {
    folder.join("progress.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(at: u64, stage: &str, done: u64) -> Moment {
        let progress = Progress {
            done,
            ..Progress::default()
        };
        let stage = stage.to_owned();
        Moment {
            at,
            what: Event::StageProgress { stage, progress },
        }
    }

    #[test]
    fn the_first_progress_is_written_at_once_and_then_at_most_every_two_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = ProgressFile::new(folder.path());
        let mut done = |at: u64, stage: &str, done: u64| {
            file.hear(&progress(at, stage, done));
            read(folder.path())
                .into_iter()
                .map(|(stage, reached)| (stage, reached.progress.done))
                .collect::<Vec<_>>()
        };
        let of = |stage: &str, done: u64| (stage.to_owned(), done);
        assert_eq!(done(10_000, "a", 1), [of("a", 1)]);
        assert_eq!(done(11_000, "a", 2), [of("a", 1)]);
        assert_eq!(done(11_500, "b", 7), [of("a", 1)]);
        assert_eq!(done(12_000, "a", 3), [of("a", 3), of("b", 7)]);
    }

    #[test]
    fn a_stage_that_has_ended_is_not_told_of_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = ProgressFile::new(folder.path());
        file.hear(&progress(10_000, "a", 1));
        let (stage, because) = ("a".to_owned(), "interrupted".to_owned());
        let what = Event::StageSkipped { stage, because };
        file.hear(&Moment { at: 11_000, what });
        file.hear(&progress(13_000, "b", 1));
        assert_eq!(read(folder.path()).into_keys().collect::<Vec<_>>(), ["b"]);
    }
}
