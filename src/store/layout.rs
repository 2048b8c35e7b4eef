//! The store's folder: where things are in it, how it is made and recognised.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use super::external::Outside;
use super::stamp::{Stamp, Stamps};
use super::{Digest, KeyLock, StoreError, atomic};

/// Version of the layout described in the module.
const FORMAT: u64 = 1;

/// Temporary files older than this belong to nobody.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Signature and text by the cache directory tagging specification, <https://bford.info/cachedir/>.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache of asm-pipe: it can be deleted, and what was in it will be computed again.\n";

/// A store. Can be shared by threads; several processes may have the same folder open.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// What is known of the objects.
    pub(super) stamps: Stamps,
    /// What is known of files outside.
    pub(super) outside: Outside,
    /// Views that this process has found whole, with their folder's stamp at that time.
    pub(super) views: Mutex<BTreeMap<Digest, Stamp>>,
}

impl Store {
    /// Opens the store in a folder, making it if there is none.
    ///
    /// # Errors
    /// When the folder cannot be made or written to, is no store, or was made by a later version.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = match Self::open_existing(root)? {
            Some(store) => store,
            None => told(root, root, Self::create(root))?,
        };
        store.sweep();
        Ok(store)
    }

    /// Opens the store in a folder if there is one. Makes nothing.
    ///
    /// # Errors
    /// When there is something else in that place, or the store was made by a later version.
    pub fn open_existing(root: &Path) -> Result<Option<Self>, StoreError> {
        let wrong = |why: String| StoreError::NotAStore {
            path: root.to_owned(),
            why,
        };
        match fs_err::metadata(root) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(wrong("it is a file".into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("open the store", root, error)),
        }
        let path = root.join("format");
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        match text.trim().parse::<u64>() {
            Ok(FORMAT) => {}
            Ok(found) if found > FORMAT => {
                return Err(StoreError::Newer {
                    path: root.to_owned(),
                    found,
                    known: FORMAT,
                });
            }
            _ => return Err(wrong("its file `format` does not hold a version".into())),
        }
        // Links are resolved once, so that "is this file in the store" can be answered by its path.
        let root = fs_err::canonicalize(root).map_err(|e| StoreError::io("open the store", root, e))?;
        Ok(Some(Self {
            stamps: Stamps::new(root.join("index/stamps"), root.join("tmp")),
            outside: Outside::new(root.join("index/outside"), root.join("tmp")),
            views: Mutex::default(),
            root,
        }))
    }

    /// Makes a store. `format` comes last: a folder without it is not yet a store, and is completed by whoever comes next.
    fn create(root: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io("make the store", root, error);
        fs_err::create_dir_all(root).map_err(failed)?;
        is_free(root)?;
        let temporary = root.join("tmp");
        for (name, text) in [("CACHEDIR.TAG", TAG), (".gitignore", "*\n")] {
            atomic::write(&root.join(name), &temporary, text.as_bytes())?;
        }
        for name in ["objects", "records", "runs"] {
            fs_err::create_dir_all(root.join(name)).map_err(failed)?;
        }
        atomic::write(&root.join("format"), &temporary, format!("{FORMAT}\n").as_bytes())?;
        Self::open_existing(root)?.ok_or_else(|| StoreError::NotAStore {
            path: root.to_owned(),
            why: "it was removed while it was being made".into(),
        })
    }

    /// The folder that the store is in, with links resolved.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of run journals.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Where a stage works while its key is locked. Not made by this call; outlives a job that was cut off.
    #[must_use]
    pub fn scratch(&self, key: &Digest) -> PathBuf {
        self.root.join("scratch").join(key.to_string())
    }

    /// Removes where a stage worked, once it is recorded.
    ///
    /// # Errors
    /// When something there cannot be removed.
    pub fn clear_scratch(&self, lock: &KeyLock) -> Result<(), StoreError> {
        let path = self.scratch(lock.key());
        match fs_err::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Where things are put together that are then renamed: what is a day old in it belongs to nobody.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(super) fn object_path(&self, digest: &Digest) -> PathBuf {
        self.sharded("objects", digest, "")
    }

    pub(super) fn record_path(&self, key: &Digest) -> PathBuf {
        self.sharded("records", key, ".json")
    }

    fn sharded(&self, folder: &str, digest: &Digest, ending: &str) -> PathBuf {
        let name = digest.to_string();
        let (shard, rest) = if ending.is_empty() {
            (&name[..2], &name[2..])
        } else {
            (&name[..2], &name[..])
        };
        self.root.join(format!("{folder}/{shard}/{rest}{ending}"))
    }

    /// Tells of a full disk as what it is to the user: where, and how much of it the store takes.
    pub(super) fn told<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        told(&self.root, &self.root, result)
    }

    /// The same for something that is written outside the store.
    pub(super) fn told_of<T>(&self, path: &Path, result: Result<T, StoreError>) -> Result<T, StoreError> {
        told(&self.root, path, result)
    }

    /// Removes what processes that were killed have left behind. What cannot be removed is left for the next time.
    fn sweep(&self) {
        let Ok(entries) = fs_err::read_dir(self.temporary()) else {
            return;
        };
        let now = SystemTime::now();
        for entry in entries.flatten() {
            let age = entry
                .metadata()
                .and_then(|data| data.modified())
                .map(|then| now.duration_since(then));
            if matches!(age, Ok(Ok(age)) if age > STALE) {
                let path = entry.path();
                let _ = if path.is_dir() {
                    fs_err::remove_dir_all(path)
                } else {
                    fs_err::remove_file(path)
                };
            }
        }
    }
}

/// Whether a store may be made, or completed, where there is none: the folder is not there, is empty, or was begun by us.
pub(super) fn is_free(root: &Path) -> Result<(), StoreError> {
    let mut entries = match fs_err::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("make the store", root, error)),
    };
    let foreign = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != "tmp"));
    if foreign && !fs_err::read(root.join("CACHEDIR.TAG")).is_ok_and(|text| text == TAG.as_bytes()) {
        return Err(StoreError::NotAStore {
            path: root.to_owned(),
            why: "the folder has other files in it".into(),
        });
    }
    Ok(())
}

fn told<T>(root: &Path, path: &Path, result: Result<T, StoreError>) -> Result<T, StoreError> {
    result.map_err(|error| {
        if !error.is_no_space() {
            return error;
        }
        StoreError::NoSpace {
            path: path.to_owned(),
            held: ["objects", "scratch", "tmp"]
                .iter()
                .map(|name| held(&root.join(name)))
                .sum(),
        }
    })
}

/// Bytes in the files of a folder. What cannot be read counts as nothing.
fn held(folder: &Path) -> u64 {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return 0;
    };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => held(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_made_once_and_tells_backups_and_git_to_leave_it_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a/store");
        assert!(Store::open_existing(&root).unwrap().is_none());
        assert!(!root.exists());
        Store::open(&root).unwrap();
        assert!(Store::open_existing(&root).unwrap().is_some());
        assert_eq!(fs_err::read_to_string(root.join(".gitignore")).unwrap(), "*\n");
        assert!(
            fs_err::read_to_string(root.join("CACHEDIR.TAG"))
                .unwrap()
                .starts_with("Signature: 8a477f597d28d172")
        );
    }

    #[test]
    fn a_store_whose_making_was_cut_off_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        fs_err::remove_file(folder.path().join("format")).unwrap();
        Store::open(folder.path()).unwrap();
        assert!(folder.path().join("format").exists());
    }

    #[test]
    fn what_is_not_a_store_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs_err::write(&file, "mine").unwrap();
        assert!(matches!(Store::open(&file), Err(StoreError::NotAStore { .. })));
        assert!(matches!(Store::open(folder.path()), Err(StoreError::NotAStore { .. })));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_store_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        fs_err::write(folder.path().join("format"), "7\n").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("format 7"), "{error}");
        assert!(!error.hints().is_empty());
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let error = Store::open(Path::new("/proc/asm-pipe-store")).unwrap_err();
        assert!(error.to_string().contains("/proc/asm-pipe-store"), "{error}");
    }

    #[test]
    fn a_full_disk_is_told_of_the_place_that_is_full_with_what_the_store_holds() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        fs_err::create_dir_all(store.root().join("objects/ab")).unwrap();
        fs_err::write(store.root().join("objects/ab/cd"), vec![0; 3 << 20]).unwrap();
        let full = || StoreError::io("store", Path::new("/elsewhere/input"), rustix::io::Errno::NOSPC);
        let text = store.told::<()>(Err(full())).unwrap_err().to_string();
        assert!(
            text.contains(&store.root().display().to_string()) && text.contains("holds 3.0 MiB"),
            "{text}"
        );
        let text = store
            .told_of::<()>(Path::new("/out"), Err(full()))
            .unwrap_err()
            .to_string();
        assert!(text.contains("`/out`"), "{text}");
        let other = StoreError::io("store", Path::new("/x"), rustix::io::Errno::ACCESS);
        assert!(matches!(store.told::<()>(Err(other)), Err(StoreError::Io { .. })));
    }

    #[test]
    fn a_cleared_scratch_is_gone_and_clearing_it_twice_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let lock = store.lock(&Digest::of_bytes(b"key")).unwrap();
        fs_err::create_dir_all(store.scratch(lock.key()).join("keep")).unwrap();
        store.clear_scratch(&lock).unwrap();
        store.clear_scratch(&lock).unwrap();
        assert!(!store.scratch(lock.key()).exists());
    }

    #[test]
    fn old_temporary_files_are_swept_and_new_ones_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (old, new) = (store.temporary().join("file-old"), store.temporary().join("file-new"));
        fs_err::write(&new, "").unwrap();
        let file = std::fs::File::create(&old).unwrap();
        file.set_modified(SystemTime::now() - 2 * STALE).unwrap();
        Store::open(folder.path()).unwrap();
        assert!(new.exists() && !old.exists());
    }
}
