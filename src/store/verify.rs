//! Reads everything again and says what is not what it should be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;

use super::object::Condition;
use super::stamp::Stamp;
use super::{Digest, Record, Store, StoreError, record};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Verification {
    /// Objects read.
    pub objects: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Records read.
    pub records: usize,
    /// Objects that were not what their name says; they have been set aside.
    pub damaged: Vec<Digest>,
    /// Records that failed their check, by file name; they have been set aside.
    pub damaged_records: Vec<String>,
    /// Outputs that are recorded and not, or no longer, stored.
    pub missing: Vec<Missing>,
}

impl Verification {
    /// Whether all is as it should be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.damaged.is_empty() && self.damaged_records.is_empty() && self.missing.is_empty()
    }
}

/// A recorded output that is not stored whole. The stage runs again when it is next wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The stage's name when it was made.
    pub stage: String,
    /// Its key.
    pub key: Digest,
    /// The output.
    pub output: String,
    /// The object that is not there.
    pub digest: Digest,
}

/// What reading an object again showed.
enum Reread {
    Good(Digest, Stamp),
    Damaged,
    Gone,
}

impl Store {
    /// Hashes every object, reads every record. What is damaged is set aside, to be made again when it is next wanted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify(&self) -> Result<Verification, StoreError> {
        self.verify_and_tell(&|_, _| {})
    }

    /// The same; `tell` hears of each object, by any thread: how many there are, and how many bytes this one has.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn verify_and_tell(&self, tell: &(dyn Fn(usize, u64) + Sync)) -> Result<Verification, StoreError> {
        // What a collector removes meanwhile would look like a loss.
        let _in_use = self.in_use()?;
        let mut found = Verification::default();
        let objects: Vec<(PathBuf, Option<Digest>)> = self.sharded_files("objects")?;
        let read = objects.par_iter().map(|(path, digest)| {
            let read = self.reread(path, digest.as_ref())?;
            let bytes = match &read {
                Reread::Good(_, stamp) => stamp.size,
                Reread::Damaged | Reread::Gone => 0,
            };
            tell(objects.len(), bytes);
            Ok(read)
        });
        let read: Vec<Reread> = read.collect::<Result<_, StoreError>>()?;
        let mut good = Vec::new();
        for ((path, digest), read) in objects.iter().zip(read) {
            match (read, digest) {
                (Reread::Gone, _) => continue,
                (Reread::Good(digest, stamp), _) => {
                    found.bytes += stamp.size;
                    good.push((digest, stamp));
                }
                (Reread::Damaged, Some(digest)) => {
                    self.set_aside(digest);
                    found.damaged.push(*digest);
                }
                // Not a name that the store gives.
                (Reread::Damaged, None) => {
                    self.move_to_damaged(path, &path.file_name().unwrap_or_default().to_string_lossy());
                }
            }
            found.objects += 1;
        }
        self.stamps.add(&good);
        for record in self.checked_records(&mut found)? {
            self.find_missing(&record, &mut found)?;
        }
        Ok(found)
    }

    /// All records that pass their check, in the order of their keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, StoreError> {
        let keys = self.sharded_files("records")?;
        let read = keys
            .into_par_iter()
            .filter_map(|(_, key)| self.record(&key?).transpose());
        read.collect()
    }

    fn checked_records(&self, found: &mut Verification) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for (path, key) in self.sharded_files("records")? {
            let read = match key {
                Some(key) => record::read(&path, &key)?,
                None => record::Read::Damaged,
            };
            match read {
                record::Read::Good(record) => records.push(*record),
                record::Read::Absent => {}
                record::Read::Damaged => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    self.move_to_damaged(&path, &name);
                    found.damaged_records.push(name);
                }
            }
        }
        found.records = records.len();
        Ok(records)
    }

    fn find_missing(&self, record: &Record, found: &mut Verification) -> Result<(), StoreError> {
        for (name, output) in &record.outputs {
            if let Some((digest, condition)) = self.first_bad(output)? {
                if condition == Condition::Damaged {
                    self.set_aside(&digest);
                    found.damaged.push(digest);
                }
                found.missing.push(Missing {
                    stage: record.stage.clone(),
                    key: record.key,
                    output: name.clone(),
                    digest,
                });
            }
        }
        Ok(())
    }

    /// Hashes an object.
    fn reread(&self, path: &std::path::Path, digest: Option<&Digest>) -> Result<Reread, StoreError> {
        let read = || {
            let data = fs_err::symlink_metadata(path).map_err(|e| StoreError::io("read", path, e))?;
            if !data.is_file() {
                return Ok(Reread::Damaged);
            }
            let (found, _) = Digest::of_file(path)?;
            Ok(match digest {
                Some(digest) if *digest == found => Reread::Good(found, Stamp::of(&data)),
                _ => Reread::Damaged,
            })
        };
        match read() {
            // Set aside by somebody else meanwhile.
            Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(Reread::Gone),
            other => other,
        }
    }

    /// The files of `objects` or `records`.
    pub(super) fn sharded_files(&self, folder: &str) -> Result<Vec<(PathBuf, Option<Digest>)>, StoreError> {
        sharded_files(&self.root().join(folder))
    }
}

/// The files of a folder of objects or records, sorted, with the digests in their names.
pub(super) fn sharded_files(top: &std::path::Path) -> Result<Vec<(PathBuf, Option<Digest>)>, StoreError> {
    let mut files = BTreeSet::new();
    for shard in entries(top)? {
        if !shard.is_dir() {
            files.insert((shard, None));
            continue;
        }
        let prefix = shard.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in entries(&shard)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let digest = match name.strip_suffix(".json") {
                Some(key) => key.parse().ok(),
                None => format!("{prefix}{name}").parse().ok(),
            };
            files.insert((path, digest));
        }
    }
    Ok(files.into_iter().collect())
}

pub(super) fn entries(folder: &std::path::Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |error| StoreError::io("read", folder, error);
    match fs_err::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Stdio};

    use serde_json::json;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    fn made(store: &Store, number: u32) -> Record {
        let mut record = record::tests::record(json!({"number": number}));
        let lock = store.lock(&record.key).unwrap();
        let made = store.scratch(&record.key).join("out");
        fs_err::create_dir_all(&made).unwrap();
        for name in 0..5 {
            fs_err::write(made.join(name.to_string()), format!("{number} {name}").repeat(1000)).unwrap();
        }
        record.outputs.insert("out".into(), store.ingest(&made).unwrap());
        store.commit(&lock, &record).unwrap();
        record
    }

    fn object(number: u32, name: u32) -> Digest {
        Digest::of_bytes(format!("{number} {name}").repeat(1000).as_bytes())
    }

    #[test]
    fn a_good_store_verifies_with_all_that_is_in_it() {
        let (_folder, store) = store();
        let records = [made(&store, 1), made(&store, 2)];
        let found = store.verify().unwrap();
        assert!(found.is_good(), "{found:?}");
        assert_eq!((found.objects, found.records), (12, 2));
        assert_eq!(store.records().unwrap().len(), records.len());
    }

    #[test]
    fn damage_that_no_stamp_shows_is_found_and_set_aside() {
        let (_folder, store) = store();
        let record = made(&store, 1);
        let path = store.object_path(&object(1, 3));
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut bytes = fs_err::read(&path).unwrap();
        bytes[2000] ^= 1;
        fs_err::write(&path, bytes).unwrap();
        store
            .stamps
            .add(&[(object(1, 3), Stamp::of(&fs_err::metadata(&path).unwrap()))]);
        let lookup = store.lookup("initial", &record.material).unwrap();
        assert!(
            matches!(lookup, super::super::Lookup::Hit(_)),
            "the stamp hides it: {lookup:?}"
        );
        let found = store.verify().unwrap();
        assert_eq!(found.damaged, [object(1, 3)]);
        assert_eq!(found.missing.len(), 1);
        assert_eq!(
            (found.missing[0].output.as_str(), found.missing[0].digest),
            ("out", object(1, 3))
        );
        assert!(!path.exists());
    }

    #[test]
    fn a_lost_object_and_a_damaged_record_are_told() {
        let (_folder, store) = store();
        let (lost, spoilt) = (made(&store, 1), made(&store, 2));
        fs_err::remove_file(store.object_path(&object(1, 0))).unwrap();
        fs_err::write(store.record_path(&spoilt.key), "").unwrap();
        let found = store.verify().unwrap();
        assert_eq!(found.damaged_records, [format!("{}.json", spoilt.key)]);
        assert_eq!(
            found.missing.iter().map(|missing| missing.key).collect::<Vec<_>>(),
            [lost.key]
        );
        assert!(!store.verify().unwrap().missing.is_empty());
    }

    #[test]
    #[ignore = "the other process of a_store_verifies_after_its_user_was_killed_at_any_moment"]
    fn child_that_stores_without_end() {
        let Ok(root) = std::env::var("ASM_PIPE_TEST_STORE") else {
            return;
        };
        let store = Store::open(std::path::Path::new(&root)).unwrap();
        for number in 0.. {
            let record = made(&store, number);
            store.view(&record.outputs["out"]).unwrap();
            println!("stored {number}");
        }
    }

    #[test]
    fn a_store_verifies_after_its_user_was_killed_at_any_moment() {
        let (_folder, store) = store();
        for lines in [1, 2, 3, 5, 8] {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--ignored",
                    "--exact",
                    "--nocapture",
                    "store::verify::tests::child_that_stores_without_end",
                ])
                .env("ASM_PIPE_TEST_STORE", store.root())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let output = BufReader::new(child.stdout.take().unwrap());
            let stored = output
                .lines()
                .map_while(Result::ok)
                .filter(|line| line.contains("stored"))
                .take(lines)
                .count();
            std::thread::sleep(std::time::Duration::from_micros(lines as u64 * 700));
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(stored, lines);
            let fresh = Store::open(store.root()).unwrap();
            let found = fresh.verify().unwrap();
            assert!(found.is_good() && found.records >= lines, "{found:?}");
            let record = made(&fresh, 0);
            assert!(matches!(
                fresh.lookup("initial", &record.material).unwrap(),
                super::super::Lookup::Hit(_)
            ));
        }
    }

    #[test]
    fn a_child_killed_between_the_writing_and_the_renaming_leaves_a_store_that_verifies() {
        let (_folder, store) = store();
        let record = made(&store, 1);
        // What such a child leaves: a file under a temporary name, outputs in the scratch, a lock file nobody holds.
        fs_err::write(store.temporary().join("file-x"), "half").unwrap();
        fs_err::create_dir_all(store.scratch(&record.key).join("out")).unwrap();
        fs_err::create_dir_all(store.root().join("locks")).unwrap();
        fs_err::write(store.root().join("locks").join(record.key.to_string()), "").unwrap();
        assert!(store.verify().unwrap().is_good());
        assert!(store.try_lock(&record.key).unwrap().is_some());
        made(&store, 1);
    }
}
