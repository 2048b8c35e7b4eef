//! Whether a remote can be used, found out by trying: for people whose remote does not work.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::{Remote, RemoteError};

/// What became of an object that was written to be removed again.
#[derive(Debug)]
pub enum Probed {
    /// It came back as it was, and is gone.
    Gone,
    /// It came back as it was, and could not be removed; why.
    Left(RemoteError),
}

/// What was found of a remote.
#[derive(Debug)]
pub struct Examined {
    /// Whether anything was ever sent there, or why it cannot be read.
    pub is_begun: Result<bool, RemoteError>,
    /// What became of a small object; none if the remote is not written to, or cannot be read.
    pub probe: Option<Result<Probed, RemoteError>>,
}

impl Remote {
    /// Asks a remote, and where it is written to, writes an object of this name there, reads it back and removes it. What has not
    /// answered in time is [`RemoteError::Cancelled`], and so is all that is asked afterwards.
    #[must_use]
    pub fn examine(&self, probe: &str, patience: Duration) -> Examined {
        let (done, ended) = channel::<()>();
        thread::scope(|scope| {
            let watch = move || {
                if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                    self.cancel();
                }
            };
            // Where the system gives no thread, each request still ends by its own bound.
            let _ = thread::Builder::new().spawn_scoped(scope, watch);
            let is_begun = self.client.is_begun();
            let is_tried = self.is_written() && is_begun.is_ok();
            let probe = is_tried.then(|| self.client.probe(probe));
            drop(done);
            Examined { is_begun, probe }
        })
    }
}
