//! Where a file or folder differs from a stored output: the first file by name, and in it the first byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::tree::Listing;
use super::{Output, Store, StoreError};

/// How much is compared at a time.
const CHUNK: usize = 1 << 16;

/// A difference from a stored output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unlike {
    /// The file in the folder; empty when the output is a file.
    pub file: String,
    /// What is different.
    pub how: How,
    /// The stored file and the other, to look into, when both are files.
    #[serde(skip)]
    pub files: Option<(PathBuf, PathBuf)>,
}

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum How {
    /// One is a file, the other a folder.
    Kind,
    /// It is stored, and not in the other.
    Missing,
    /// It is in the other, and not stored.
    Extra,
    /// From this byte on, counted from 0; the end of one of them if it is the beginning of the other.
    Bytes {
        /// Where.
        offset: u64,
    },
}

impl Store {
    /// The first difference between a stored output and what lies at a path; none if they are the same.
    ///
    /// # Errors
    /// When either cannot be read, or the stored one is not good.
    pub fn first_difference(&self, output: &Output, path: &Path) -> Result<Option<Unlike>, StoreError> {
        let view = self.view(output)?;
        let data = fs_err::symlink_metadata(path).map_err(|e| StoreError::io("read", path, e))?;
        if data.is_dir() != output.folder {
            return Ok(Some(Unlike {
                file: String::new(),
                how: How::Kind,
                files: None,
            }));
        }
        if !output.folder {
            return compare("", &view, path);
        }
        let (stored, other) = (contents(&view)?, contents(path)?);
        let names: BTreeSet<&String> = stored.keys().chain(other.keys()).collect();
        for name in names {
            let how = match (stored.get(name), other.get(name)) {
                (Some(Some(stored)), Some(Some(other))) => match compare(name, stored, other)? {
                    None => continue,
                    different => return Ok(different),
                },
                (Some(None), Some(None)) => continue,
                (Some(_), None) => How::Missing,
                (None, _) => How::Extra,
                (Some(_), Some(_)) => How::Kind,
            };
            return Ok(Some(Unlike {
                file: name.clone(),
                how,
                files: None,
            }));
        }
        Ok(None)
    }
}

/// The files of a folder by name; an empty folder has none.
fn contents(folder: &Path) -> Result<BTreeMap<String, Option<PathBuf>>, StoreError> {
    let listing = Listing::of(folder)?;
    let links = listing
        .links
        .iter()
        .map(|(name, target)| (name.clone(), listing.files[target].clone()));
    let files: BTreeMap<String, PathBuf> = links.chain(listing.files.clone()).collect();
    let empty = listing.empty_folders.iter().map(|name| (name.clone(), None));
    Ok(files
        .into_iter()
        .map(|(name, path)| (name, Some(path)))
        .chain(empty)
        .collect())
}

fn compare(name: &str, stored: &Path, other: &Path) -> Result<Option<Unlike>, StoreError> {
    let offset = first_different_byte(stored, other)?;
    Ok(offset.map(|offset| Unlike {
        file: name.to_owned(),
        how: How::Bytes { offset },
        files: Some((stored.to_owned(), other.to_owned())),
    }))
}

fn first_different_byte(one: &Path, other: &Path) -> Result<Option<u64>, StoreError> {
    let open = |path: &Path| fs_err::File::open(path).map_err(|e| StoreError::io("read", path, e));
    let (mut left, mut right) = (open(one)?, open(other)?);
    let mut offset = 0;
    loop {
        let mut chunks = [Vec::new(), Vec::new()];
        for ((file, chunk), path) in [&mut left, &mut right].into_iter().zip(&mut chunks).zip([one, other]) {
            let part = file.take(CHUNK as u64).read_to_end(chunk);
            part.map_err(|e| StoreError::io("read", path, e))?;
        }
        let [a, b] = &chunks;
        if a != b {
            let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            return Ok(Some(offset + same as u64));
        }
        if a.is_empty() {
            return Ok(None);
        }
        offset += a.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Digest;

    fn write(folder: &Path, files: &[(&str, &[u8])]) {
        for (name, content) in files {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
    }

    /// Compares a stored folder with one of these files.
    fn difference(stored: &[(&str, &[u8])], other: &[(&str, &[u8])]) -> Option<(String, How)> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let made = store.scratch(&Digest::of_bytes(b"key")).join("out");
        write(&made, stored);
        let output = store.ingest(&made).unwrap();
        let path = folder.path().join("again");
        write(&path, other);
        let unlike = store.first_difference(&output, &path).unwrap()?;
        Some((unlike.file, unlike.how))
    }

    #[test]
    fn the_same_files_do_not_differ() {
        let big = vec![7; 3 * CHUNK];
        let files: [(&str, &[u8]); 3] = [("a", b"one"), ("deep/b", b""), ("big", &big)];
        assert_eq!(difference(&files, &files), None);
    }

    #[test]
    fn the_first_file_and_the_first_byte_are_named() {
        let big = vec![7; 3 * CHUNK];
        let mut other = big.clone();
        other[2 * CHUNK + 5] = 8;
        other[2 * CHUNK + 9] = 8;
        let at = |offset| How::Bytes { offset };
        let found = difference(
            &[("a", b"x"), ("b", &big), ("c", b"1")],
            &[("a", b"x"), ("b", &other), ("c", b"2")],
        );
        assert_eq!(found, Some(("b".into(), at(2 * CHUNK as u64 + 5))));
        assert_eq!(
            difference(&[("a", b"abc")], &[("a", b"abcd")]),
            Some(("a".into(), at(3)))
        );
        assert_eq!(difference(&[("a", b"abc")], &[("a", b"")]), Some(("a".into(), at(0))));
    }

    #[test]
    fn files_that_only_one_has_are_named() {
        let found = difference(&[("a", b""), ("b", b"")], &[("b", b"")]);
        assert_eq!(found, Some(("a".into(), How::Missing)));
        let found = difference(&[("b", b"")], &[("a/x", b""), ("b", b"")]);
        assert_eq!(found, Some(("a/x".into(), How::Extra)));
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_differs() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let file = folder.path().join("file");
        fs_err::write(&file, "x").unwrap();
        let output = store.ingest(&file).unwrap();
        assert_eq!(store.first_difference(&output, &file).unwrap(), None);
        let unlike = store.first_difference(&output, folder.path()).unwrap().unwrap();
        assert_eq!(unlike.how, How::Kind);
    }
}
