//! Objects and records on their way to and from other places.
//!
//! Nothing that comes is believed: an object is taken when its content has the digest that it was asked for by, a record when
//! all its objects are at hand. Objects that came and are not recorded yet belong to nobody, so the collector may take them; that
//! is why all of them are looked at once more when the record is written down.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::object::{Condition, SMALL, Sync};
use super::{Digest, InUse, Output, Record, Store, StoreError, atomic, record};

impl Store {
    /// Whether an object is not at hand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn wants(&self, digest: &Digest, size: Option<u64>) -> Result<bool, StoreError> {
        Ok(self.condition(digest, size)? != Condition::Good)
    }

    /// The files of an output that is a folder, with their sizes; none if the list of them is not at hand or is no such list.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn files_of(&self, output: &Output) -> Result<Option<BTreeMap<Digest, u64>>, StoreError> {
        let tree = self.tree(&output.digest)?.ok();
        Ok(tree.map(|tree| tree.files.values().map(|entry| (entry.digest, entry.size)).collect()))
    }

    /// Where an object's content is, if it is at hand.
    #[must_use]
    pub fn object_file(&self, digest: &Digest) -> PathBuf {
        self.object_path(digest)
    }

    /// A new file that an object can be written to before it is taken. Gone when dropped.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn incoming(&self) -> Result<TempPath, StoreError> {
        Ok(self.told(atomic::temporary_file(&self.temporary()))?.into_temp_path())
    }

    /// Takes a file of the store's own ([`Self::incoming`]) as an object, if it is what it should be. Says whether it is.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn take_file(&self, path: &Path, digest: &Digest, size: Option<u64>) -> Result<bool, StoreError> {
        let (found, bytes) = Digest::of_file(path)?;
        if found != *digest || size.is_some_and(|size| size != bytes) {
            return Ok(false);
        }
        let sync = if bytes > SMALL { Sync::Now } else { Sync::Later };
        let stamp = self.told(self.place(path, digest, sync))?;
        self.note(&[(*digest, stamp)], sync)?;
        Ok(true)
    }

    /// Writes down a record whose objects have come. While the answer is held, the collector removes nothing; without one it says
    /// why the record was not taken.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn take_record(&self, record: &Record) -> Result<Result<InUse, String>, StoreError> {
        let in_use = self.in_use()?;
        if let Some(why) = self.what_lacks(record)? {
            return Ok(Err(why));
        }
        // What this store has made itself is not replaced by what another one has.
        if self.holds_whole(&record.key)? {
            return Ok(Ok(in_use));
        }
        let Some(lock) = self.try_lock(&record.key)? else {
            return Ok(Err("a run is making it".to_owned()));
        };
        match self.commit(&lock, record) {
            Err(error @ StoreError::Record { .. }) => Ok(Err(error.to_string())),
            other => other.map(|()| Ok(in_use)),
        }
    }

    /// A record as it is written down, to be sent elsewhere; none if there is none that passes its check.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn record_text(&self, key: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.record_path(key);
        match fs_err::read(&path) {
            Ok(text) => Ok(Record::from_text(&text, key).is_some().then_some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path, error)),
        }
    }
}

impl Record {
    /// Reads a record that came from elsewhere. None if it does not pass its check or is not of this key.
    #[must_use]
    pub fn from_text(text: &[u8], key: &Digest) -> Option<Self> {
        record::parse(text).filter(|record| record.key == *key && record.material.key() == *key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::Lookup;

    struct Two {
        _folder: tempfile::TempDir,
        here: Store,
        there: Store,
        record: Record,
    }

    /// Two stores, and a record with a file and a folder in the first.
    fn two() -> Two {
        let folder = tempfile::tempdir().unwrap();
        let [here, there] = ["here", "there"].map(|name| Store::open(&folder.path().join(name)).unwrap());
        let mut record = record::tests::record(json!({}));
        let lock = here.lock(&record.key).unwrap();
        let scratch = here.scratch(&record.key);
        fs_err::create_dir_all(scratch.join("data")).unwrap();
        fs_err::write(scratch.join("model"), "weights").unwrap();
        fs_err::write(scratch.join("data/file"), "boxes").unwrap();
        for name in ["model", "data"] {
            let output = here.ingest(&scratch.join(name)).unwrap();
            record.outputs.insert(name.into(), output);
        }
        here.commit(&lock, &record).unwrap();
        drop(lock);
        Two {
            _folder: folder,
            here,
            there,
            record,
        }
    }

    fn carry(two: &Two, digest: &Digest) -> bool {
        let incoming = two.there.incoming().unwrap();
        fs_err::copy(two.here.object_file(digest), &incoming).unwrap();
        two.there.take_file(&incoming, digest, None).unwrap()
    }

    #[test]
    fn a_record_is_taken_when_all_its_objects_have_come_and_not_before() {
        let two = two();
        let text = two.here.record_text(&two.record.key).unwrap().unwrap();
        let record = Record::from_text(&text, &two.record.key).unwrap();
        assert_eq!(record, two.record);
        for output in record.outputs.values() {
            assert!(two.there.wants(&output.digest, None).unwrap());
            assert!(carry(&two, &output.digest));
        }
        let why = two.there.take_record(&record).unwrap().unwrap_err();
        assert!(why.contains("output `data`") && why.contains("missing"), "{why}");
        let files = two.there.files_of(&record.outputs["data"]).unwrap().unwrap();
        assert!(files.keys().all(|digest| carry(&two, digest)));
        two.there.take_record(&record).unwrap().unwrap();
        assert!(matches!(
            two.there.lookup("x", &record.material).unwrap(),
            Lookup::Hit(_)
        ));
        assert!(two.there.verify().unwrap().is_good());
        assert_eq!(fs_err::read_dir(two.there.temporary()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_is_not_taken() {
        let two = two();
        let digest = Digest::of_bytes(b"weights");
        let incoming = two.there.incoming().unwrap();
        fs_err::write(&incoming, "weighty").unwrap();
        assert!(!two.there.take_file(&incoming, &digest, None).unwrap());
        fs_err::write(&incoming, "weights").unwrap();
        assert!(!two.there.take_file(&incoming, &digest, Some(8)).unwrap());
        assert!(two.there.wants(&digest, None).unwrap());
        assert!(two.there.take_file(&incoming, &digest, Some(7)).unwrap());
        assert!(!two.there.wants(&digest, Some(7)).unwrap());
    }

    #[test]
    fn a_record_of_another_key_or_with_other_material_is_none() {
        let two = two();
        let text = two.here.record_text(&two.record.key).unwrap().unwrap();
        assert!(Record::from_text(&text, &Digest::of_bytes(b"other")).is_none());
        // Passes its check, but its key is not that of its material.
        let mut forged = two.record.clone();
        forged.material.params = json!({"rate": 2});
        let mut line = serde_json::to_string(&forged).unwrap();
        line += &format!("\n\"{}\"\n", Digest::of_bytes(line.as_bytes()));
        assert!(Record::from_text(line.as_bytes(), &two.record.key).is_none());
        assert!(two.here.record_text(&Digest::of_bytes(b"other")).unwrap().is_none());
    }

    #[test]
    fn a_record_from_before_makers_were_written_down_is_read() {
        let mut record = serde_json::to_value(two().record).unwrap();
        record.as_object_mut().unwrap().remove("maker").unwrap();
        let record: Record = serde_json::from_value(record).unwrap();
        assert_eq!(record.maker, None);
    }
}
