//! Which attempt at a job counts, when others than this process do it: `scratch/<key>/submission.json`.
//!
//! Written before the attempt is handed over, so that whoever finds the key unlocked knows that there may be one, by which name to
//! look for it, and where its result will be. An attempt that finds another one named here has been given up, and ends itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::durable;

/// An attempt that was handed over, or was about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// The attempt: the name of its folder.
    pub(crate) attempt: String,
    /// The name that whoever does it knows it by.
    pub(crate) name: String,
    /// Which one of that name it is.
    pub(crate) index: u32,
    /// The number that it got, once that is known.
    pub(crate) job: Option<u64>,
    /// When: milliseconds since 1970 (UTC).
    pub(crate) at: u64,
    /// What it was given, in MiB, if that was said.
    pub(crate) memory_mib: Option<u64>,
}

impl Submission {
    const FILE: &'static str = "submission.json";
    const ABANDONED: &'static str = "abandoned.json";

    /// What whoever does it calls it, or the name to look for it by.
    pub(crate) fn id(&self) -> String {
        match self.job {
            Some(job) => format!("{job}_{}", self.index),
            None => format!("{}_{}", self.name, self.index),
        }
    }

    /// Leaves it in a job's folder.
    pub(crate) fn leave(&self, folder: &Path) -> std::io::Result<()> {
        durable::write(&folder.join(Self::FILE), self)
    }

    /// The one in a job's folder, if there is one.
    pub(crate) fn left_in(folder: &Path) -> Option<Self> {
        durable::read(&folder.join(Self::FILE))
    }

    /// Takes it away: its attempt does not count any more.
    pub(crate) fn remove(folder: &Path) {
        // If it stays behind, its attempt is found to have ended.
        let _ = fs_err::remove_file(folder.join(Self::FILE));
    }

    /// Gives up the attempt of a job's folder. Who handed it over can still end it.
    pub(crate) fn abandon(folder: &Path) {
        let _ = fs_err::rename(folder.join(Self::FILE), folder.join(Self::ABANDONED));
    }

    /// The attempt that was given up, once.
    pub(crate) fn take_abandoned(folder: &Path) -> Option<Self> {
        let path = folder.join(Self::ABANDONED);
        let found = durable::read(&path)?;
        let _ = fs_err::remove_file(path);
        Some(found)
    }
}
