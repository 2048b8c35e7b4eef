//! The log of one job: a file that is made with its first line, and the last lines at hand for the error message.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fs_err::File;

use crate::stage::StageError;

/// How many lines an error message shows.
const TAIL: usize = 12;

/// The name of a stage's log in the folder of its run's logs.
pub(crate) fn file_name(stage: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name: String = stage
        .chars()
        .map(|letter| if plain(letter) { letter } else { '+' })
        .collect();
    format!("{name}.log")
}

/// Where a job's lines go.
#[derive(Debug)]
pub(crate) struct JobLog {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    tail: VecDeque<String>,
}

impl JobLog {
    /// A log in the folder of a run, named after the stage.
    pub(crate) fn new(folder: &Path, stage: &str) -> Self {
        Self {
            path: folder.join(file_name(stage)),
            state: Mutex::default(),
        }
    }

    /// Adds a line. A log that cannot be written must not end the job: its last lines are still told.
    pub(crate) fn add(&self, line: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.file.is_none() {
            let folder = self.path.parent().map_or(Ok(()), fs_err::create_dir_all);
            state.file = folder.and_then(|()| File::create(&self.path)).ok();
        }
        if let Some(file) = &mut state.file {
            let _ = writeln!(file, "{line}");
        }
        if state.tail.len() == TAIL {
            state.tail.pop_front();
        }
        state.tail.push_back(line.to_owned());
    }

    /// The file, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.file.is_some().then_some(self.path.as_path())
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tail.iter().cloned().collect()
    }

    /// Adds the last lines to what an error says.
    pub(crate) fn explain(&self, error: StageError) -> StageError {
        match self.tail().as_slice() {
            [] => error,
            tail => error.hint(format!("the log ends with:\n{}", tail.join("\n"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_with_the_first_line_and_stays_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let log = JobLog::new(folder.path(), "v1/../round-3.merge");
        assert_eq!(log.file(), None);
        for number in 0..20 {
            log.add(&number.to_string());
        }
        assert_eq!(log.file().unwrap(), folder.path().join("v1+..+round-3.merge.log"));
        assert_eq!(fs_err::read_to_string(log.file().unwrap()).unwrap().lines().count(), 20);
        assert_eq!(log.tail().first().unwrap(), "8");
    }
}
