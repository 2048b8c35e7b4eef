//! When the stages that a run made were made, from its journal.

use std::collections::BTreeMap;
use std::path::Path;

use super::journal::{EVENTS, HEAD, RunHead};
use super::{Event, Moment};

/// From when to when a stage was made, in seconds from the beginning of its run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its beginning.
    pub start: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The spans of a run by stage key; those of stages that came to no good end are left out.
///
/// # Errors
/// When the run's journal is not there or cannot be read.
pub fn spans(runs: &Path, run: &str) -> std::io::Result<BTreeMap<String, Span>> {
    let folder = runs.join(run);
    let head: RunHead = serde_json::from_slice(&fs_err::read(folder.join(HEAD))?)?;
    let text = fs_err::read(folder.join(EVENTS))?;
    let since = |at: u64| at.saturating_sub(head.started_at) as f64 / 1000.0;
    let (mut begun, mut found) = (BTreeMap::new(), BTreeMap::new());
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(moment) = serde_json::from_slice::<Moment>(line) else {
            continue;
        };
        match moment.what {
            Event::StageStarted { key, .. } => drop(begun.insert(key, moment.at)),
            Event::StageFinished { key, seconds, .. } => {
                // The journal's times include waiting for the store; what is told of the stage is its own time.
                let start = begun.get(&key).map_or(since(moment.at) - seconds, |at| since(*at));
                found.insert(key, Span { start, seconds });
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::journal::Journal;
    use super::*;

    #[test]
    fn a_stage_that_was_made_has_its_time_from_the_beginning_of_the_run() {
        let runs = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(runs.path(), &[], Vec::new(), 5000).unwrap();
        let (stage, kind, key, reason) = ("a".to_owned(), String::new(), "k".to_owned(), String::new());
        let what = Event::StageStarted {
            stage: stage.clone(),
            kind,
            key: key.clone(),
            reason,
        };
        journal.write(&Moment { at: 6500, what }).unwrap();
        let what = Event::StageFinished {
            stage,
            key,
            seconds: 2.0,
            metrics: BTreeMap::new(),
            notes: Vec::new(),
            outputs: BTreeMap::new(),
        };
        journal.write(&Moment { at: 8700, what }).unwrap();
        let found = spans(runs.path(), journal.id()).unwrap();
        let expected = Span {
            start: 1.5,
            seconds: 2.0,
        };
        assert_eq!(found, BTreeMap::from([("k".to_owned(), expected)]));
        assert!(spans(runs.path(), "no-such-run").is_err());
    }
}
