//! A client of one remote, for callers that wait or leave a function to be called. What is asked for is done by a few threads of
//! tokio's, many requests at once.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use tokio::runtime::{Builder, Runtime};

use super::requests::{Came, Requests, Wanted};
use super::{Location, Probed, RemoteError};

/// Threads that requests are handled on.
const THREADS: usize = 2;

/// A client of one remote.
#[derive(Debug)]
pub(super) struct Client {
    inner: Arc<Requests>,
    runtime: Option<Runtime>,
}

impl Client {
    pub(super) fn new(place: &Location) -> Result<Self, RemoteError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(THREADS)
            .thread_name("remote")
            .enable_all()
            .build();
        let failed = |error: std::io::Error| RemoteError::Failed {
            place: place.clone(),
            why: error.to_string(),
        };
        Ok(Self {
            inner: Arc::new(Requests::new(place)?),
            runtime: Some(runtime.map_err(failed)?),
        })
    }

    /// Ends what is under way, and whatever is asked from now on.
    pub(super) fn cancel(&self) {
        self.inner.cancel();
    }

    /// Checks that the remote can be reached and has a format that is known.
    pub(super) fn check(&self) -> Result<(), RemoteError> {
        let inner = Arc::clone(&self.inner);
        self.one(async move { inner.check().await.map(drop) })
    }

    /// The same, and whether anything was ever sent there.
    pub(super) fn is_begun(&self) -> Result<bool, RemoteError> {
        let inner = Arc::clone(&self.inner);
        self.one(async move { inner.check().await })
    }

    /// Writes something small that is no part of the remote, reads it back and removes it.
    pub(super) fn probe(&self, name: &str) -> Result<Probed, RemoteError> {
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        self.one(async move { inner.probe(&name).await })
    }

    /// Reads something small and hands it to a function, on another thread.
    pub(super) fn ask(&self, name: String, answer: impl FnOnce(Result<Option<Vec<u8>>, RemoteError>) + Send + 'static) {
        let inner = Arc::clone(&self.inner);
        let asked = Arc::clone(&self.inner);
        self.runtime()
            .spawn(async move { answer(inner.unless_cancelled(asked.read(&name)).await) });
    }

    /// Reads something small.
    pub(super) fn read(&self, names: Vec<String>) -> Vec<Result<Option<Vec<u8>>, RemoteError>> {
        self.all(names, |inner, name| async move { inner.read(&name).await })
    }

    /// The sizes of what is there.
    pub(super) fn sizes(&self, names: Vec<String>) -> Vec<Result<Option<u64>, RemoteError>> {
        self.all(names, |inner, name| async move { inner.size(&name).await })
    }

    /// Fetches into files. What comes is told as it comes, by its place in the list.
    pub(super) fn download(&self, wanted: Vec<Wanted>) -> Receiver<(usize, Result<Came, RemoteError>)> {
        self.each(wanted, |inner, wanted| async move { inner.download(&wanted).await })
    }

    /// Sends files, each under a name.
    pub(super) fn upload(&self, files: Vec<(PathBuf, String)>) -> Receiver<(usize, Result<u64, RemoteError>)> {
        self.each(
            files,
            |inner, (path, name)| async move { inner.upload(&path, &name).await },
        )
    }

    /// Writes something small.
    pub(super) fn write(&self, name: String, bytes: Vec<u8>) -> Result<(), RemoteError> {
        let inner = Arc::clone(&self.inner);
        self.one(async move { inner.write(&name, bytes).await })
    }

    /// The names in a folder of folders, without what is before their last slash but one, with their sizes.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, RemoteError> {
        let (inner, top) = (Arc::clone(&self.inner), folder.to_owned());
        let shards = self.one(async move { inner.list(&top).await })?;
        let lists = self.all(shards.folders, |inner, shard| async move { inner.list(&shard).await });
        let mut names = Vec::new();
        for list in lists {
            names.extend(list?.files);
        }
        Ok(names)
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken away when dropped only")
    }

    fn one<T, F>(&self, future: F) -> Result<T, RemoteError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RemoteError>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let handle = self
            .runtime()
            .spawn(async move { inner.unless_cancelled(future).await });
        self.runtime().block_on(handle).unwrap_or_else(|_| Err(self.broken()))
    }

    /// Does the same for each of many, at once; answers in their order.
    fn all<A, T, F>(&self, items: Vec<A>, work: impl Fn(Arc<Requests>, A) -> F) -> Vec<Result<T, RemoteError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RemoteError>> + Send + 'static,
    {
        let mut answers: Vec<_> = items.iter().map(|_| Err(self.broken())).collect();
        for (at, answer) in self.each(items, work) {
            answers[at] = answer;
        }
        answers
    }

    fn each<A, T, F>(
        &self,
        items: Vec<A>,
        work: impl Fn(Arc<Requests>, A) -> F,
    ) -> Receiver<(usize, Result<T, RemoteError>)>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RemoteError>> + Send + 'static,
    {
        let (sender, receiver) = channel();
        for (at, item) in items.into_iter().enumerate() {
            let (future, sender) = (work(Arc::clone(&self.inner), item), sender.clone());
            let inner = Arc::clone(&self.inner);
            self.runtime().spawn(async move {
                // Whoever asked may have gone.
                let _ = sender.send((at, inner.unless_cancelled(future).await));
            });
        }
        receiver
    }

    fn broken(&self) -> RemoteError {
        self.inner.broken()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.cancel();
        // What is under way is not waited for: a server that does not answer must not keep the program.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
