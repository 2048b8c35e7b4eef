//! A few threads that take work from a line. They are started as there is work for them; where the system gives no more of them there are
//! fewer, and where it gives none, whoever brings the work does it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};

pub(super) struct Crew<T> {
    name: &'static str,
    /// No more threads than this.
    most: usize,
    threads: usize,
    under_way: usize,
    /// None once it is closed.
    line: Option<Sender<T>>,
    taken: Arc<Mutex<Receiver<T>>>,
}

impl<T: Send> Crew<T> {
    pub(super) fn new(name: &'static str, most: usize) -> Self {
        let (line, taken) = channel();
        Self {
            name,
            most,
            threads: 0,
            under_way: 0,
            line: Some(line),
            taken: Arc::new(Mutex::new(taken)),
        }
    }

    /// Has a piece of work done, all pieces in the same way. Whoever does it tells when it has ended.
    pub(super) fn give<'scope>(
        &mut self,
        piece: T,
        scope: &'scope Scope<'scope, '_>,
        work: impl Fn(T) + Clone + Send + 'scope,
    ) where
        T: 'scope,
    {
        let Some(line) = &self.line else {
            return;
        };
        self.under_way += 1;
        if self.under_way > self.threads && self.threads < self.most {
            let (taken, work) = (Arc::clone(&self.taken), work.clone());
            let next = move || taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let all = move || {
                while let Ok(piece) = next() {
                    work(piece);
                }
            };
            match Builder::new().name(self.name.to_owned()).spawn_scoped(scope, all) {
                Ok(_) => self.threads += 1,
                Err(_) => self.most = self.threads,
            }
        }
        if self.threads == 0 {
            work(piece);
        } else {
            // Nobody takes it who has gone: then the run is over.
            let _ = line.send(piece);
        }
    }

    /// A piece of work has ended.
    pub(super) fn ended(&mut self) {
        self.under_way -= 1;
    }

    /// How many pieces have not ended.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Has the threads end once all that was brought is done.
    pub(super) fn close(&mut self) {
        self.line = None;
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;

    /// Who did the work that a crew was given.
    fn who(most: usize, pieces: usize) -> Vec<ThreadId> {
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            let mut crew = Crew::new("crew", most);
            for piece in 0..pieces {
                let sender = sender.clone();
                crew.give(piece, scope, move |piece| {
                    sender.send((piece, thread::current().id())).unwrap();
                });
            }
            assert_eq!(crew.under_way(), pieces);
            crew.close();
        });
        drop(sender);
        let mut done: Vec<(usize, ThreadId)> = receiver.iter().collect();
        done.sort_by_key(|(piece, _)| *piece);
        assert!(done.iter().map(|(piece, _)| *piece).eq(0..pieces), "each once");
        done.into_iter().map(|(_, thread)| thread).collect()
    }

    #[test]
    fn work_is_done_by_threads_of_its_own_as_long_as_there_are_some() {
        let mut threads = who(3, 50);
        assert!(!threads.contains(&thread::current().id()));
        threads.sort_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        assert!(threads.len() <= 3);
    }

    #[test]
    fn without_a_thread_whoever_brings_the_work_does_it() {
        assert_eq!(who(0, 3), vec![thread::current().id(); 3]);
    }
}
