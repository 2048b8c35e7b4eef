//! What can go wrong with a store: always with the path.

use std::io;
use std::path::{Path, PathBuf};

use super::Digest;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{}", refusal(action, path, source))]
    Io {
        /// What was tried, as in "could not ..".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The disk or the user's share of it is full.
    #[error("no space left on the disk of `{}` (the store holds {})", path.display(), size(*held))]
    NoSpace {
        /// What was being written.
        path: PathBuf,
        /// Bytes in the store.
        held: u64,
    },
    /// The store was made by a later version of the program.
    #[error("the store `{}` has format {found}, this program knows up to {known}", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format this program knows.
        known: u64,
    },
    /// There is something else where the store should be.
    #[error("`{}` is not a store: {why}", path.display())]
    NotAStore {
        /// What is there.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Something other than an archive was to be imported.
    #[error("`{}` is no archive: {why}", path.display())]
    NotAnArchive {
        /// What was given.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file or folder outside the store is not there.
    #[error("no file or folder `{}`", path.display())]
    Absent {
        /// What was asked for.
        path: PathBuf,
    },
    /// Something that cannot be stored: a device, a link that leads out, a name that is not text.
    #[error("cannot store `{}`: {why}", path.display())]
    Unfit {
        /// What it is.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A file went on changing while it was being read.
    #[error("`{}` changed while it was being read", path.display())]
    Changing {
        /// The file.
        path: PathBuf,
    },
    /// An object is not there or is not what its name says.
    #[error("the stored object {} is {}: `{}`", digest.short(), if *damaged { "damaged" } else { "missing" }, path.display())]
    Object {
        /// Where it should be.
        path: PathBuf,
        /// Its digest.
        digest: Digest,
        /// Whether there is something of that name.
        damaged: bool,
    },
    /// Somebody uses the store all the time, so that nothing can be removed.
    #[error("nothing was removed: the store `{}` was in use all the while", path.display())]
    Busy {
        /// The store.
        path: PathBuf,
    },
    /// A record was to be written that does not belong to the lock held, or whose outputs are not stored.
    #[error("cannot record the stage `{stage}`: {why}")]
    Record {
        /// The stage's name.
        stage: String,
        /// What does not fit.
        why: String,
    },
}

impl StoreError {
    /// An answer of the system about a path.
    pub(super) fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// Whether the disk is full, as far as the system's answer says.
    pub(super) fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// The path it is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Io { path, .. }
            | Self::NoSpace { path, .. }
            | Self::Newer { path, .. }
            | Self::NotAStore { path, .. }
            | Self::NotAnArchive { path, .. }
            | Self::Absent { path }
            | Self::Unfit { path, .. }
            | Self::Changing { path }
            | Self::Busy { path }
            | Self::Object { path, .. } => Some(path),
            Self::Record { .. } => None,
        }
    }

    /// What to try.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoSpace { .. } => "free some space, or put the store on another disk with `--store`",
            Self::Newer { .. } => "use the newer program, or another store with `--store`",
            Self::NotAStore { .. } => "choose another place with `--store`",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "check who owns it, or use another store with `--store`"
            }
            Self::Changing { .. } => "let the program that writes it finish, then run again",
            Self::NotAnArchive { .. } => "`asm-pipe cache export FOLDER` makes one",
            Self::Busy { .. } => "try again when what stores or copies much has ended",
            Self::Object { .. } => "run again: what is missing is made again",
            Self::Io { .. } | Self::Absent { .. } | Self::Unfit { .. } | Self::Record { .. } => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

/// `fs_err` says by itself what was done to which path; that is not said twice.
fn refusal(action: &str, path: &Path, source: &io::Error) -> String {
    let path = path.display().to_string();
    let answer = source.to_string();
    if answer.contains(&path) {
        return answer;
    }
    format!("could not {action} `{path}`: {answer}")
}

/// A size for people.
fn size(bytes: u64) -> String {
    let gib = bytes as f64 / f64::from(1 << 30);
    if gib >= 1.0 {
        format!("{gib:.1} GiB")
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_told_once() {
        let error = fs_err::read("/no/such/file").unwrap_err();
        let text = StoreError::io("read", Path::new("/no/such/file"), error).to_string();
        assert_eq!(text.matches("/no/such/file").count(), 1, "{text}");
        assert!(text.contains("No such file"), "{text}");
        let text = StoreError::io("lock", Path::new("/x"), rustix::io::Errno::ACCESS).to_string();
        assert_eq!(text, "could not lock `/x`: Permission denied (os error 13)");
    }

    #[test]
    fn a_full_disk_is_told_with_what_the_store_holds() {
        let error = StoreError::io("write", Path::new("/s/tmp/x"), rustix::io::Errno::NOSPC);
        assert!(error.is_no_space());
        let told = StoreError::NoSpace {
            path: "/s/tmp/x".into(),
            held: 7 << 29,
        };
        assert_eq!(
            told.to_string(),
            "no space left on the disk of `/s/tmp/x` (the store holds 3.5 GiB)"
        );
        assert!(!told.hints().is_empty());
    }
}
