//! Requests to a remote: names and bytes. The one place that is asynchronous.
//!
//! Memory is bounded: whoever holds bytes of an object has taken room for them first, and only then the right to send a request; in
//! any other order two could wait for each other. Requests are bounded too.

use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path as Name;
use object_store::{Error as Answer, ObjectStore, ObjectStoreExt};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::{names_no_bucket, secrets, told};
use super::location::Service;
use super::{Location, Probed, RemoteError, open};
use crate::store::StoreError;

/// Larger objects go in parts of this size: the services take 10,000 parts of 5 MiB or more.
const PART: u64 = 8 << 20;

/// Requests under way at once.
const REQUESTS: usize = 48;

/// Room for bytes of objects, in units: 128 MiB together.
const UNIT: u64 = 64 << 10;
const UNITS: u64 = 2048;

/// What a record, or the list of a folder's files, is taken to need: their sizes are not known before.
const SMALL: u64 = 1 << 20;

/// The most that is read of them.
const MOST: u64 = 64 << 20;

/// How long an answer may take to begin: a run waits for it.
const ANSWER: Duration = Duration::from_secs(15);

/// The file that says that a place is a remote, and its format.
const MARK: &str = "asm-pipe-remote";
const FORMAT: &str = "1";

/// Something to be fetched.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// None if it is not known.
    pub(super) size: Option<u64>,
    /// The file to write to, which is there.
    pub(super) to: PathBuf,
}

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Whole,
    Missing,
    WrongSize,
}

/// One remote, and how much may be under way to it.
#[derive(Debug)]
pub(super) struct Requests {
    store: Arc<dyn ObjectStore>,
    place: Location,
    secrets: Vec<String>,
    requests: Semaphore,
    room: Semaphore,
    cancelled: watch::Sender<bool>,
    /// Whether the mark of the format is there.
    seen: OnceCell<bool>,
    made: OnceCell<()>,
}

/// The answer to a request for something whole.
enum Got {
    Bytes(Vec<u8>),
    Missing,
    WrongSize,
}

/// What is in a folder.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) folders: Vec<String>,
    pub(super) files: Vec<(String, u64)>,
}

impl Requests {
    pub(super) fn new(place: &Location) -> Result<Self, RemoteError> {
        Ok(Self {
            store: open::open(place)?,
            place: place.clone(),
            secrets: secrets(),
            requests: Semaphore::new(REQUESTS),
            room: Semaphore::new(UNITS as usize),
            cancelled: watch::Sender::new(false),
            seen: OnceCell::new(),
            made: OnceCell::new(),
        })
    }

    /// Ends what is under way, and whatever is asked from now on.
    pub(super) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    pub(super) async fn check(&self) -> Result<bool, RemoteError> {
        let look = || async {
            let Some(text) = self.read_unchecked(MARK).await? else {
                return Ok(false);
            };
            let found = String::from_utf8_lossy(&text)
                .trim()
                .chars()
                .take(20)
                .collect::<String>();
            if found == FORMAT {
                return Ok(true);
            }
            let (place, known) = (self.place.clone(), FORMAT);
            Err(RemoteError::Newer { place, found, known })
        };
        self.seen.get_or_try_init(look).await.copied()
    }

    async fn mark(&self) -> Result<(), RemoteError> {
        let make = || async {
            if self.check().await? {
                return Ok(());
            }
            self.write_unchecked(MARK, format!("{FORMAT}\n").into_bytes()).await
        };
        self.made.get_or_try_init(make).await.copied()
    }

    pub(super) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        self.check().await?;
        self.read_unchecked(name).await
    }

    async fn read_unchecked(&self, name: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        match self.get(name, None).await? {
            Got::Bytes(bytes) => Ok(Some(bytes)),
            Got::Missing => Ok(None),
            Got::WrongSize => Err(self.failed(format!("`{name}` is too large to be what it should be"))),
        }
    }

    async fn get(&self, name: &str, size: Option<u64>) -> Result<Got, RemoteError> {
        let _room = self.room(size.unwrap_or(SMALL)).await;
        let _request = self.begin().await;
        let name = self.name(name);
        let got = match timeout(ANSWER, self.store.get(&name)).await {
            Ok(Ok(got)) => got,
            Ok(Err(answer)) => return Ok(self.absent(answer)?.unwrap_or(Got::Missing)),
            Err(_) => return Err(self.failed(format!("no answer in {} s", ANSWER.as_secs()))),
        };
        if got.meta.size > size.unwrap_or(MOST) || size.is_some_and(|size| size != got.meta.size) {
            return Ok(Got::WrongSize);
        }
        let bytes = got.bytes().await.map_err(|answer| self.told(&answer))?;
        Ok(Got::Bytes(bytes.to_vec()))
    }

    pub(super) async fn size(&self, name: &str) -> Result<Option<u64>, RemoteError> {
        self.check().await?;
        let _request = self.begin().await;
        match self.store.head(&self.name(name)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(answer) => self.absent(answer),
        }
    }

    pub(super) async fn download(self: Arc<Self>, wanted: &Wanted) -> Result<Came, RemoteError> {
        let Some(size) = wanted.size.filter(|size| *size > PART) else {
            self.check().await?;
            return match self.get(&wanted.name, wanted.size).await? {
                Got::Missing => Ok(Came::Missing),
                Got::WrongSize => Ok(Came::WrongSize),
                Got::Bytes(bytes) => {
                    fs_err::write(&wanted.to, bytes).map_err(|e| disk(&wanted.to, e))?;
                    Ok(Came::Whole)
                }
            };
        };
        match self.size(&wanted.name).await? {
            None => return Ok(Came::Missing),
            Some(found) if found != size => return Ok(Came::WrongSize),
            Some(_) => {}
        }
        let file = File::options().write(true).open(&wanted.to);
        let file = Arc::new(file.map_err(|e| disk(&wanted.to, e))?);
        let mut parts = JoinSet::new();
        for begin in (0..size).step_by(PART as usize) {
            let range = begin..size.min(begin + PART);
            let (inner, file, name, to) = (
                Arc::clone(&self),
                Arc::clone(&file),
                self.name(&wanted.name),
                wanted.to.clone(),
            );
            parts.spawn(async move {
                let _room = inner.room(range.end - range.start).await;
                let _request = inner.begin().await;
                let got = inner.store.get_range(&name, range).await;
                let bytes = got.map_err(|answer| inner.told(&answer))?;
                file.write_all_at(&bytes, begin).map_err(|e| disk(&to, e))
            });
        }
        self.join(&mut parts).await?;
        Ok(Came::Whole)
    }

    pub(super) async fn upload(self: Arc<Self>, path: &Path, name: &str) -> Result<u64, RemoteError> {
        let failed = |error| disk(path, error);
        let file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        if size <= PART {
            let _room = self.room(size).await;
            let bytes = read_at(&file, 0, size).map_err(failed)?;
            self.write(name, bytes).await?;
            return Ok(size);
        }
        self.mark().await?;
        let name = self.name(name);
        let begun = {
            let _request = self.begin().await;
            self.store.put_multipart(&name).await
        };
        let mut upload = begun.map_err(|answer| self.told(&answer))?;
        let mut parts = JoinSet::new();
        let sent = async {
            for begin in (0..size).step_by(PART as usize) {
                let length = PART.min(size - begin);
                let units = units(length);
                let inner = Arc::clone(&self);
                let room = inner.room.acquire_many(units).await.expect("never closed");
                let bytes = read_at(&file, begin, length).map_err(failed)?;
                room.forget();
                let part = upload.put_part(bytes.into());
                let inner = Arc::clone(&self);
                parts.spawn(async move {
                    let request = inner.begin().await;
                    let done = part.await.map_err(|answer| inner.told(&answer));
                    drop(request);
                    inner.room.add_permits(units as usize);
                    done
                });
                while let Some(done) = parts.try_join_next() {
                    done.unwrap_or_else(|_| Err(self.broken()))?;
                }
            }
            self.join(&mut parts).await
        };
        let done = match sent.await {
            Ok(()) => upload.complete().await.map_err(|answer| self.told(&answer)),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            while parts.join_next().await.is_some() {}
            // What was sent of it is of no use. If the server does not hear that either, it is left to its own rules.
            let _ = upload.abort().await;
            return Err(error);
        }
        Ok(size)
    }

    pub(super) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), RemoteError> {
        self.mark().await?;
        self.write_unchecked(name, bytes).await
    }

    async fn write_unchecked(&self, name: &str, bytes: Vec<u8>) -> Result<(), RemoteError> {
        let _request = self.begin().await;
        let put = self.store.put(&self.name(name), bytes.into()).await;
        put.map(drop).map_err(|answer| self.told(&answer))
    }

    /// Writes something small that is no part of the remote, reads it back and removes it. The remote is not begun by that.
    pub(super) async fn probe(&self, name: &str) -> Result<Probed, RemoteError> {
        self.write_unchecked(name, name.as_bytes().to_vec()).await?;
        let back = self.read_unchecked(name).await;
        let removed = {
            let _request = self.begin().await;
            self.store.delete(&self.name(name)).await
        };
        if back?.as_deref() != Some(name.as_bytes()) {
            return Err(self.failed("what was written there does not come back".to_owned()));
        }
        Ok(removed.map_or_else(|answer| Probed::Left(self.told(&answer)), |()| Probed::Gone))
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Listing, RemoteError> {
        self.check().await?;
        let _request = self.begin().await;
        let top = self.name(folder);
        let list = self.store.list_with_delimiter(Some(&top)).await;
        let list = match list {
            Ok(list) => list,
            Err(answer) => {
                return self
                    .absent(answer)
                    .map(|none: Option<Listing>| none.unwrap_or_default());
            }
        };
        let last = |name: &Name| name.filename().unwrap_or_default().to_owned();
        let within = |name: &Name| format!("{}/{}", folder.rsplit('/').next().unwrap_or_default(), last(name));
        Ok(Listing {
            folders: list
                .common_prefixes
                .iter()
                .map(|name| format!("{folder}/{}", last(name)))
                .collect(),
            files: list
                .objects
                .iter()
                .map(|meta| (within(&meta.location), meta.size))
                .collect(),
        })
    }

    /// Waits for all parts; the first that failed is the answer.
    async fn join(&self, parts: &mut JoinSet<Result<(), RemoteError>>) -> Result<(), RemoteError> {
        while let Some(done) = parts.join_next().await {
            done.unwrap_or_else(|_| Err(self.broken()))?;
        }
        Ok(())
    }

    pub(super) async fn unless_cancelled<T>(
        &self,
        future: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, RemoteError> {
        let mut cancelled = self.cancelled.subscribe();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => Err(RemoteError::Cancelled),
            done = future => done,
        }
    }

    /// The right to send a request.
    async fn begin(&self) -> SemaphorePermit<'_> {
        self.requests.acquire().await.expect("never closed")
    }

    /// Room for so many bytes.
    async fn room(&self, bytes: u64) -> SemaphorePermit<'_> {
        self.room.acquire_many(units(bytes)).await.expect("never closed")
    }

    fn name(&self, name: &str) -> Name {
        if self.place.service == Service::File || self.place.prefix.is_empty() {
            return Name::from(name);
        }
        Name::from(format!("{}/{name}", self.place.prefix))
    }

    /// None for what is not there; but a bucket that is not there is an error.
    fn absent<T>(&self, answer: Answer) -> Result<Option<T>, RemoteError> {
        match answer {
            Answer::NotFound { .. } if !names_no_bucket(&answer) => Ok(None),
            answer => Err(self.told(&answer)),
        }
    }

    fn told(&self, answer: &Answer) -> RemoteError {
        told(&self.place, answer, &self.secrets)
    }

    pub(super) fn broken(&self) -> RemoteError {
        self.failed("a request was broken off".to_owned())
    }

    fn failed(&self, why: String) -> RemoteError {
        let place = self.place.clone();
        RemoteError::Failed { place, why }
    }
}

/// More than there is would never be had: whoever needs that much is alone.
fn units(bytes: u64) -> u32 {
    bytes.div_ceil(UNIT).clamp(1, UNITS) as u32
}

fn read_at(file: &File, begin: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, begin)?;
    Ok(bytes)
}

fn disk(path: &Path, source: std::io::Error) -> RemoteError {
    RemoteError::Store(StoreError::Io {
        action: "copy",
        path: path.to_owned(),
        source,
    })
}
