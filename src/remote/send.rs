//! From a store to a remote: files first, then the lists of folders' files, the record last. What is there is not sent again.

use std::collections::{BTreeMap, BTreeSet};

use super::spread::spread;
use super::{Remote, RemoteError, object_name, record_name};
use crate::store::{Digest, Output, Part, Record, Store};

/// Records sent at once by [`Remote::send_all`]; each with many objects at once.
const RECORDS: usize = 8;

/// How sending a record ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It is there now.
    Done(Sent),
    /// It was there already.
    Present,
    /// The store does not have all of it.
    LeftOut(String),
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Objects that were not there before, and their bytes.
    pub objects: Part,
}

impl Remote {
    /// Sends a record with all that it needs. One that is there is left as it is, whoever made it.
    ///
    /// # Errors
    /// When the remote cannot be reached or written, or the store cannot be read.
    pub fn send(&self, store: &Store, record: &Record) -> Result<Sending, RemoteError> {
        let name = record_name(&record.key);
        let doubted = self.doubted().contains(&record.key);
        if !doubted && self.sizes([&record.key], record_name)?[0].is_some() {
            return Ok(Sending::Present);
        }
        // As long as this is held, what is looked at is not removed.
        let in_use = store.in_use()?;
        let whole = store.holds_whole(&record.key)?;
        let Some(text) = store.record_text(&record.key)?.filter(|_| whole) else {
            return Ok(Sending::LeftOut("it is not whole in the store".to_owned()));
        };
        drop(in_use);
        let mut sent = Sent::default();
        for output in record.outputs.values() {
            self.send_output(store, output, &mut sent)?;
        }
        self.client.write(name, text)?;
        self.doubted().remove(&record.key);
        Ok(Sending::Done(sent))
    }

    /// Sends many records at once. `told` hears of each, by any thread, with what became of it.
    pub fn send_all(
        &self,
        store: &Store,
        records: &[Record],
        told: &(dyn Fn(&Record, Result<Sending, RemoteError>) + Sync),
    ) {
        spread(records, RECORDS, &|record| told(record, self.send(store, record)));
    }

    /// Of which of these keys there are records.
    ///
    /// # Errors
    /// When the remote cannot be reached.
    pub fn has(&self, keys: &[Digest]) -> Result<Vec<bool>, RemoteError> {
        let sizes = self.sizes(keys, record_name)?;
        Ok(sizes.iter().map(Option::is_some).collect())
    }

    fn send_output(&self, store: &Store, output: &Output, sent: &mut Sent) -> Result<(), RemoteError> {
        let whole = BTreeMap::from([(output.digest, (!output.folder).then_some(output.bytes))]);
        if !output.folder {
            return self.send_objects(store, &whole, sent);
        }
        let files = store.files_of(output)?.unwrap_or_default();
        // The list is sent after the files: where it is, they are, unless some were found missing.
        let doubtful = {
            let doubted = self.doubted();
            doubted.contains(&output.digest) || files.keys().any(|digest| doubted.contains(digest))
        };
        if !doubtful && self.is_there(&output.digest)? {
            return Ok(());
        }
        let files = files.into_iter().map(|(digest, size)| (digest, Some(size))).collect();
        self.send_objects(store, &files, sent)?;
        self.send_objects(store, &whole, sent)
    }

    fn is_there(&self, digest: &Digest) -> Result<bool, RemoteError> {
        if self.there().contains(digest) {
            return Ok(true);
        }
        let found = self.sizes([digest], object_name)?[0].is_some();
        if found {
            self.there().insert(*digest);
        }
        Ok(found)
    }

    /// Sends those objects that are not there with the size that they should have.
    fn send_objects(
        &self,
        store: &Store,
        objects: &BTreeMap<Digest, Option<u64>>,
        sent: &mut Sent,
    ) -> Result<(), RemoteError> {
        let (mut lacking, mut unknown) = (BTreeSet::new(), Vec::new());
        {
            let (there, doubted) = (self.there(), self.doubted());
            for digest in objects.keys() {
                if doubted.contains(digest) {
                    lacking.insert(*digest);
                } else if !there.contains(digest) {
                    unknown.push(*digest);
                }
            }
        }
        let sizes = self.sizes(&unknown, object_name)?;
        for (digest, found) in unknown.iter().zip(sizes) {
            match (found, objects[digest]) {
                (Some(found), Some(size)) if found == size => drop(self.there().insert(*digest)),
                (Some(_), None) => drop(self.there().insert(*digest)),
                _ => drop(lacking.insert(*digest)),
            }
        }
        let lacking: Vec<Digest> = lacking.into_iter().collect();
        let files = lacking
            .iter()
            .map(|digest| (store.object_file(digest), object_name(digest)));
        let mut failed = None;
        for (at, done) in self.client.upload(files.collect()) {
            match done {
                Ok(bytes) => {
                    self.there().insert(lacking[at]);
                    self.doubted().remove(&lacking[at]);
                    sent.objects = sent.objects + Part { count: 1, bytes };
                }
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn sizes<'a>(
        &self,
        digests: impl IntoIterator<Item = &'a Digest>,
        name: fn(&Digest) -> String,
    ) -> Result<Vec<Option<u64>>, RemoteError> {
        let sizes = self.client.sizes(digests.into_iter().map(name).collect());
        sizes.into_iter().collect()
    }
}
