//! Which record needs which objects: what collecting and copying go by.

use std::collections::{BTreeMap, HashMap, HashSet};

use rayon::prelude::*;

use super::{Digest, Output, Record, Store, StoreError};

/// Records with what they need, and objects with their sizes.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Records by key.
    pub records: BTreeMap<Digest, Record>,
    /// Sizes of the objects that are there.
    pub objects: BTreeMap<Digest, u64>,
    /// The files of folders, by the digest of their manifest.
    folders: HashMap<Digest, Vec<Digest>>,
}

impl Store {
    /// Takes the census. Contents are not looked at, except for the manifests of folders.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn census(&self) -> Result<Census, StoreError> {
        let records = self.records()?;
        let folders: HashSet<Digest> = records
            .iter()
            .flat_map(|record| record.outputs.values())
            .filter(|output| output.folder)
            .map(|output| output.digest)
            .collect();
        let files = |digest: Digest| {
            // Of a folder whose manifest is not good nothing is known: its stage runs again, whatever is kept of it.
            let tree = self.tree(&digest)?.unwrap_or_default();
            Ok((digest, tree.files.values().map(|entry| entry.digest).collect()))
        };
        let sizes = |(path, digest): (std::path::PathBuf, Option<Digest>)| {
            Some((digest?, std::fs::symlink_metadata(path).ok()?.len()))
        };
        Ok(Census {
            records: records.into_iter().map(|record| (record.key, record)).collect(),
            objects: self
                .sharded_files("objects")?
                .into_par_iter()
                .filter_map(sizes)
                .collect(),
            folders: folders.into_par_iter().map(files).collect::<Result<_, StoreError>>()?,
        })
    }
}

impl Census {
    /// The objects of an output: of a folder its manifest and its files.
    pub fn objects_of<'a>(&'a self, output: &'a Output) -> impl Iterator<Item = &'a Digest> {
        let files = output.folder.then(|| self.folders.get(&output.digest)).flatten();
        std::iter::once(&output.digest).chain(files.into_iter().flatten())
    }

    /// The objects of all outputs of a record. The same one may come twice.
    pub fn objects_of_record<'a>(&'a self, record: &'a Record) -> impl Iterator<Item = &'a Digest> {
        record.outputs.values().flat_map(|output| self.objects_of(output))
    }

    /// Adds what a record needs to what is reached; answers how many bytes that adds.
    pub fn reach(&self, record: &Record, reached: &mut HashSet<Digest>) -> u64 {
        let news = self.objects_of_record(record).filter(|digest| reached.insert(**digest));
        news.filter_map(|digest| self.objects.get(digest)).sum()
    }
}
