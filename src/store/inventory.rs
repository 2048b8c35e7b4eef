//! How much of what is in the store: counted, not read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use super::Store;

/// How many of something, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// How many.
    pub count: usize,
    /// Bytes in their files.
    pub bytes: u64,
}

impl std::ops::Add for Part {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// What is in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Contents: files, and the manifests of folders.
    pub objects: Part,
    /// Records of stages.
    pub records: Part,
    /// Folders laid out from objects. Their bytes are those of files that are no links to objects.
    pub views: Part,
    /// Where stages work; what is cut off goes on from there.
    pub scratch: Part,
    /// Runs with their journals and logs.
    pub runs: Part,
    /// What was not what its name says, set aside.
    pub damaged: Part,
    /// Everything else: indexes, histories, locks, what jobs of a cluster print, temporary files.
    pub other: Part,
}

impl Inventory {
    /// Bytes in all parts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let parts = [
            self.objects,
            self.records,
            self.views,
            self.scratch,
            self.runs,
            self.damaged,
            self.other,
        ];
        parts.iter().map(|part| part.bytes).sum()
    }
}

impl Store {
    /// Counts what is in the store. What goes away meanwhile is not counted.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        let files = |name: &str| files(&self.root().join(name), &|data| data.len());
        let folders = |name: &str, bytes: &(dyn Fn(&Metadata) -> u64 + Sync)| {
            let path = self.root().join(name);
            Part {
                count: entries(&path).len(),
                bytes: self::files(&path, bytes).bytes,
            }
        };
        let own = |data: &Metadata| if data.nlink() > 1 { 0 } else { data.len() };
        let all = |data: &Metadata| data.len();
        let others = ["history", "index", "locks", "slurm", "tmp"];
        Inventory {
            objects: files("objects"),
            records: files("records"),
            views: folders("views", &own),
            scratch: folders("scratch", &all),
            runs: folders("runs", &all),
            damaged: folders("damaged", &all),
            other: others.into_iter().map(files).fold(Part::default(), |a, b| a + b),
        }
    }
}

/// The files below a folder, without following links.
pub(super) fn files(folder: &Path, bytes: &(dyn Fn(&Metadata) -> u64 + Sync)) -> Part {
    let of = |entry: &std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path(), bytes),
        Ok(_) => entry.metadata().map_or(Part::default(), |data| Part {
            count: 1,
            bytes: bytes(&data),
        }),
        Err(_) => Part::default(),
    };
    entries(folder).par_iter().map(of).reduce(Part::default, |a, b| a + b)
}

fn entries(folder: &Path) -> Vec<std::fs::DirEntry> {
    std::fs::read_dir(folder).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Digest;

    #[test]
    fn each_part_is_counted_and_links_to_objects_take_no_room_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let made = store.scratch(&Digest::of_bytes(b"key")).join("out");
        fs_err::create_dir_all(&made).unwrap();
        fs_err::write(made.join("a"), "12345").unwrap();
        fs_err::write(made.join("b"), "123").unwrap();
        let output = store.ingest(&made).unwrap();
        store.view(&output).unwrap();
        fs_err::write(made.join("rest"), "1234567").unwrap();
        let found = store.inventory();
        let manifest = fs_err::metadata(store.object_path(&output.digest)).unwrap().len();
        assert_eq!((found.objects.count, found.objects.bytes), (3, 8 + manifest));
        assert_eq!(found.views, Part { count: 1, bytes: 0 });
        assert_eq!(found.scratch, Part { count: 1, bytes: 7 });
        assert_eq!(found.records, Part::default());
        assert!(found.bytes() > 15 + manifest, "the index counts too");
    }
}
