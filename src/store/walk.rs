//! The files in a folder outside the store, by several threads: folders of data sets have many.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::StoreError;
use super::stamp::Stamp;
use super::tree::{self, unfit};

/// A file found in a folder.
pub(super) struct Found {
    /// Path in the folder, with `/` between names.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// Whether a file counts. Without prefixes all do.
pub(super) fn is_included(name: &str, include: &[String]) -> bool {
    include.is_empty() || include.iter().any(|prefix| name.starts_with(prefix.as_str()))
}

/// Whether a folder, given with its final `/`, can have files in it that count.
fn may_include(folder: &str, include: &[String]) -> bool {
    include.is_empty()
        || include
            .iter()
            .any(|prefix| folder.starts_with(prefix.as_str()) || prefix.starts_with(folder))
}

/// A folder by what it is rather than by where it is, to notice links that lead round in a circle.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl From<&Metadata> for Identity {
    fn from(data: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(data.dev(), data.ino())
    }
}

/// Lists the files of a folder, in no order. Links are followed; a circle of them is an error.
pub(super) fn list(folder: &Path, include: &[String]) -> Result<Vec<Found>, StoreError> {
    let data = fs_err::metadata(folder).map_err(|e| StoreError::io("read", folder, e))?;
    list_below(folder, "", include, &[Identity::from(&data)])
}

fn list_below(folder: &Path, prefix: &str, include: &[String], above: &[Identity]) -> Result<Vec<Found>, StoreError> {
    let failed = |error| StoreError::io("read", folder, error);
    let entries: Vec<_> = fs_err::read_dir(folder)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let nested = entries.into_par_iter().map(|entry| {
        let path = entry.path();
        let file_name = entry.file_name();
        let kind = entry.file_type().map_err(|e| StoreError::io("read", &path, e))?;
        // A name that cannot be included need not be fit to be stored either, nor lead anywhere.
        let lossy = format!("{prefix}{}", file_name.to_string_lossy());
        let wanted = |is_folder: bool| {
            if is_folder {
                may_include(&format!("{lossy}/"), include)
            } else {
                is_included(&lossy, include)
            }
        };
        if kind.is_dir() && !wanted(true) || kind.is_file() && !wanted(false) || !wanted(true) && !wanted(false) {
            return Ok(Vec::new());
        }
        let data = match fs_err::metadata(&path) {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::NotFound && kind.is_symlink() => {
                return Err(unfit(&path, "it is a link that leads nowhere"));
            }
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        if !wanted(data.is_dir()) {
            return Ok(Vec::new());
        }
        let name = format!("{prefix}{}", tree::text_name(&path, file_name.to_str())?);
        if data.is_dir() {
            let identity = Identity::from(&data);
            if above.contains(&identity) {
                return Err(unfit(&path, "it is a link to a folder that it is in"));
            }
            let above: Vec<Identity> = above.iter().copied().chain([identity]).collect();
            return list_below(&path, &format!("{name}/"), include, &above);
        }
        if !data.is_file() {
            return Err(unfit(&path, "it is neither a file nor a folder"));
        }
        let stamp = Stamp::of(&data);
        Ok(vec![Found { name, path, stamp }])
    });
    let nested: Vec<Vec<Found>> = nested.collect::<Result<_, StoreError>>()?;
    Ok(nested.into_iter().flatten().collect())
}
