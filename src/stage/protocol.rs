//! What a provider prints: one JSON object a line on stdout.
//!
//! `PROVIDER describe` prints one [`Description`]. `PROVIDER work` reads the path of a job folder from each line of
//! stdin, does the job described by `job.json` in it, and prints [`Message`]s: any number of `progress` and `log`, then
//! one `done` or `failed`. It ends when stdin closes. Its stderr goes to the job's log. `PROVIDER about` prints an [`About`], if its
//! description says that it does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{KindInfo, Outcome, Progress, StageError};

/// Version of the protocol and of `job.json`.
pub const FORMAT: u32 = 1;

/// What `PROVIDER describe` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// [`FORMAT`].
    pub format: u32,
    /// The kinds it serves.
    pub kinds: Vec<KindInfo>,
    /// Environment variables to start its workers with, save those that the user has set: what libraries read when they are
    /// loaded, too late for the program itself to set.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Whether it answers `about`.
    #[serde(default)]
    pub about: bool,
}

/// What `PROVIDER about` prints: what helps to find out why it does not work here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its version.
    pub version: String,
    /// What it has found, by name: libraries, devices.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// What is probably not as the user wants it.
    #[serde(default)]
    pub concerns: Vec<Concern>,
}

/// Something that is probably not as the user wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concern {
    /// What.
    pub said: String,
    /// What to do about it.
    pub hint: String,
}

/// What a worker says about its job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Message {
    /// How far it is.
    Progress(Progress),
    /// A line for the log.
    Log {
        /// The line.
        line: String,
    },
    /// The outputs are written.
    Done(Outcome),
    /// The job failed; the worker goes on.
    Failed(StageError),
}
