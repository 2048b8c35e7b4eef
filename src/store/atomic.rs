//! Files that are there whole or not at all: written under a temporary name, then renamed.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile, TempDir};

use super::StoreError;

/// Runs `attempt`; if it fails because the folder of `path` is not there, makes that folder and runs it once more.
pub(super) fn with_parent<T>(path: &Path, mut attempt: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    match attempt() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs_err::create_dir_all(parent)?;
            }
            attempt()
        }
        other => other,
    }
}

/// A new file in `folder`, with the permissions that files get there.
pub(super) fn temporary_file(folder: &Path) -> Result<NamedTempFile, StoreError> {
    let mut builder = Builder::new();
    builder
        .prefix("file-")
        .permissions(std::fs::Permissions::from_mode(0o666));
    with_parent(&folder.join("any"), || builder.tempfile_in(folder)).map_err(|e| StoreError::io("write in", folder, e))
}

/// A new folder in `folder`, with the permissions that folders get there.
pub(super) fn temporary_folder(folder: &Path) -> Result<TempDir, StoreError> {
    let mut builder = Builder::new();
    builder
        .prefix("folder-")
        .permissions(std::fs::Permissions::from_mode(0o777));
    with_parent(&folder.join("any"), || builder.tempdir_in(folder)).map_err(|e| StoreError::io("write in", folder, e))
}

/// Writes a file by way of the folder `temporary`, which must be on the same disk.
pub(super) fn write(path: &Path, temporary: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = temporary_file(temporary)?;
    file.write_all(bytes).map_err(|e| StoreError::io("write", path, e))?;
    let name = file.into_temp_path();
    with_parent(path, || fs_err::rename(&name, path)).map_err(|e| StoreError::io("write", path, e))?;
    // It has moved: there is nothing left to remove under the temporary name.
    name.keep().map_err(|e| StoreError::io("write", path, e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_is_replaced_and_nothing_temporary_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (temporary, path) = (folder.path().join("tmp"), folder.path().join("a/b/file"));
        super::write(&path, &temporary, b"one").unwrap();
        super::write(&path, &temporary, b"two").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(fs_err::read_dir(&temporary).unwrap().count(), 0);
    }
}
