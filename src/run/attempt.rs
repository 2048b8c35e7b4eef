//! An attempt at a job by another process, perhaps on another machine: a folder by which both sides speak.
//!
//! ```text
//! scratch/<key>/attempts/<name>/job.json       what is to be done: the job, with outputs in the attempt's own folder
//! scratch/<key>/attempts/<name>/claim          who does it
//! scratch/<key>/attempts/<name>/out/           outputs
//! scratch/<key>/attempts/<name>/report.jsonl   what it says meanwhile: a message of the provider protocol a line
//! scratch/<key>/attempts/<name>/outcome.json   how it ended; written last, aside and renamed
//! scratch/<key>/keep/                          checkpoints, shared by all attempts
//! ```
//!
//! An attempt that was given up, but goes on where nobody can reach it, writes into its own folder only.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::durable;
use super::submission::Submission;
use super::worker::parse;
use crate::stage::protocol::Message;
use crate::stage::{Job, Outcome, Reporter, StageError};

/// How an attempt ended, by its own word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub end: AttemptEnd,
    /// The machine that did it.
    pub node: String,
    /// What Slurm called the job that did it, if it was one.
    #[serde(default)]
    pub job: Option<String>,
    /// When it began: milliseconds since 1970 (UTC).
    pub began_at: u64,
    /// When it ended: milliseconds since 1970 (UTC).
    pub ended_at: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptEnd {
    /// The outputs are written.
    Done(Outcome),
    /// It failed.
    Failed(StageError),
    /// Its process was killed by somebody else, who may know why.
    Killed(StageError),
}

/// The folder of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    folder: PathBuf,
}

impl Attempt {
    const PLACE: &'static str = "attempts";
    const JOB: &'static str = "job.json";
    const REPORT: &'static str = "report.jsonl";
    const OUTCOME: &'static str = "outcome.json";
    const CLAIM: &'static str = "claim";

    /// An attempt that is there.
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The attempt of this name in a job's folder.
    pub(crate) fn of(job: &Path, name: &str) -> Self {
        Self::at(&job.join(Self::PLACE).join(name))
    }

    /// Makes ready a new attempt at a job. Earlier ones are cleared away.
    pub(crate) fn prepare(job: &Job, name: &str) -> std::io::Result<Self> {
        let place = job.folder.join(Self::PLACE);
        if place.exists() {
            // What is left of an attempt that nobody reaches may come back: it is not ours then.
            let _ = fs_err::remove_dir_all(&place);
        }
        let attempt = Self::of(&job.folder, name);
        let own = Job {
            folder: attempt.folder.clone(),
            outputs: job
                .outputs
                .keys()
                .map(|name| (name.clone(), attempt.out().join(name)))
                .collect(),
            ..job.clone()
        };
        fs_err::create_dir_all(attempt.out())?;
        durable::write(&attempt.folder.join(Self::JOB), &own)?;
        Ok(attempt)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The attempt's name.
    pub(crate) fn name(&self) -> &str {
        let name = self.folder.file_name().and_then(|name| name.to_str());
        name.unwrap_or_default()
    }

    /// Where its outputs go.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// What is to be done.
    pub(crate) fn job(&self) -> Result<Job, StageError> {
        let path = self.folder.join(Self::JOB);
        let text = fs_err::read(&path)?;
        let wrong = |error| StageError::new(format!("`{}` is no job: {error}", path.display()));
        serde_json::from_slice(&text).map_err(wrong)
    }

    /// Whether another attempt at the same job counts now.
    pub(crate) fn is_given_up(&self) -> bool {
        let Some(job) = self.folder.parent().and_then(Path::parent) else {
            return false;
        };
        let is_attempt = self.folder.parent().is_some_and(|place| place.ends_with(Self::PLACE));
        is_attempt && Submission::left_in(job).is_none_or(|counts| counts.attempt != self.name())
    }

    /// Takes the attempt for the job of this name, unless another has it: `sbatch` may have taken it twice when nothing was heard of
    /// the first time.
    pub(crate) fn claim(&self, owner: &str) -> std::io::Result<bool> {
        let path = self.folder.join(Self::CLAIM);
        let mut options = fs_err::OpenOptions::new();
        match options.write(true).create_new(true).open(&path) {
            Ok(mut file) => std::io::Write::write_all(&mut file, owner.as_bytes()).map(|()| true),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Ok(fs_err::read_to_string(&path)?.trim() == owner)
            }
            Err(error) => Err(error),
        }
    }

    /// The file to report to.
    pub(crate) fn report(&self) -> std::io::Result<fs_err::File> {
        let mut options = fs_err::OpenOptions::new();
        options.create(true).append(true).open(self.folder.join(Self::REPORT))
    }

    /// Says how it ended.
    pub(crate) fn end(&self, ended: &Ended) -> std::io::Result<()> {
        durable::write(&self.folder.join(Self::OUTCOME), ended)
    }

    /// How it ended, if it has said so.
    pub(crate) fn ended(&self) -> Option<Ended> {
        durable::read(&self.folder.join(Self::OUTCOME))
    }

    /// Whether its program has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.folder.join(Self::REPORT).exists()
    }

    /// Gives the outputs of an attempt that counts their places in the job.
    pub(crate) fn hand_over(&self, job: &Job) -> std::io::Result<()> {
        for (name, path) in &job.outputs {
            let made = self.out().join(name);
            // What was not written is told by whoever checks what a kind must write.
            if made.exists() {
                fs_err::rename(made, path)?;
            }
        }
        Ok(())
    }

    /// What it reports, from the beginning.
    pub(crate) fn follow(&self) -> Followed {
        Followed {
            path: self.folder.join(Self::REPORT),
            read: 0,
            rest: Vec::new(),
        }
    }
}

/// A report while it grows.
#[derive(Debug)]
pub(crate) struct Followed {
    path: PathBuf,
    read: u64,
    rest: Vec<u8>,
}

impl Followed {
    /// Passes on what is new. What cannot be read now can be read later.
    pub(crate) fn tell(&mut self, reporter: &dyn Reporter) {
        let Ok(mut file) = fs_err::File::open(&self.path) else {
            return;
        };
        if file.seek(SeekFrom::Start(self.read)).is_err() {
            return;
        }
        self.read += file.read_to_end(&mut self.rest).unwrap_or(0) as u64;
        let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') else {
            return;
        };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        for line in whole[..end].split(|&byte| byte == b'\n') {
            match parse(&String::from_utf8_lossy(line)) {
                Ok(Some(Message::Progress(progress))) => reporter.progress(progress),
                Ok(Some(Message::Log { line })) => reporter.log(&line),
                _ => {}
            }
        }
    }
}
