//! Users of the store's content on one side, the collector on the other.
//!
//! Whoever relies on content that nothing on disk says is wanted (yet) is a user for that while, and holds `locks/in-use`
//! together with other users. The collector holds it alone. Two moments in a run are like that: between the lookup of a
//! key and the line of the journal that names it, and between the storing of outputs and their record.
//!
//! A file that many hold in turn may never be free. So everyone goes through `locks/gate`: users only pass through it,
//! the collector closes it and waits for those inside to leave. It does not wait long: a user may be copying gigabytes,
//! and those at the gate must not wait for that. It opens the gate again and tries later.
//!
//! A thread must not enter twice: the collector may have closed the gate in between.

use std::time::{Duration, Instant};

use super::lock::{Held, Hold, hold_file};
use super::{Store, StoreError};

/// How long the gate stays closed before those inside are given up on for now.
const CLOSED: Duration = Duration::from_secs(2);

/// How often to look whether the last user has left.
const TICK: Duration = Duration::from_millis(5);

/// How long the gate stays open between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// While this is held, the collector removes nothing.
#[derive(Debug)]
pub struct InUse {
    _file: Held,
}

/// While this is held, nobody is a user.
#[derive(Debug)]
pub struct Alone {
    _gate: Held,
    _file: Held,
}

impl Store {
    /// Becomes a user of the store's content, until the guard is dropped. Waits while the collector is at work.
    ///
    /// # Errors
    /// When the lock files cannot be made or locked.
    pub fn in_use(&self) -> Result<InUse, StoreError> {
        loop {
            let _gate = hold_file(&self.gate("gate"), Hold::Shared, true)?;
            if let Some(file) = hold_file(&self.gate("in-use"), Hold::Shared, true)? {
                return Ok(InUse { _file: file });
            }
        }
    }

    /// Waits until there is no user and lets none in; none if there is always one as long as patience lasts.
    ///
    /// # Errors
    /// When the lock files cannot be made or locked.
    pub fn alone(&self, patience: Duration) -> Result<Option<Alone>, StoreError> {
        let end = Instant::now() + patience;
        loop {
            let Some(gate) = hold_file(&self.gate("gate"), Hold::Alone, true)? else {
                continue;
            };
            let open = (Instant::now() + CLOSED).min(end);
            loop {
                if let Some(file) = hold_file(&self.gate("in-use"), Hold::Alone, false)? {
                    return Ok(Some(Alone {
                        _gate: gate,
                        _file: file,
                    }));
                }
                if Instant::now() >= open {
                    break;
                }
                std::thread::sleep(TICK);
            }
            drop(gate);
            if Instant::now() >= end {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn gate(&self, name: &str) -> std::path::PathBuf {
        self.root().join("locks").join(name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    #[test]
    fn users_are_many_and_the_collector_waits_for_the_last() {
        let (_folder, store) = store();
        let (one, other) = (store.in_use().unwrap(), store.in_use().unwrap());
        assert!(store.alone(Duration::ZERO).unwrap().is_none());
        drop(one);
        assert!(store.alone(Duration::ZERO).unwrap().is_none());
        drop(other);
        assert!(store.alone(Duration::ZERO).unwrap().is_some());
        store.in_use().unwrap();
    }

    #[test]
    fn no_user_is_inside_with_the_collector_and_users_in_turn_do_not_keep_it_out() {
        let (_folder, store) = store();
        let (inside, collected) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while collected.load(Ordering::SeqCst) < 20 {
                        let _in_use = store.in_use().unwrap();
                        inside.fetch_add(1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..20 {
                    let _alone = store.alone(Duration::from_secs(60)).unwrap().unwrap();
                    for _ in 0..50 {
                        assert_eq!(inside.load(Ordering::SeqCst), 0);
                        std::thread::yield_now();
                    }
                    collected.fetch_add(1, Ordering::SeqCst);
                }
            });
        });
    }
}
