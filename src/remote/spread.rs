//! Doing the same for each of many by a few threads. Where the system gives no more of them there are fewer; the caller's own is one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

/// Does something for each, for so many of them at once.
pub(super) fn spread<T: Sync>(all: &[T], at_once: usize, work: &(dyn Fn(&T) + Sync)) {
    let next = AtomicUsize::new(0);
    let each = || {
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(one);
        }
    };
    thread::scope(|scope| {
        for _ in 1..at_once.min(all.len()) {
            if Builder::new().spawn_scoped(scope, each).is_err() {
                break;
            }
        }
        each();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::spread;

    #[test]
    fn each_is_done_once_by_however_many() {
        for at_once in [0, 1, 3, 100] {
            let all: Vec<usize> = (0..20).collect();
            let done = Mutex::new(Vec::new());
            spread(&all, at_once, &|one| done.lock().unwrap().push(*one));
            let mut done = done.into_inner().unwrap();
            done.sort_unstable();
            assert_eq!(done, all, "{at_once}");
        }
    }
}
