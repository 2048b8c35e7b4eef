//! The folders that jobs work in: `scratch/<key>/` with `out/`, `keep/` and, for commands, `work/` in it.
//!
//! What a job that has succeeded leaves behind is emptied and given to the next one under its own name, and what is small in it is
//! removed at the end of the run. For file systems are slow at making things while others are removed: ext4 passes over every inode
//! that was freed in the last minutes, which took a third of the time of a run of many short stages.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::process_mark::ProcessMark;
use crate::store::Store;

/// The parts of a job's folder that are emptied and not removed. Not `work`: a program that has left its process group may still
/// be in it.
const PARTS: [&str; 2] = ["out", "keep"];

/// Of what is to be removed, this many files and folders and this many bytes may wait for the end of the run.
const FEW: usize = 64;
const SMALL: u64 = 1 << 20;

/// Emptied folders of jobs that have succeeded. They are removed with this.
#[derive(Debug)]
pub(crate) struct Spares {
    /// Where spare folders are, and in `rest` what is to be removed.
    place: PathBuf,
    folders: Mutex<Vec<PathBuf>>,
    made: AtomicU64,
}

impl Spares {
    /// None yet.
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            place: store.temporary().join(format!("spare-{}", std::process::id())),
            folders: Mutex::default(),
            made: AtomicU64::new(0),
        }
    }

    /// Gives a spare folder this name, unless there is one of that name or no spare. Whoever holds the key's lock may call it.
    pub(crate) fn give(&self, folder: &Path) {
        if folder.exists() {
            return;
        }
        let spare = self.folders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(spare) = spare {
            // If it fails, the folder is made as if there were no spare.
            let _ = fs_err::rename(spare, folder);
        }
    }

    /// Empties a job's folder and takes it away. What is left over is cleared before the next start, and by the store's collector.
    pub(crate) fn take(&self, folder: &Path) {
        let spare = self.name();
        let stripped = fs_err::create_dir_all(self.rest()).and_then(|()| self.strip(folder));
        if stripped.and_then(|()| fs_err::rename(folder, &spare)).is_ok() {
            self.folders.lock().unwrap_or_else(PoisonError::into_inner).push(spare);
        } else {
            let _ = fs_err::remove_dir_all(folder);
        }
    }

    /// Leaves nothing but empty parts and an empty mark.
    fn strip(&self, folder: &Path) -> std::io::Result<()> {
        for entry in fs_err::read_dir(folder)? {
            let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
            if PARTS.iter().any(|part| name == *part) && mode(&path)? == mode(folder)? {
                for entry in fs_err::read_dir(path)? {
                    self.put_away(&entry?.path())?;
                }
            } else if name != ProcessMark::FILE {
                self.put_away(&path)?;
            }
        }
        ProcessMark::remove(folder);
        Ok(())
    }

    /// Removes a file or folder, now or at the end.
    fn put_away(&self, path: &Path) -> std::io::Result<()> {
        if is_little(path)? {
            fs_err::rename(path, self.rest().join(self.name().file_name().unwrap_or_default()))
        } else {
            remove(path)
        }
    }

    fn rest(&self) -> PathBuf {
        self.place.join("rest")
    }

    /// A name that nothing has.
    fn name(&self) -> PathBuf {
        self.place.join(self.made.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        // What cannot be removed is left for the store to sweep when it is a day old.
        let _ = fs_err::remove_dir_all(&self.place);
    }
}

/// Whether a file or folder is worth no hurry.
fn is_little(path: &Path) -> std::io::Result<bool> {
    let (mut count, mut bytes) = (0, 0);
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let data = fs_err::symlink_metadata(&path)?;
        count += 1;
        bytes += if data.is_dir() { 0 } else { data.len() };
        if count > FEW || bytes > SMALL {
            return Ok(false);
        }
        if data.is_dir() {
            for entry in fs_err::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(true)
}

/// Makes the folder if there is none, and removes what is in it.
pub(crate) fn empty(folder: &Path) -> std::io::Result<()> {
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return fs_err::create_dir_all(folder),
        other => other?,
    };
    for entry in entries {
        remove(&entry?.path())?;
    }
    Ok(())
}

/// The permissions: a part that the job has closed for others is not for the next one.
fn mode(path: &Path) -> std::io::Result<u32> {
    Ok(fs_err::symlink_metadata(path)?.permissions().mode())
}

fn remove(path: &Path) -> std::io::Result<()> {
    if fs_err::symlink_metadata(path)?.is_dir() {
        fs_err::remove_dir_all(path)
    } else {
        fs_err::remove_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path under a folder, with the sizes of files.
    fn listing(folder: &Path) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(inside) = folders.pop() {
            for entry in fs_err::read_dir(inside).unwrap() {
                let entry = entry.unwrap();
                let data = entry.metadata().unwrap();
                let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
                found.push((name, if data.is_dir() { 0 } else { data.len() }));
                if data.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_folder_comes_back_under_another_name_and_holds_nothing_of_the_first_job() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let spares = Spares::new(&store);
        let (first, second) = (place.path().join("first"), place.path().join("second"));
        for name in ["out/model/deep", "keep", "work", "json"] {
            fs_err::create_dir_all(first.join(name)).unwrap();
        }
        for name in ["out/model/deep/weights", "keep/checkpoint", "json/a", "job.json"] {
            fs_err::write(first.join(name), "content").unwrap();
        }
        std::os::unix::fs::symlink("/", first.join("work/link")).unwrap();
        ProcessMark::of(std::process::id()).unwrap().leave(&first).unwrap();
        spares.take(&first);
        assert!(!first.exists());
        spares.give(&second);
        let names: Vec<String> = listing(&second).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["keep", "out", ProcessMark::FILE]);
        assert_eq!(ProcessMark::left_in(&second), None);
    }

    #[test]
    fn what_is_much_is_removed_at_once_and_the_rest_with_the_run() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let spares = Spares::new(&store);
        let done = place.path().join("done");
        for folder in ["work/little", "work2", "keep"] {
            fs_err::create_dir_all(done.join(folder)).unwrap();
        }
        fs_err::write(done.join("work/little/file"), "little").unwrap();
        fs_err::write(done.join("keep/large"), vec![0; 2 << 20]).unwrap();
        for number in 0..100 {
            fs_err::write(done.join(format!("work2/{number}")), "many").unwrap();
        }
        spares.take(&done);
        let kept = listing(&spares.rest());
        assert!(kept.iter().any(|(name, _)| name.ends_with("little/file")), "{kept:?}");
        assert_eq!(kept.iter().filter(|(_, bytes)| *bytes > 0).count(), 1, "{kept:?}");
        drop(spares);
        assert_eq!(listing(&store.temporary()), []);
    }

    #[test]
    fn what_an_earlier_attempt_kept_is_not_replaced_and_no_spare_stays_behind() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("store")).unwrap();
        let spares = Spares::new(&store);
        let (done, begun) = (place.path().join("done"), place.path().join("begun"));
        fs_err::create_dir_all(done.join("out")).unwrap();
        fs_err::create_dir_all(begun.join("keep")).unwrap();
        fs_err::write(begun.join("keep/checkpoint"), "epoch 3").unwrap();
        spares.take(&done);
        spares.give(&begun);
        assert_eq!(
            fs_err::read_to_string(begun.join("keep/checkpoint")).unwrap(),
            "epoch 3"
        );
        drop(spares);
        assert_eq!(listing(&store.temporary()), []);
    }
}
