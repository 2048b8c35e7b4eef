//! Removing what nobody wants, while runs go on beside it.
//!
//! What is wanted is told from outside, as keys and stage names ([`Wanted`]); why that is enough:
//!
//! - *What a run has, its journal names.* A run names a key when the store had it, when it begins to make it, and when it
//!   waits for another run to make it. Until the line is written, it holds [`super::InUse`]. So whoever holds
//!   [`super::Alone`] and then reads the journals of the runs that live knows all that these rely on: what they found and
//!   what they are making, with the inputs of all that runs, which were found or made before.
//! - *What is being stored has no record yet.* From the first object of an output to the record, a job holds `InUse`.
//! - *A run that starts meanwhile* stands at the gate until the collector is done, and then finds a key or does not. A
//!   record is never seen without its objects by somebody who then relies on it.
//! - *What a run has not come to* is kept by name: records made under a name that a living run still has before it. Were
//!   one removed all the same, under another name, the stage would run again and give the same.
//! - *Scratch* is left alone while its key is locked; the collector holds the lock while it takes the folder away.
//!
//! The gate must not be closed for long. So what goes is only renamed into a folder under `tmp` while it is closed, and
//! deleted from there when it is open again; what a killed collector leaves there is swept like all of `tmp`. Records go
//! before objects, so that a kill in between leaves content without a name and not a name without content.
//!
//! What is removed has been shown before: it was garbage when that was asked, and still is when the gate is closed. A record that is
//! new since then stays with all that it names, wanted or not.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::history::own_name;
use super::inventory::{Part, files};
use super::{Alone, Census, Digest, Store, StoreError, atomic};

/// What must stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys: their records with all outputs, and their scratch as long as there is no record.
    pub keys: BTreeSet<Digest>,
    /// Stages that runs have yet to come to: what was made under these names stays.
    pub stages: BTreeSet<String>,
    /// Runs, by the names of their folders.
    pub runs: BTreeSet<String>,
}

/// What nobody wants.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Garbage {
    /// Records, with the name of the stage and the bytes that go with them: of content that several share, with the first.
    pub records: BTreeMap<Digest, (String, u64)>,
    /// Objects with their sizes, those of the records and those that no record names.
    pub objects: BTreeMap<Digest, u64>,
    /// Views, by their names.
    pub views: BTreeSet<String>,
    /// Scratch folders with their bytes.
    pub scratch: BTreeMap<String, u64>,
    /// Runs with their bytes.
    pub runs: BTreeMap<String, u64>,
    /// What was set aside as damaged, with its bytes.
    pub damaged: BTreeMap<String, u64>,
    /// What jobs of a cluster have left, by its path in their folder, with its bytes. Whoever knows such jobs adds it.
    pub slurm: BTreeMap<String, u64>,
}

impl Garbage {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes that removing it frees.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let named = [&self.scratch, &self.runs, &self.damaged, &self.slurm];
        self.objects
            .values()
            .chain(named.into_iter().flat_map(BTreeMap::values))
            .sum()
    }

    /// Records and bytes by stage name, without the pipeline's.
    #[must_use]
    pub fn by_stage(&self) -> BTreeMap<String, Part> {
        let mut stages: BTreeMap<String, Part> = BTreeMap::new();
        for (stage, bytes) in self.records.values() {
            let part = stages.entry(stage.clone()).or_default();
            *part = *part
                + Part {
                    count: 1,
                    bytes: *bytes,
                };
        }
        stages
    }

    /// Content that no record names.
    #[must_use]
    pub fn nameless_bytes(&self) -> u64 {
        let named: u64 = self.records.values().map(|(_, bytes)| bytes).sum();
        self.objects.values().sum::<u64>().saturating_sub(named)
    }

    /// Leaves only what is in the other as well.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.records.retain(|key, _| other.records.contains_key(key));
        self.objects.retain(|digest, _| other.objects.contains_key(digest));
        self.views.retain(|name| other.views.contains(name));
        self.scratch.retain(|name, _| other.scratch.contains_key(name));
        self.runs.retain(|name, _| other.runs.contains_key(name));
        self.damaged.retain(|name, _| other.damaged.contains_key(name));
        self.slurm.retain(|name, _| other.slurm.contains_key(name));
        self
    }
}

impl Store {
    /// What is in the store and not wanted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn garbage(&self, census: &Census, wanted: &Wanted) -> Result<Garbage, StoreError> {
        let (mut reached, mut outputs) = (HashSet::new(), HashSet::new());
        let mut unwanted = Vec::new();
        for (key, record) in &census.records {
            if wanted.keys.contains(key) || wanted.stages.contains(own_name(&record.stage)) {
                census.reach(record, &mut reached);
                outputs.extend(record.outputs.values().map(|output| output.digest));
            } else {
                unwanted.push(record);
            }
        }
        let objects = census.objects.iter().filter(|(digest, _)| !reached.contains(digest));
        let objects = objects.map(|(digest, size)| (*digest, *size)).collect();
        let record = |record: &super::Record| {
            let stage = own_name(&record.stage).to_owned();
            (record.key, (stage, census.reach(record, &mut reached)))
        };
        let is_kept_view = |name: &str| name.parse().is_ok_and(|digest: Digest| outputs.contains(&digest));
        let is_kept_scratch = |name: &str| {
            let Ok(key) = name.parse::<Digest>() else { return false };
            let goes_on = wanted.keys.contains(&key) && !census.records.contains_key(&key);
            // A key that somebody holds is being made.
            goes_on || !matches!(self.try_lock(&key), Ok(Some(_)))
        };
        Ok(Garbage {
            records: unwanted.into_iter().map(record).collect(),
            objects,
            views: self
                .names("views")?
                .into_iter()
                .filter(|name| !is_kept_view(name))
                .collect(),
            scratch: self.sized("scratch", is_kept_scratch)?,
            runs: self.sized("runs", |name| wanted.runs.contains(name))?,
            damaged: self.sized("damaged", |_| false)?,
            slurm: BTreeMap::new(),
        })
    }

    /// Takes garbage away, and what indexes and histories say of it. It is deleted when the answer is dropped, which is
    /// to be done after the guard.
    ///
    /// # Errors
    /// When something cannot be moved. What has been moved by then is gone.
    pub fn remove(&self, _alone: &Alone, garbage: &Garbage) -> Result<Removed, StoreError> {
        let folder = atomic::temporary_folder(&self.temporary())?;
        let away = |from: &Path, name: &str| {
            match fs_err::rename(from, folder.path().join(name)) {
                // Gone already, by a lookup that set it aside or by hand.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                other => other.map_err(|e| StoreError::io("remove", from, e)),
            }
        };
        for key in garbage.records.keys() {
            away(&self.record_path(key), &format!("record-{key}"))?;
        }
        for digest in garbage.objects.keys() {
            away(&self.object_path(digest), &format!("object-{digest}"))?;
        }
        let views = garbage.views.iter().map(|name| ("views", name));
        let damaged = garbage.damaged.keys().map(|name| ("damaged", name));
        let runs = garbage.runs.keys().map(|name| ("runs", name));
        let slurm = garbage.slurm.keys().map(|name| ("slurm", name));
        for (part, name) in views.chain(damaged).chain(runs).chain(slurm) {
            let aside = format!("{part}-{}", name.replace('/', "-"));
            away(&self.root().join(part).join(name), &aside)?;
        }
        for name in garbage.scratch.keys() {
            let lock = name.parse().map(|key: Digest| self.try_lock(&key));
            if let Ok(Ok(None) | Err(_)) = lock {
                continue;
            }
            away(&self.root().join("scratch").join(name), &format!("scratch-{name}"))?;
        }
        self.stamps.forget(|digest| garbage.objects.contains_key(digest));
        self.trim_histories();
        self.trim_indexes();
        self.trim_locks()?;
        Ok(Removed { folder })
    }

    /// Removes the files of locks that nobody holds.
    fn trim_locks(&self) -> Result<(), StoreError> {
        for name in self.names("locks")? {
            if let Ok(key) = name.parse()
                && let Some(lock) = self.try_lock(&key)?
            {
                lock.discard();
            }
        }
        Ok(())
    }

    fn names(&self, part: &str) -> Result<Vec<String>, StoreError> {
        let entries = super::verify::entries(&self.root().join(part))?;
        let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        Ok(entries.into_iter().filter_map(name).collect())
    }

    /// What is in a part and is not kept, with its bytes.
    fn sized(&self, part: &str, is_kept: impl Fn(&str) -> bool) -> Result<BTreeMap<String, u64>, StoreError> {
        let bytes = |name: &str| {
            let path = self.root().join(part).join(name);
            match std::fs::symlink_metadata(&path) {
                Ok(data) if !data.is_dir() => data.len(),
                _ => files(&path, &|data| data.len()).bytes,
            }
        };
        let names = self.names(part)?.into_iter().filter(|name| !is_kept(name));
        Ok(names.map(|name| (name.clone(), bytes(&name))).collect())
    }
}

/// What has been taken away; deleted when dropped.
#[derive(Debug)]
#[must_use = "deleting takes long: drop it after the guard"]
pub struct Removed {
    folder: tempfile::TempDir,
}

impl Removed {
    /// Deletes it.
    ///
    /// # Errors
    /// When something cannot be deleted; it is tried again when it is a day old.
    pub fn delete(self) -> Result<(), StoreError> {
        let path = self.folder.path().to_owned();
        self.folder.close().map_err(|e| StoreError::io("remove", &path, e))
    }
}
