//! A job: one stage, its inputs at hand, a folder to write into.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One input of a job, ready to be read. It must not be written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// For a port that takes many: which one it is, such as the round's number. Otherwise empty.
    pub label: String,
    /// A file or a folder.
    pub path: PathBuf,
}

/// What a stage is asked to do. As `job.json` it is also what a provider's worker reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Version of this format: 1.
    pub format: u32,
    /// The stage kind.
    pub kind: String,
    /// Checked params, defaults filled in.
    pub params: Value,
    /// Inputs by port; a port that takes one has a list of one, an optional port without input is absent.
    pub inputs: BTreeMap<String, Vec<Input>>,
    /// Where each output is to be written: absolute paths in `folder` that do not exist yet.
    pub outputs: BTreeMap<String, PathBuf>,
    /// The job's own folder.
    pub folder: PathBuf,
    /// A folder that outlives a job which was cut off: checkpoints. Gone when the stage has succeeded.
    pub keep: PathBuf,
    /// Processor cores to use.
    pub cpus: u32,
    /// What the stage says it may take besides.
    #[serde(default, skip_serializing_if = "Needs::is_unsaid")]
    pub needs: Needs,
}

/// What a stage says that it may take, for whoever finds it a place. Nothing, where it does not say so itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Needs {
    /// Memory in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Graphics processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// Seconds after which it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
}

impl Needs {
    fn is_unsaid(&self) -> bool {
        *self == Self::default()
    }
}

impl Job {
    /// The params as a type.
    ///
    /// # Errors
    /// When they do not fit it: the kind's schema and the type disagree.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, StageError> {
        T::deserialize(&self.params)
            .map_err(|e| StageError::new(format!("params do not fit kind `{}`: {e}", self.kind)))
    }

    /// The path of a single input.
    ///
    /// # Errors
    /// When the job does not have it.
    pub fn input(&self, port: &str) -> Result<&Path, StageError> {
        self.optional_input(port)
            .ok_or_else(|| StageError::new(format!("kind `{}` needs the input `{port}`", self.kind)))
    }

    /// The path of a single input, if given.
    #[must_use]
    pub fn optional_input(&self, port: &str) -> Option<&Path> {
        self.inputs(port).first().map(|input| input.path.as_path())
    }

    /// All inputs of a port, in order.
    #[must_use]
    pub fn inputs(&self, port: &str) -> &[Input] {
        self.inputs.get(port).map_or(&[], Vec::as_slice)
    }

    /// Where an output goes.
    ///
    /// # Errors
    /// When the job has no such output.
    pub fn output(&self, name: &str) -> Result<&Path, StageError> {
        let path = self.outputs.get(name).map(PathBuf::as_path);
        path.ok_or_else(|| StageError::new(format!("the job has no output `{name}`")))
    }
}

/// What a finished job says besides its outputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Figures by name, such as `ap50`: for people; guards and tables read outputs instead.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Things a person should know, such as `3 images skipped`.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, when known.
    #[serde(default)]
    pub total: Option<u64>,
    /// What is counted: `epoch`, `image`.
    #[serde(default)]
    pub unit: String,
    /// Figures of the moment: `epoch`, `loss`, `images_per_second`.
    #[serde(default)]
    pub fields: BTreeMap<String, f64>,
}

/// Where a job stands that another machine does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What it is called there, such as `4711_3`.
    pub job: String,
    /// How it stands, in that system's words: `PENDING`, `RUNNING`.
    pub state: String,
    /// Why it waits, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The machine that does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Since when it is queued: milliseconds since 1970 (UTC).
    pub queued_at: u64,
    /// Since when it runs: milliseconds since 1970 (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_at: Option<u64>,
}

/// Where a job says how far it is.
pub trait Reporter: Send + Sync {
    /// Tells how far the job is.
    fn progress(&self, progress: Progress);
    /// Tells where the job stands, each time that this changes.
    fn placed(&self, _: Place) {}
    /// Adds a line to the job's log.
    fn log(&self, line: &str);
    /// Whether the job should stop: what it has done is not wanted any more.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A reporter that tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn progress(&self, _: Progress) {}
    fn log(&self, _: &str) {}
}

/// Why a job failed, in a sentence, with what the user can do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StageError {
    /// Lower case, no final period, with the file it is about.
    pub message: String,
    /// What to try.
    #[serde(default)]
    pub hints: Vec<String>,
}

impl StageError {
    /// An error without hints.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Adds something to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<std::io::Error> for StageError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}
