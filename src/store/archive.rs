//! Records and their objects in a folder that can be carried to another machine, and back into a store.
//!
//! ```text
//! asm-pipe-archive        version of this layout
//! objects/ab/cdef..       as in a store
//! records/ab/<key>.json   as in a store
//! ```
//!
//! An archive is there whole or not at all: it is written beside its place and renamed. It is not believed: every record
//! is read by its check, every object by its digest, and a record comes in only when all its objects have. What is wrong
//! is left out by itself. While records and objects come in, the store may be in use by others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::inventory::Part;
use super::materialise::copy_content;
use super::object::{Condition, Sync};
use super::stamp::Stamp;
use super::verify::sharded_files;
use super::{Digest, Output, Record, Store, StoreError, atomic, record};

/// The file that says that a folder is an archive.
const MARK: &str = "asm-pipe-archive";

/// Version of the layout.
const FORMAT: &str = "1\n";

/// What was written into an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// How many records.
    pub records: usize,
    /// Objects and their bytes.
    pub objects: Part,
    /// What was left out, for it is not whole in the store.
    pub left_out: Vec<Refused>,
}

/// What came out of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Records taken, with the name of the stage.
    pub taken: BTreeMap<Digest, String>,
    /// Records that were there already, whole.
    pub present: BTreeMap<Digest, String>,
    /// Objects that were new, and their bytes.
    pub objects: Part,
    /// What was not taken.
    pub refused: Vec<Refused>,
}

/// A record that did not go through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The stage, or the name of the file if that cannot be read.
    pub what: String,
    /// Why.
    pub why: String,
}

impl Store {
    /// Writes records with all their objects into a folder, which must not be there or be empty. Without keys: all.
    ///
    /// # Errors
    /// When the store cannot be read or the folder cannot be written.
    pub fn export_archive(&self, keys: Option<&BTreeSet<Digest>>, archive: &Path) -> Result<Exported, StoreError> {
        let _in_use = self.in_use()?;
        let failed = |error| StoreError::io("write", archive, error);
        let parent = archive.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".asm-pipe-").permissions(Permissions::from_mode(0o777));
        let folder = atomic::with_parent(archive, || builder.tempdir_in(parent.unwrap_or(Path::new("."))));
        let folder = folder.map_err(failed)?;
        let census = self.census()?;
        let mut exported = Exported::default();
        let mut objects = BTreeSet::new();
        for (key, record) in census
            .records
            .iter()
            .filter(|(key, _)| keys.is_none_or(|keys| keys.contains(key)))
        {
            if let Some(why) = self.what_lacks(record)? {
                let what = record.stage.clone();
                exported.left_out.push(Refused { what, why });
                continue;
            }
            objects.extend(census.objects_of_record(record));
            let name = self.inside(&self.record_path(key));
            self.told_of(
                archive,
                copy(&self.record_path(key), &folder.path().join(name)).map_err(failed),
            )?;
            exported.records += 1;
        }
        let sizes = objects.par_iter().map(|digest| {
            let object = self.object_path(digest);
            let name = self.inside(&object);
            self.told_of(archive, copy(&object, &folder.path().join(name)).map_err(failed))
        });
        let sizes: Vec<u64> = sizes.collect::<Result<_, StoreError>>()?;
        exported.objects = Part {
            count: sizes.len(),
            bytes: sizes.iter().sum(),
        };
        fs_err::write(folder.path().join(MARK), FORMAT).map_err(failed)?;
        let folder = folder.keep();
        fs_err::rename(&folder, archive).map_err(|error| {
            let _ = fs_err::remove_dir_all(&folder);
            failed(error)
        })?;
        Ok(exported)
    }

    /// Takes what is good in an archive. `taken` hears of each record that is now at hand, while nothing that it needs can
    /// be removed.
    ///
    /// # Errors
    /// When the folder is no archive or the store cannot be written. What is wrong with single records is in the answer.
    pub fn import_archive(
        &self,
        archive: &Path,
        taken: &mut dyn FnMut(&Record) -> std::io::Result<()>,
    ) -> Result<Imported, StoreError> {
        check_mark(archive)?;
        let mut imported = Imported::default();
        for (path, key) in sharded_files(&archive.join("records"))? {
            let read = match key {
                Some(key) if fs_err::symlink_metadata(&path).is_ok_and(|data| data.is_file()) => {
                    record::read(&path, &key)?
                }
                _ => record::Read::Damaged,
            };
            let record::Read::Good(record) = read else {
                imported.refused.push(Refused {
                    what: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    why: "the record is damaged".to_owned(),
                });
                continue;
            };
            let _in_use = self.in_use()?;
            match self.told(self.take(archive, &record, &mut imported))? {
                Ok(()) => taken(&record).map_err(|e| StoreError::io("write the journal for", archive, e))?,
                Err(why) => {
                    let what = record.stage;
                    imported.refused.push(Refused { what, why });
                }
            }
        }
        Ok(imported)
    }

    /// Takes a record with its objects, or says why not.
    fn take(&self, archive: &Path, record: &Record, told: &mut Imported) -> Result<Result<(), String>, StoreError> {
        let name = record.stage.clone();
        // What this store has made itself is not replaced by what another one has.
        if let Some(own) = self.record(&record.key)?
            && self.what_lacks(&own)?.is_none()
        {
            told.present.insert(record.key, name);
            return Ok(Ok(()));
        }
        for (output, stored) in &record.outputs {
            if let Err(why) = self.take_output(archive, stored, &mut told.objects)? {
                return Ok(Err(format!("output `{output}`: {why}")));
            }
        }
        // Another run makes it just now: what that makes is as good.
        let Some(lock) = self.try_lock(&record.key)? else {
            return Ok(Err("a run is making it".to_owned()));
        };
        match self.commit(&lock, record) {
            Err(error @ StoreError::Record { .. }) => return Ok(Err(error.to_string())),
            other => other?,
        }
        told.taken.insert(record.key, name);
        Ok(Ok(()))
    }

    fn take_output(&self, archive: &Path, output: &Output, news: &mut Part) -> Result<Result<(), String>, StoreError> {
        let size = (!output.folder).then_some(output.bytes);
        let mut stamps = Vec::new();
        let mut note = |taken: Option<(Digest, Stamp)>| {
            stamps.extend(taken);
            *news = *news
                + taken.map_or(Part::default(), |(_, stamp)| Part {
                    count: 1,
                    bytes: stamp.size,
                });
        };
        match self.take_object(archive, &output.digest, size)? {
            Ok(taken) => note(taken),
            Err(why) => return Ok(Err(why)),
        }
        if output.folder {
            let Ok(tree) = self.tree(&output.digest)? else {
                return Ok(Err("the list of its files is no such list".to_owned()));
            };
            let files: BTreeMap<Digest, u64> = tree.files.values().map(|entry| (entry.digest, entry.size)).collect();
            let taken = files
                .par_iter()
                .map(|(digest, size)| self.take_object(archive, digest, Some(*size)));
            let taken: Vec<Result<Option<(Digest, Stamp)>, String>> = taken.collect::<Result<_, StoreError>>()?;
            for taken in taken {
                match taken {
                    Ok(taken) => note(taken),
                    Err(why) => return Ok(Err(why)),
                }
            }
        }
        if !stamps.is_empty() {
            self.sync_objects()?;
            self.stamps.add(&stamps);
        }
        Ok(Ok(()))
    }

    /// Takes an object if it is not at hand and is what its name says. The stamp may be noted when it is on the disk.
    fn take_object(
        &self,
        archive: &Path,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<Result<Option<(Digest, Stamp)>, String>, StoreError> {
        if self.condition(digest, size)? == Condition::Good {
            return Ok(Ok(None));
        }
        let path = archive.join(self.inside(&self.object_path(digest)));
        let wrong = |what: &str| Ok(Err(format!("the object {} {what}", digest.short())));
        match fs_err::symlink_metadata(&path) {
            Ok(data) if data.is_file() => {}
            Ok(_) => return wrong("is no file"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return wrong("is not in the archive"),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        }
        // First into the store's own folder: what lies in the archive may change while it is read.
        let mut file = atomic::temporary_file(&self.temporary())?;
        copy_content(&path, file.as_file_mut()).map_err(|e| StoreError::io("read", &path, e))?;
        let (found, bytes) = Digest::of_file(file.path())?;
        if found != *digest || size.is_some_and(|size| size != bytes) {
            return wrong("is damaged");
        }
        let stamp = self.place(file.path(), digest, Sync::Later)?;
        Ok(Ok(Some((*digest, stamp))))
    }

    /// Whether there is a record of this key and all its outputs are at hand.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn holds_whole(&self, key: &Digest) -> Result<bool, StoreError> {
        let record = self.record(key)?;
        Ok(record.is_some_and(|record| matches!(self.what_lacks(&record), Ok(None))))
    }

    /// Why a record is not whole in the store; none if it is.
    pub(super) fn what_lacks(&self, record: &Record) -> Result<Option<String>, StoreError> {
        for (name, output) in &record.outputs {
            if let Some((digest, condition)) = self.first_bad(output)? {
                let how = if condition == Condition::Damaged {
                    "damaged"
                } else {
                    "missing"
                };
                return Ok(Some(format!("output `{name}`: the object {} is {how}", digest.short())));
            }
        }
        Ok(None)
    }

    /// A path of the store as it is within it.
    fn inside(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.root()).unwrap_or(path).to_owned()
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<u64> {
    let mut file: std::fs::File = atomic::with_parent(to, || fs_err::File::create(to))?.into();
    copy_content(from, &mut file)?;
    file.metadata().map(|data| data.len())
}

fn check_mark(archive: &Path) -> Result<(), StoreError> {
    let wrong = |why: &str| StoreError::NotAnArchive {
        path: archive.to_owned(),
        why: why.to_owned(),
    };
    match fs_err::read_to_string(archive.join(MARK)) {
        Ok(text) if text == FORMAT => Ok(()),
        Ok(_) => Err(wrong("it was made by a later version of the program")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(wrong("it has no file `asm-pipe-archive`")),
        Err(error) => Err(StoreError::io("read", archive, error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::Lookup;

    fn store(folder: &Path, name: &str) -> Store {
        Store::open(&folder.join(name)).unwrap()
    }

    fn made(store: &Store, number: u32) -> Record {
        let mut record = record::tests::record(json!({"number": number}));
        record.stage = format!("stage-{number}");
        let lock = store.lock(&record.key).unwrap();
        let scratch = store.scratch(&record.key);
        fs_err::create_dir_all(scratch.join("data/deep")).unwrap();
        fs_err::write(scratch.join("model"), format!("weights {number}")).unwrap();
        fs_err::write(scratch.join("data/deep/own"), format!("boxes {number}")).unwrap();
        fs_err::write(scratch.join("data/common"), "common").unwrap();
        for name in ["model", "data"] {
            let output = store.ingest(&scratch.join(name)).unwrap();
            record.outputs.insert(name.into(), output);
        }
        store.commit(&lock, &record).unwrap();
        record
    }

    fn is_hit(store: &Store, record: &Record) -> bool {
        matches!(store.lookup(&record.stage, &record.material).unwrap(), Lookup::Hit(found) if found == *record)
    }

    fn import(store: &Store, archive: &Path) -> (Imported, Vec<String>) {
        let mut heard = Vec::new();
        let mut hear = |record: &Record| {
            heard.push(record.stage.clone());
            Ok(())
        };
        let imported = store.import_archive(archive, &mut hear).unwrap();
        (imported, heard)
    }

    fn object(archive: &Path, text: &str) -> PathBuf {
        let name = Digest::of_bytes(text.as_bytes()).to_string();
        archive.join("objects").join(&name[..2]).join(&name[2..])
    }

    #[test]
    fn what_was_exported_is_a_hit_where_it_is_imported_and_the_second_time_nothing_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (store(folder.path(), "here"), store(folder.path(), "there"));
        let records = [made(&here, 1), made(&here, 2)];
        let archive = folder.path().join("deep/archive");
        let exported = here.export_archive(None, &archive).unwrap();
        assert_eq!((exported.records, exported.objects.count), (2, 7));
        let (imported, heard) = import(&there, &archive);
        assert!(imported.refused.is_empty(), "{imported:?}");
        assert_eq!(
            (imported.taken.len(), heard.len(), imported.objects),
            (2, 2, exported.objects)
        );
        assert!(records.iter().all(|record| is_hit(&there, record)));
        assert!(there.verify().unwrap().is_good());
        let (again, heard) = import(&there, &archive);
        assert_eq!(
            (again.taken.len(), again.present.len(), again.objects),
            (0, 2, Part::default())
        );
        assert_eq!(heard.len(), 2, "what is at hand counts as wanted too");
        assert_eq!(fs_err::read_dir(there.temporary()).unwrap().count(), 0);
    }

    #[test]
    fn only_the_records_asked_for_are_exported() {
        let folder = tempfile::tempdir().unwrap();
        let here = store(folder.path(), "here");
        let (wanted, _) = (made(&here, 1), made(&here, 2));
        let archive = folder.path().join("archive");
        let exported = here.export_archive(Some(&[wanted.key].into()), &archive).unwrap();
        assert_eq!((exported.records, exported.objects.count), (1, 4));
        assert!(
            here.export_archive(None, &archive).is_err(),
            "there is something already"
        );
        assert_eq!(
            fs_err::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing is left beside it"
        );
    }

    #[test]
    fn what_is_not_whole_is_left_out_of_an_archive_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let here = store(folder.path(), "here");
        let (lost, _) = (made(&here, 1), made(&here, 2));
        fs_err::remove_file(here.object_path(&lost.outputs["model"].digest)).unwrap();
        let exported = here.export_archive(None, &folder.path().join("archive")).unwrap();
        assert_eq!(exported.records, 1);
        assert_eq!(exported.left_out[0].what, "stage-1");
    }

    #[test]
    fn a_damaged_archive_is_refused_piece_by_piece() {
        let folder = tempfile::tempdir().unwrap();
        let here = store(folder.path(), "here");
        let records: Vec<Record> = (1..=5).map(|number| made(&here, number)).collect();
        let archive = folder.path().join("archive");
        here.export_archive(None, &archive).unwrap();
        fs_err::write(object(&archive, "weights 1"), "weights !").unwrap();
        fs_err::remove_file(object(&archive, "boxes 2")).unwrap();
        let key = records[2].key.to_string();
        fs_err::write(archive.join(format!("records/{}/{key}.json", &key[..2])), "{}").unwrap();
        let secret = object(&archive, "weights 4");
        fs_err::remove_file(&secret).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &secret).unwrap();
        let there = store(folder.path(), "there");
        let (imported, _) = import(&there, &archive);
        let taken: Vec<&String> = imported.taken.values().collect();
        assert_eq!(taken, ["stage-5"]);
        let mut refused: Vec<String> = imported
            .refused
            .iter()
            .map(|r| format!("{}: {}", r.what, r.why))
            .collect();
        refused.sort();
        let expected = ["is damaged", "is not in the archive", "is no file"];
        let of_stages: Vec<&String> = refused.iter().filter(|text| text.starts_with("stage-")).collect();
        for (text, part) in of_stages.iter().zip(expected) {
            assert!(text.contains(part), "{refused:?}");
        }
        assert_eq!((of_stages.len(), refused.len()), (3, 4));
        let verified = there.verify().unwrap();
        assert!(verified.is_good(), "{verified:?}");
        assert!(!is_hit(&there, &records[0]) && is_hit(&there, &records[4]));
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let here = store(folder.path(), "here");
        let error = here.import_archive(folder.path(), &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("is no archive"), "{error}");
    }
}
