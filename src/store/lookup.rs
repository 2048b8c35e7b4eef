//! Whether the outputs of a key are at hand, and the writing down that they are.

use std::collections::BTreeSet;

use super::difference::{self, Reason};
use super::object::Condition;
use super::tree::Entry;
use super::{Digest, KeyLock, KeyMaterial, Output, Record, Store, StoreError, record};

/// What the store says about a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// All outputs are at hand and are what was stored.
    Hit(Record),
    /// They are not.
    Miss(Reason),
}

/// Why there is no record of a key: all that differs from the nearest earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The record compared with; none for a first run.
    pub nearest: Option<Record>,
    /// The differences: what the user is most likely to have changed comes first.
    pub reasons: Vec<Reason>,
}

impl Store {
    /// Looks for the outputs of a stage. An output that is damaged is set aside and told as the reason.
    ///
    /// The name only serves to find an earlier record to compare with.
    ///
    /// # Errors
    /// When the store cannot be read. What is missing or damaged is a miss, not an error.
    pub fn lookup(&self, stage: &str, material: &KeyMaterial) -> Result<Lookup, StoreError> {
        let key = material.key();
        match record::read(&self.record_path(&key), &key)? {
            record::Read::Good(record) => match self.first_lost(&record)? {
                None => Ok(Lookup::Hit(*record)),
                Some(reason) => Ok(Lookup::Miss(reason)),
            },
            record::Read::Absent => Ok(Lookup::Miss(self.first_reason(stage, material))),
            record::Read::Damaged => {
                self.move_to_damaged(&self.record_path(&key), &format!("{key}.json"));
                Ok(Lookup::Miss(self.first_reason(stage, material)))
            }
        }
    }

    /// The record of a key, if there is one that passes its check. Its outputs are not looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn record(&self, key: &Digest) -> Result<Option<Record>, StoreError> {
        Ok(match record::read(&self.record_path(key), key)? {
            record::Read::Good(record) => Some(*record),
            record::Read::Absent | record::Read::Damaged => None,
        })
    }

    /// The last records of stages of this name, whatever their params and inputs were, latest first.
    pub fn recent(&self, stage: &str) -> impl Iterator<Item = Record> + '_ {
        let keys = self.history(stage).into_iter();
        keys.filter_map(|key| self.record(&key).ok().flatten())
    }

    /// Writes down what a stage gave. From then on the key is a hit.
    ///
    /// # Errors
    /// When the lock is for another key, the key is not that of the material, an output is not stored, or the record
    /// cannot be written.
    pub fn commit(&self, lock: &KeyLock, record: &Record) -> Result<(), StoreError> {
        let wrong = |why: String| StoreError::Record {
            stage: record.stage.clone(),
            why,
        };
        if *lock.key() != record.key || record.material.key() != record.key {
            return Err(wrong(format!(
                "the key {} is not the one that is locked",
                record.key.short()
            )));
        }
        for (name, output) in &record.outputs {
            if self.condition(&output.digest, (!output.folder).then_some(output.bytes))? != Condition::Good {
                return Err(wrong(format!("its output `{name}` is not in the store")));
            }
        }
        self.told(record::write(&self.record_path(&record.key), &self.temporary(), record))?;
        self.add_to_history(&record.stage, &record.key);
        Ok(())
    }

    /// The first output that is not at hand. What is damaged is set aside.
    fn first_lost(&self, record: &Record) -> Result<Option<Reason>, StoreError> {
        for (name, output) in &record.outputs {
            let output_name = || name.clone();
            match self.first_bad(output)? {
                None => {}
                Some((_, Condition::Missing)) => return Ok(Some(Reason::OutputMissing { output: output_name() })),
                Some((digest, _)) => {
                    self.set_aside(&digest);
                    return Ok(Some(Reason::OutputDamaged { output: output_name() }));
                }
            }
        }
        Ok(None)
    }

    /// The first object of an output that is not good: of a folder its manifest, then its files.
    pub(super) fn first_bad(&self, output: &Output) -> Result<Option<(Digest, Condition)>, StoreError> {
        if !output.folder {
            let entry = Entry {
                digest: output.digest,
                size: output.bytes,
            };
            return self.first_not_good(std::iter::once(&entry));
        }
        match self.tree(&output.digest)? {
            Ok(tree) => self.first_not_good(tree.files.values()),
            Err(condition) => Ok(Some((output.digest, condition))),
        }
    }

    /// Compares a key that has no record with the nearest earlier one under the stage's name.
    ///
    /// The inputs of the ports in `unknown` are not compared; if there are any, there may be no reason to tell.
    #[must_use]
    pub fn explain(&self, stage: &str, material: &KeyMaterial, unknown: &BTreeSet<String>) -> Explanation {
        let keys = self.history(stage);
        let mut earlier: Vec<Record> = keys.iter().filter_map(|key| self.record(key).ok().flatten()).collect();
        match difference::nearest(material, unknown, earlier.iter().map(|record| &record.material)) {
            Some((at, reasons)) => Explanation {
                nearest: Some(earlier.swap_remove(at)),
                reasons,
            },
            None => Explanation {
                nearest: None,
                reasons: vec![Reason::FirstRun],
            },
        }
    }

    fn first_reason(&self, stage: &str, material: &KeyMaterial) -> Reason {
        let reasons = self.explain(stage, material, &BTreeSet::new()).reasons;
        reasons.into_iter().next().unwrap_or(Reason::FirstRun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use serde_json::json;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    /// Makes a stage with a file and a folder as outputs.
    fn made(store: &Store, params: serde_json::Value) -> Record {
        let mut record = record::tests::record(params);
        let lock = store.lock(&record.key).unwrap();
        let scratch = store.scratch(&record.key);
        fs_err::create_dir_all(scratch.join("data/deep")).unwrap();
        fs_err::write(scratch.join("model"), format!("weights of {}", record.key)).unwrap();
        fs_err::write(scratch.join("data/deep/file"), "boxes").unwrap();
        for name in ["model", "data"] {
            record
                .outputs
                .insert(name.into(), store.ingest(&scratch.join(name)).unwrap());
        }
        store.commit(&lock, &record).unwrap();
        record
    }

    fn object_of(store: &Store, record: &Record, output: &str) -> PathBuf {
        store.object_path(&record.outputs[output].digest)
    }

    fn edit(path: &std::path::Path, content: &str) {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        fs_err::write(path, content).unwrap();
    }

    fn reason(store: &Store, record: &Record) -> String {
        match store.lookup(&record.stage, &record.material).unwrap() {
            Lookup::Hit(_) => "hit".into(),
            Lookup::Miss(reason) => reason.to_string(),
        }
    }

    #[test]
    fn what_was_committed_is_a_hit_under_any_name_in_any_process_and_nothing_else_is() {
        let (_folder, store) = store();
        let record = made(&store, json!({"rate": 0.1}));
        let fresh = Store::open(store.root()).unwrap();
        for store in [&store, &fresh] {
            for name in ["initial", "another"] {
                let found = store.lookup(name, &record.material).unwrap();
                assert_eq!(found, Lookup::Hit(record.clone()));
            }
        }
        let other = record::tests::record(json!({"rate": 0.2}));
        assert_eq!(reason(&store, &other), "param `rate` changed from 0.1 to 0.2");
        assert_eq!(
            store.lookup("another", &other.material).unwrap(),
            Lookup::Miss(Reason::FirstRun)
        );
    }

    #[test]
    fn a_truncated_object_is_noticed_set_aside_and_told_and_made_again() {
        let (_folder, store) = store();
        let record = made(&store, json!({}));
        let object = object_of(&store, &record, "model");
        edit(&object, "short");
        assert_eq!(reason(&store, &record), "output `model` was damaged in the store");
        assert!(!object.exists());
        assert_eq!(fs_err::read_dir(store.root().join("damaged")).unwrap().count(), 1);
        assert_eq!(reason(&store, &record), "output `model` is missing from the store");
        made(&store, json!({}));
        assert_eq!(reason(&store, &record), "hit");
    }

    #[test]
    fn an_object_edited_to_the_same_size_is_noticed_even_with_its_old_modification_time() {
        let (_folder, store) = store();
        let record = made(&store, json!({}));
        let object = object_of(&store, &record, "model");
        let data = fs_err::metadata(&object).unwrap();
        edit(&object, &"x".repeat(data.len() as usize));
        let file = std::fs::OpenOptions::new().write(true).open(&object).unwrap();
        file.set_modified(data.modified().unwrap()).unwrap();
        drop(file);
        assert_eq!(
            reason(&Store::open(store.root()).unwrap(), &record),
            "output `model` was damaged in the store"
        );
    }

    #[test]
    fn damage_inside_a_folder_and_to_its_manifest_is_noticed() {
        let (_folder, store) = store();
        let record = made(&store, json!({}));
        edit(&store.object_path(&Digest::of_bytes(b"boxes")), "sexob");
        assert_eq!(reason(&store, &record), "output `data` was damaged in the store");
        made(&store, json!({}));
        fs_err::remove_file(store.object_path(&Digest::of_bytes(b"boxes"))).unwrap();
        assert_eq!(reason(&store, &record), "output `data` is missing from the store");
        made(&store, json!({}));
        edit(&object_of(&store, &record, "data"), "asm-pipe folder 1\n");
        assert_eq!(reason(&store, &record), "output `data` was damaged in the store");
    }

    #[test]
    fn a_touched_object_and_a_store_without_its_index_are_still_hits() {
        let (_folder, store) = store();
        let record = made(&store, json!({}));
        let object = object_of(&store, &record, "model");
        fs_err::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&object).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(reason(&store, &record), "hit");
        for name in ["index", "history", "tmp", "locks", "scratch"] {
            let _ = fs_err::remove_dir_all(store.root().join(name));
        }
        assert_eq!(reason(&Store::open(store.root()).unwrap(), &record), "hit");
    }

    #[test]
    fn a_damaged_record_is_a_miss_and_does_not_stand_in_the_way() {
        let (_folder, store) = store();
        let record = made(&store, json!({}));
        fs_err::write(store.record_path(&record.key), "{}").unwrap();
        assert_eq!(reason(&store, &record), "first run");
        made(&store, json!({}));
        assert_eq!(reason(&store, &record), "hit");
    }

    #[test]
    fn nothing_is_recorded_under_a_key_that_is_not_locked_or_without_its_outputs() {
        let (_folder, store) = store();
        let mut record = record::tests::record(json!({}));
        let other = store.lock(&Digest::of_bytes(b"other")).unwrap();
        assert!(store.commit(&other, &record).is_err());
        let lock = store.lock(&record.key).unwrap();
        let digest = Digest::of_bytes(b"never stored");
        record.outputs.insert(
            "model".into(),
            Output {
                digest,
                bytes: 1,
                folder: false,
            },
        );
        let error = store.commit(&lock, &record).unwrap_err().to_string();
        assert!(error.contains("`model` is not in the store"), "{error}");
        assert_eq!(reason(&store, &record), "first run");
    }

    #[test]
    fn a_store_can_be_moved_and_no_record_names_its_place() {
        let (folder, store) = store();
        let record = made(&store, json!({}));
        let text = fs_err::read_to_string(store.record_path(&record.key)).unwrap();
        assert!(!text.contains(&folder.path().display().to_string()));
        let moved = folder.path().join("moved");
        fs_err::rename(store.root(), &moved).unwrap();
        assert_eq!(reason(&Store::open(&moved).unwrap(), &record), "hit");
    }
}
