//! A store that a team shares: objects and records on S3, Google Cloud Storage, Azure, or in a folder.
//!
//! ```text
//! asm-pipe-remote         version of this layout
//! objects/ab/cdef..       content by BLAKE3 digest, as in a store: files, and the lists of folders' files
//! records/ab/<key>.json   as in a store
//! ```
//!
//! A reader never sees a record without its objects: a record is sent last, the list of a folder's files after the files. So
//! whoever finds the list need not ask for each file, and an upload that was cut off goes on with what is not there yet. Nothing on a
//! remote is changed or removed by this program, except that what was found damaged or missing is sent anew, and that a probe of its own
//! (`examine`) goes as it came.
//!
//! Files are objects of their own, not packed: what several folders have in common is there once, and what is damaged is fetched
//! anew alone. Many small ones are moved many at a time.
//!
//! Must not know what a stage means, nor when something is asked for: that is `run`'s. Nothing that comes is believed: see
//! `store/transfer.rs`. Only `requests` is asynchronous, and `client` waits for it; to the rest of
//! the program a remote is what answers or calls back.

mod client;
mod error;
mod examine;
mod fetch;
mod location;
mod open;
mod requests;
mod send;
mod spread;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use error::RemoteError;
pub use examine::{Examined, Probed};
pub use fetch::{Answered, Fetched, NotTaken};
pub use location::{Location, LocationError};
pub use send::{Sending, Sent};

use self::client::Client;
use crate::store::{Digest, Part};

/// What a remote is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is not at hand is fetched, what is made is sent.
    #[default]
    ReadWrite,
    /// What is not at hand is fetched.
    ReadOnly,
}

/// A remote that can be asked. Can be shared by threads.
#[derive(Debug)]
pub struct Remote {
    place: Location,
    mode: Mode,
    client: Client,
    /// Objects that are known to be there.
    there: Mutex<HashSet<Digest>>,
    /// Keys and objects that were found damaged or missing: they are sent though something of that name is there.
    doubted: Mutex<HashSet<Digest>>,
}

impl Remote {
    /// Opens a remote. A folder must be there; of a service nothing is asked yet.
    ///
    /// # Errors
    /// When the environment's settings do not fit together, or there is no such folder.
    pub fn open(place: &Location, mode: Mode) -> Result<Self, RemoteError> {
        Ok(Self {
            place: place.clone(),
            mode,
            client: Client::new(place)?,
            there: Mutex::default(),
            doubted: Mutex::default(),
        })
    }

    /// Makes the folder that a place is, if it is one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_folder(place: &Location) -> Result<(), RemoteError> {
        if place.service != location::Service::File {
            return Ok(());
        }
        let made = fs_err::create_dir_all(open::folder(place));
        made.map_err(|error| RemoteError::Failed {
            place: place.clone(),
            why: error.to_string(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Location {
        &self.place
    }

    /// Whether what is made is sent.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.mode == Mode::ReadWrite
    }

    /// Checks that it can be reached and has a format that is known.
    ///
    /// # Errors
    /// When not.
    pub fn check(&self) -> Result<(), RemoteError> {
        self.client.check()
    }

    /// Ends what is under way, and whatever is asked from now on, with [`RemoteError::Cancelled`].
    pub fn cancel(&self) {
        self.client.cancel();
    }

    /// The keys that it has records of.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn keys(&self) -> Result<Vec<Digest>, RemoteError> {
        let names = self.client.list("records")?;
        let key = |(name, _): &(String, u64)| name.split_once('/')?.1.strip_suffix(".json")?.parse().ok();
        Ok(names.iter().filter_map(key).collect())
    }

    /// How many objects it has, and their bytes.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn objects(&self) -> Result<Part, RemoteError> {
        let names = self.client.list("objects")?;
        let is_object = |name: &str| name.replacen('/', "", 1).parse::<Digest>().is_ok();
        let of = |size: u64| Part { count: 1, bytes: size };
        let objects = names.iter().filter(|(name, _)| is_object(name));
        Ok(objects.map(|(_, size)| of(*size)).fold(Part::default(), |a, b| a + b))
    }

    fn there(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doubted(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn object_name(digest: &Digest) -> String {
    let name = digest.to_string();
    format!("objects/{}/{}", &name[..2], &name[2..])
}

fn record_name(key: &Digest) -> String {
    let name = key.to_string();
    format!("records/{}/{name}.json", &name[..2])
}

#[cfg(test)]
mod tests;
