//! What a store's place is like, found out by trying: for people whose store does not work. Makes no store, and leaves nothing behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Access, access};

use super::layout::is_free;
use super::lock::{Hold, hold_file};
use super::materialise::{Way, copy_content};
use super::{Disk, Store, StoreError};

/// What a store's place is like.
#[derive(Debug)]
pub struct Examined {
    /// What is there.
    pub place: Place,
    /// The folder that was looked at: the store's, or the nearest above that is there.
    pub folder: PathBuf,
    /// The file system of that folder.
    pub disk: Disk,
    /// Folders of the store that this user may not write to.
    pub closed: Vec<PathBuf>,
    /// What was tried there, or why nothing could be written.
    pub trial: Result<Trial, String>,
}

/// What is where the store should be.
#[derive(Debug)]
pub enum Place {
    /// Nothing: the first run makes a store.
    Absent,
    /// A store.
    Store,
    /// Something else, or a store that cannot be used.
    Wrong(StoreError),
}

/// What files do there.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Whether locks keep others out.
    pub locks: Locks,
    /// Whether a file can have a second name; why not.
    pub links: Result<(), String>,
    /// Whether copies share their blocks.
    pub shares_blocks: bool,
    /// By how many seconds the file system's clock is before this machine's; negative if it is behind.
    pub ahead: f64,
}

/// What locks do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locks {
    /// Who has one keeps others out, and lets them in when it is given back.
    Work,
    /// Two have the same one at once.
    Shared,
    /// There are none; why.
    Refused(String),
}

/// Looks at the place of a store.
#[must_use]
pub fn examine(root: &Path) -> Examined {
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let place = match Store::open_existing(&root) {
        Ok(Some(_)) => Place::Store,
        Ok(None) => match is_free(&root) {
            Ok(()) => Place::Absent,
            Err(error) => Place::Wrong(error),
        },
        Err(error) => Place::Wrong(error),
    };
    let folder = root.ancestors().find(|path| path.is_dir()).unwrap_or(&root).to_owned();
    let closed = match place {
        Place::Store => closed(&root),
        Place::Absent | Place::Wrong(_) => Vec::new(),
    };
    let temporary = Some(root.join("tmp")).filter(|path| path.exists());
    Examined {
        trial: try_out(temporary.as_deref().unwrap_or(&folder)).map_err(|error| error.to_string()),
        disk: Disk::of(&folder),
        place,
        folder,
        closed,
    }
}

/// The folders in a store that this user may not write to.
fn closed(root: &Path) -> Vec<PathBuf> {
    let parts = [
        "objects", "records", "runs", "locks", "scratch", "index", "views", "history", "slurm", "tmp",
    ];
    let parts = parts.map(|name| root.join(name));
    let shards = parts[..2]
        .iter()
        .flat_map(|part| std::fs::read_dir(part).into_iter().flatten().flatten());
    let mut all: Vec<PathBuf> = shards.map(|entry| entry.path()).collect();
    all.sort_unstable();
    let is_closed = |path: &PathBuf| {
        let answer = access(path, Access::WRITE_OK | Access::EXEC_OK);
        answer.is_err_and(|error| error != rustix::io::Errno::NOENT)
    };
    parts.into_iter().chain(all).filter(is_closed).collect()
}

/// Tries what a store needs, in a folder of its own that is removed again.
fn try_out(folder: &Path) -> std::io::Result<Trial> {
    let own = tempfile::Builder::new().prefix("asm-pipe-doctor-").tempdir_in(folder)?;
    let [first, link, copy, lock] = ["first", "link", "copy", "lock"].map(|name| own.path().join(name));
    let before = SystemTime::now();
    fs_err::write(&first, "asm-pipe doctor\n")?;
    let after = SystemTime::now();
    let written = fs_err::metadata(&first)?.modified()?;
    let links = fs_err::hard_link(&first, &link).map_err(|error| error.to_string());
    let shares_blocks = matches!(copy_content(&first, &mut File::create(&copy)?)?, Way::SharedBlocks);
    Ok(Trial {
        locks: try_lock(&lock).unwrap_or_else(|error| Locks::Refused(error.to_string())),
        links,
        shares_blocks,
        ahead: ahead(before, written, after),
    })
}

/// Takes a lock and tries to have it a second time meanwhile, and once more after it was given back.
fn try_lock(path: &Path) -> Result<Locks, StoreError> {
    let Some(first) = hold_file(path, Hold::Alone, false)? else {
        return Ok(Locks::Refused("a lock that nobody has was not given".to_owned()));
    };
    if hold_file(path, Hold::Alone, false)?.is_some() || hold_file(path, Hold::Shared, false)?.is_some() {
        return Ok(Locks::Shared);
    }
    drop(first);
    Ok(match hold_file(path, Hold::Alone, false)? {
        Some(_) => Locks::Work,
        None => Locks::Refused("a lock that was given back is still held".to_owned()),
    })
}

/// How far a file's time is outside of the moments before and after it was written.
fn ahead(before: SystemTime, written: SystemTime, after: SystemTime) -> f64 {
    match (written.duration_since(after), before.duration_since(written)) {
        (Ok(ahead), _) => ahead.as_secs_f64(),
        (_, Ok(behind)) => -behind.as_secs_f64(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs_err::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn no_store_is_made_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let found = examine(&folder.path().join("a/store"));
        assert!(matches!(found.place, Place::Absent));
        assert_eq!(found.folder, folder.path());
        assert_eq!(found.trial.unwrap().locks, Locks::Work);
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_store_is_known_and_its_temporary_folder_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        let found = examine(folder.path());
        assert!(matches!(found.place, Place::Store) && found.closed.is_empty());
        let trial = found.trial.unwrap();
        assert_eq!((trial.locks, trial.links), (Locks::Work, Ok(())));
        assert_eq!(names(&folder.path().join("tmp")), [""; 0]);
    }

    #[test]
    fn what_is_no_store_or_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("file"), "mine").unwrap();
        assert!(matches!(examine(folder.path()).place, Place::Wrong(_)));
        assert!(matches!(examine(&folder.path().join("file")).place, Place::Wrong(_)));
        assert!(examine(Path::new("/proc/asm-pipe-store")).trial.is_err());
    }

    #[test]
    fn a_file_from_the_future_or_the_past_shows_the_clocks_apart() {
        let now = SystemTime::now();
        let (later, much_later) = (now + Duration::from_secs(1), now + Duration::from_secs(60));
        assert_eq!(ahead(now, now, later), 0.0);
        assert_eq!(ahead(now, much_later, later), 59.0);
        assert_eq!(ahead(later, now, much_later), -1.0);
    }
}
