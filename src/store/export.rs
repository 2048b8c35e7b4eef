//! Copies of outputs for people: never links, so that nobody can write into the store through them.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rayon::prelude::*;
use rustix::fs::{CWD, RenameFlags};
use tempfile::Builder;

use super::materialise::copy_content;
use super::tree::{Entry, Tree};
use super::{Digest, Output, Store, StoreError, atomic};

impl Store {
    /// Copies an output to where people want it. What is there is replaced in one step; if it is the same, it is left.
    ///
    /// # Errors
    /// When the object is not good, or the destination cannot be written. A file does not replace a folder.
    pub fn export(&self, output: &Output, destination: &Path) -> Result<(), StoreError> {
        let export = if output.folder {
            Self::export_folder
        } else {
            Self::export_file
        };
        self.told_of(destination, export(self, output, destination))
    }

    fn export_file(&self, output: &Output, destination: &Path) -> Result<(), StoreError> {
        let entry = Entry {
            digest: output.digest,
            size: output.bytes,
        };
        if is_same_file(destination, &entry) {
            return Ok(());
        }
        if let Some((digest, condition)) = self.first_not_good(std::iter::once(&entry))? {
            return Err(self.not_good(&digest, condition));
        }
        let failed = |error| StoreError::io("write", destination, error);
        let parent = parent(destination);
        let mut builder = Builder::new();
        builder.prefix(".asm-pipe-").permissions(Permissions::from_mode(0o666));
        let mut file = atomic::with_parent(destination, || builder.tempfile_in(parent)).map_err(failed)?;
        copy_content(&self.object_path(&output.digest), file.as_file_mut()).map_err(failed)?;
        file.persist(destination).map_err(|e| failed(e.error))?;
        Ok(())
    }

    fn export_folder(&self, output: &Output, destination: &Path) -> Result<(), StoreError> {
        let tree = self
            .tree(&output.digest)?
            .map_err(|condition| self.not_good(&output.digest, condition))?;
        if is_same_folder(destination, &tree) {
            return Ok(());
        }
        if let Some((digest, condition)) = self.first_not_good(tree.files.values())? {
            return Err(self.not_good(&digest, condition));
        }
        let failed = |error| StoreError::io("write", destination, error);
        let mut builder = Builder::new();
        builder.prefix(".asm-pipe-").permissions(Permissions::from_mode(0o777));
        let folder = atomic::with_parent(destination, || builder.tempdir_in(parent(destination))).map_err(failed)?;
        lay_out(&tree, folder.path(), |entry, path| {
            let mut file: File = fs_err::File::create(path)?.into();
            copy_content(&self.object_path(&entry.digest), &mut file).map(drop)
        })?;
        replace_folder(folder.path(), destination).map_err(failed)
        // What was there before now has the temporary name and is removed with it.
    }
}

/// Makes the folders of a tree and has each file put in its place.
pub(super) fn lay_out(
    tree: &Tree,
    folder: &Path,
    put: impl Fn(&Entry, &Path) -> std::io::Result<()> + Sync,
) -> Result<(), StoreError> {
    let parents = tree
        .files
        .keys()
        .filter_map(|path| path.rsplit_once('/'))
        .map(|(parent, _)| parent);
    let mut folders: Vec<&str> = parents.chain(tree.empty_folders.iter().map(String::as_str)).collect();
    folders.sort_unstable();
    folders.dedup();
    for path in folders.into_iter().map(|path| folder.join(path)) {
        fs_err::create_dir_all(&path).map_err(|e| StoreError::io("make", &path, e))?;
    }
    tree.files.par_iter().try_for_each(|(path, entry)| {
        let path = folder.join(path);
        put(entry, &path).map_err(|e| StoreError::io("write", &path, e))
    })
}

/// Puts a folder in the place of another in one step, where the file system can; the other gets the first one's name.
pub(super) fn replace_folder(folder: &Path, destination: &Path) -> std::io::Result<()> {
    match fs_err::symlink_metadata(destination) {
        Err(error) if error.kind() == ErrorKind::NotFound => return fs_err::rename(folder, destination),
        Err(error) => return Err(error),
        Ok(data) if !data.is_dir() => return Err(ErrorKind::NotADirectory.into()),
        Ok(_) => {}
    }
    match rustix::fs::renameat_with(CWD, folder, CWD, destination, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            let aside = folder.with_extension("old");
            fs_err::rename(destination, &aside)?;
            fs_err::rename(folder, destination)?;
            fs_err::remove_dir_all(aside)
        }
        other => other.map_err(Into::into),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn is_same_file(path: &Path, entry: &Entry) -> bool {
    let size = fs_err::symlink_metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)
        .map(|data| data.len());
    size == Some(entry.size) && Digest::of_file(path).is_ok_and(|(digest, _)| digest == entry.digest)
}

fn is_same_folder(folder: &Path, tree: &Tree) -> bool {
    let Ok(listing) = super::tree::Listing::of(folder) else {
        return false;
    };
    let mut empty_folders = listing.empty_folders;
    empty_folders.sort_unstable();
    listing.links.is_empty()
        && listing.files.keys().eq(tree.files.keys())
        && empty_folders == tree.empty_folders
        && tree
            .files
            .par_iter()
            .all(|(path, entry)| is_same_file(&folder.join(path), entry))
}
