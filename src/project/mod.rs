//! What a team has fixed for all its runs: the file `asm-pipe.toml`, and where it is found.
//!
//! Knows what the file may say, not what comes of it. Who gives defaults to the command line is `cli`; the command line wins over
//! the environment, and the environment over the file.

mod read;
mod section;
mod settings;

use std::path::{Path, PathBuf};

pub use read::read;
pub use settings::{ExecutorName, Pilot, Remote, RemoteMode, Request, Slurm};

/// The file's name.
pub const FILE: &str = "asm-pipe.toml";

/// What a project file says. What it does not say is left to others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// Where the store is; absolute, or as seen from where the file's path is.
    pub store: Option<PathBuf>,
    /// Where results are written.
    pub results: Option<PathBuf>,
    /// Profiles to apply when the command line names none.
    pub profile: Vec<String>,
    /// Jobs at once.
    pub jobs: Option<u32>,
    /// Processor cores in use at once.
    pub cpus: Option<u32>,
    /// Memory in use at once, in MiB.
    pub memory_mib: Option<u64>,
    /// Graphics processors in use at once.
    pub gpus: Option<u32>,
    /// Who does the jobs that need a process of their own.
    pub executor: Option<ExecutorName>,
    /// How Slurm is asked.
    pub slurm: Slurm,
    /// The store that a team shares.
    pub remote: Option<Remote>,
}

/// The project file of a folder: in it, or in the nearest folder above.
#[must_use]
pub fn find(folder: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(folder).ok()?;
    let mut places = folder.ancestors().map(|folder| folder.join(FILE));
    places.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_above_is_the_project() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a/b");
        fs_err::create_dir_all(&deep).unwrap();
        assert_eq!(find(&deep), None);
        fs_err::write(place.path().join(FILE), "").unwrap();
        assert_eq!(find(&deep), Some(place.path().join(FILE)));
        fs_err::write(place.path().join("a").join(FILE), "").unwrap();
        assert_eq!(find(&deep), Some(place.path().join("a").join(FILE)));
        // A folder of that name is no file.
        fs_err::create_dir(deep.join(FILE)).unwrap();
        assert_eq!(find(&deep), Some(place.path().join("a").join(FILE)));
    }
}
