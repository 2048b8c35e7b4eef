//! Who is making a key: one holder at a time, between threads and between processes.
//!
//! The lock is the kernel's (`flock`) on an open file, so that it ends with its owner however that one ends. Each
//! acquisition opens the file anew, and the kernel keeps the locks of two open files apart even within a process. Closing the file would
//! not give it back at once: a process that is just being started has the file open too, until its program begins.

use std::fs::{File, OpenOptions, TryLockError};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Digest, Store, StoreError, atomic};

/// The right to make a key. Given back when dropped.
#[derive(Debug)]
pub struct KeyLock {
    key: Digest,
    path: PathBuf,
    _held: Held,
}

impl KeyLock {
    /// The key that is locked.
    #[must_use]
    pub fn key(&self) -> &Digest {
        &self.key
    }

    /// Gives the right back and removes the file, which otherwise stays for the next time: removing one for each key is what file
    /// systems are slow at.
    pub(super) fn discard(self) {
        // While the lock is held the name can only be ours. Whoever waits on the removed file sees that it has lost its
        // name and opens a new one.
        let _ = fs_err::remove_file(&self.path);
    }
}

/// A locked file. Unlocked when dropped.
#[derive(Debug)]
pub(super) struct Held(File);

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // If that fails, the file's being closed still does it.
        let _ = self.0.unlock();
    }
}

/// Whether others may hold the same file meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Alone,
    Shared,
}

/// Locks the file at `path`, making it if needed. Without `wait`: none if somebody else has it.
pub(super) fn lock_file(path: &Path, wait: bool) -> Result<Option<Held>, StoreError> {
    hold_file(path, Hold::Alone, wait)
}

/// The same, alone or with others.
pub(super) fn hold_file(path: &Path, hold: Hold, wait: bool) -> Result<Option<Held>, StoreError> {
    let failed = |error| StoreError::io("lock", path, error);
    loop {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = atomic::with_parent(path, || options.open(path)).map_err(failed)?;
        if wait {
            let locked = match hold {
                Hold::Alone => file.lock(),
                Hold::Shared => file.lock_shared(),
            };
            match locked {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other.map_err(failed)?,
            }
        } else {
            let locked = match hold {
                Hold::Alone => file.try_lock(),
                Hold::Shared => file.try_lock_shared(),
            };
            match locked {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Ok(()) => {}
            }
        }
        // Removed or replaced while we waited: the lock is on a file without a name.
        let mine = file.metadata().map_err(failed)?;
        if fs_err::metadata(path).is_ok_and(|named| named.ino() == mine.ino() && named.dev() == mine.dev()) {
            return Ok(Some(Held(file)));
        }
    }
}

impl Store {
    /// Takes the lock of a key if nobody has it. Look the key up again afterwards: it may just have been made.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn try_lock(&self, key: &Digest) -> Result<Option<KeyLock>, StoreError> {
        self.acquire(key, false)
    }

    /// Waits for the lock of a key. Look the key up again afterwards: it may just have been made.
    ///
    /// # Errors
    /// When the lock file cannot be made or locked.
    pub fn lock(&self, key: &Digest) -> Result<KeyLock, StoreError> {
        loop {
            if let Some(lock) = self.acquire(key, true)? {
                return Ok(lock);
            }
        }
    }

    fn acquire(&self, key: &Digest, wait: bool) -> Result<Option<KeyLock>, StoreError> {
        let path = self.root().join("locks").join(key.to_string());
        let held = self.told(lock_file(&path, wait))?;
        Ok(held.map(|held| KeyLock {
            key: *key,
            path,
            _held: held,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    #[test]
    fn one_thread_at_a_time_has_a_key_though_the_file_is_removed_each_time() {
        let (_folder, store) = store();
        let key = Digest::of_bytes(b"key");
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let lock = store.lock(&key).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        lock.discard();
                    }
                });
            }
        });
        assert_eq!(fs_err::read_dir(store.root().join("locks")).unwrap().count(), 0);
    }

    #[test]
    fn a_held_key_is_refused_without_waiting_and_other_keys_are_free() {
        let (_folder, store) = store();
        let (key, other) = (Digest::of_bytes(b"key"), Digest::of_bytes(b"other"));
        let lock = store.lock(&key).unwrap();
        assert!(store.try_lock(&key).unwrap().is_none());
        assert!(store.try_lock(&other).unwrap().is_some());
        drop(lock);
        assert!(store.try_lock(&key).unwrap().is_some());
    }

    #[test]
    fn a_key_is_free_as_soon_as_it_is_given_back_whatever_is_being_started_meanwhile() {
        let (_folder, store) = store();
        let key = Digest::of_bytes(b"key");
        std::thread::scope(|scope| {
            let starting = scope.spawn(|| {
                for _ in 0..200 {
                    Command::new("true").status().unwrap();
                }
            });
            while !starting.is_finished() {
                drop(store.try_lock(&key).unwrap().expect("nobody has it"));
            }
        });
    }

    /// Runs the ignored test `child_that_holds_a_key` in another process, up to where it has the lock.
    fn holder(root: &Path) -> std::process::Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "store::lock::tests::child_that_holds_a_key",
            ])
            .env("ASM_PIPE_TEST_STORE", root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut seen = String::new();
        let mut byte = [0];
        while !seen.contains("holding") {
            assert_eq!(child.stdout.as_mut().unwrap().read(&mut byte).unwrap(), 1, "{seen}");
            seen.push(char::from(byte[0]));
        }
        child
    }

    #[test]
    #[ignore = "the other process of a_key_held_by_another_process_is_free_again_when_that_is_killed"]
    fn child_that_holds_a_key() {
        let Ok(root) = std::env::var("ASM_PIPE_TEST_STORE") else {
            return;
        };
        let store = Store::open(Path::new(&root)).unwrap();
        let _lock = store.lock(&Digest::of_bytes(b"key")).unwrap();
        println!("holding");
        std::thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn a_key_held_by_another_process_is_free_again_when_that_is_killed() {
        let (_folder, store) = store();
        let key = Digest::of_bytes(b"key");
        let mut child = holder(store.root());
        assert!(store.try_lock(&key).unwrap().is_none());
        child.kill().unwrap();
        let lock = store.lock(&key).unwrap();
        child.wait().unwrap();
        assert_eq!(lock.key(), &key);
    }
}
