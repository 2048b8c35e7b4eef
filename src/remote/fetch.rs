//! From a remote into a store: a record is asked for, then what it needs is fetched and looked at before it is taken.

use std::collections::BTreeMap;

use tempfile::TempPath;

use super::requests::{Came, Wanted};
use super::spread::spread;
use super::{Remote, RemoteError, object_name, record_name};
use crate::store::{Digest, InUse, Part, Record, Store};

/// Records fetched at once by [`Remote::fetch_all`]; each with many objects at once.
const RECORDS: usize = 8;

/// What a remote says of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Answered {
    /// It has this record.
    Has(Box<Record>),
    /// It has none.
    HasNot,
    /// It has something that is no record of this key.
    Damaged,
}

/// How fetching a record ended.
#[derive(Debug)]
pub struct Fetched {
    /// Objects that were not at hand before, and their bytes.
    pub objects: Part,
    /// Whether all of it is in the store now: as long as this is held, the collector removes none of it. Otherwise why not.
    pub taken: Result<InUse, NotTaken>,
}

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Something of it is damaged or missing on the remote.
    #[error("{0}")]
    Refused(String),
    /// Something else happened here meanwhile, such as another run that makes it.
    #[error("{0}")]
    Meanwhile(String),
}

impl Remote {
    /// Asks for the record of a key; the answer is handed to a function, on another thread.
    pub fn ask(&self, key: Digest, answer: impl FnOnce(Result<Answered, RemoteError>) + Send + 'static) {
        let read = move |read: Result<Option<Vec<u8>>, RemoteError>| {
            answer(read.map(|text| answered(&key, text.as_deref())));
        };
        self.client.ask(record_name(&key), read);
    }

    /// Asks for the records of many keys at once; answers in their order.
    pub fn ask_all(&self, keys: &[Digest]) -> Vec<Result<Answered, RemoteError>> {
        let read = self.client.read(keys.iter().map(record_name).collect());
        let answers = keys.iter().zip(read);
        answers
            .map(|(key, read)| read.map(|text| answered(key, text.as_deref())))
            .collect()
    }

    /// Reads small objects, of which the digests and sizes are known, without taking them anywhere; answers in their order. None: it is not
    /// there, or is damaged.
    pub fn read_all(&self, objects: &[(Digest, u64)]) -> Vec<Result<Option<Vec<u8>>, RemoteError>> {
        let read = self
            .client
            .read(objects.iter().map(|(digest, _)| object_name(digest)).collect());
        let is_it = |(digest, size): &(Digest, u64), text: &[u8]| {
            text.len() as u64 == *size && Digest::of_bytes(text) == *digest
        };
        let answers = objects.iter().zip(read);
        answers
            .map(|(object, read)| read.map(|text| text.filter(|text| is_it(object, text))))
            .collect()
    }

    /// Notes that what it has of a key is not to be used, so that it is sent anew.
    pub fn doubt(&self, key: &Digest) {
        self.doubted().insert(*key);
    }

    /// Fetches what a record needs and the store does not have, and writes the record down.
    ///
    /// # Errors
    /// When the remote cannot be reached or the store cannot be written. An object that is damaged or missing is in the answer.
    pub fn fetch(&self, store: &Store, record: &Record) -> Result<Fetched, RemoteError> {
        let mut objects = Part::default();
        let taken = match self.fetch_objects(store, record, &mut objects)? {
            Ok(()) => store.take_record(record)?.map_err(NotTaken::Meanwhile),
            Err(why) => {
                self.doubt(&record.key);
                Err(NotTaken::Refused(why))
            }
        };
        Ok(Fetched { objects, taken })
    }

    /// Fetches many records at once. `told` hears of each, by any thread, with what became of it.
    pub fn fetch_all(
        &self,
        store: &Store,
        records: &[Record],
        told: &(dyn Fn(&Record, Result<Fetched, RemoteError>) + Sync),
    ) {
        spread(records, RECORDS, &|record| told(record, self.fetch(store, record)));
    }

    fn fetch_objects(
        &self,
        store: &Store,
        record: &Record,
        news: &mut Part,
    ) -> Result<Result<(), String>, RemoteError> {
        let mut first = BTreeMap::new();
        for (name, output) in &record.outputs {
            first.insert(output.digest, (name, (!output.folder).then_some(output.bytes)));
        }
        if let Err(why) = self.bring(store, &first, news)? {
            return Ok(Err(why));
        }
        let mut files = BTreeMap::new();
        for (name, output) in record.outputs.iter().filter(|(_, output)| output.folder) {
            let Some(found) = store.files_of(output)? else {
                return Ok(Err(format!("output `{name}`: the list of its files is no such list")));
            };
            files.extend(found.into_iter().map(|(digest, size)| (digest, (name, Some(size)))));
        }
        self.bring(store, &files, news)
    }

    /// Brings objects to hand. The first that is not what it should be is the answer; the others are taken all the same.
    fn bring(
        &self,
        store: &Store,
        objects: &BTreeMap<Digest, (&String, Option<u64>)>,
        news: &mut Part,
    ) -> Result<Result<(), String>, RemoteError> {
        let mut incoming: Vec<(Digest, &String, Option<u64>, TempPath)> = Vec::new();
        for (digest, (output, size)) in objects {
            if store.wants(digest, *size)? {
                incoming.push((*digest, output, *size, store.incoming()?));
            }
        }
        let wanted = incoming.iter().map(|(digest, _, size, path)| Wanted {
            name: object_name(digest),
            size: *size,
            to: path.to_path_buf(),
        });
        let mut wrong = None;
        let mut failed = None;
        for (at, came) in self.client.download(wanted.collect()) {
            let (digest, output, size, path) = &incoming[at];
            let what = match came {
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
                Ok(Came::Missing) => "is not there",
                Ok(Came::WrongSize) => "is damaged",
                Ok(Came::Whole) => {
                    let bytes = fs_err::metadata(path).map_or(0, |data| data.len());
                    if store.take_file(path, digest, *size)? {
                        *news = *news + Part { count: 1, bytes };
                        self.there().insert(*digest);
                        continue;
                    }
                    "is damaged"
                }
            };
            self.doubt(digest);
            wrong.get_or_insert_with(|| format!("output `{output}`: the object {} {what}", digest.short()));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(wrong.map_or(Ok(()), Err))
    }
}

fn answered(key: &Digest, text: Option<&[u8]>) -> Answered {
    let Some(text) = text else {
        return Answered::HasNot;
    };
    Record::from_text(text, key).map_or(Answered::Damaged, |record| Answered::Has(Box::new(record)))
}
