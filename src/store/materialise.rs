//! How content gets a second place on the disk. What is tried, in this order:
//!
//! | for | first | then | last |
//! |---|---|---|---|
//! | a view, which stages read | hard link | shared blocks | bytes |
//! | a copy for people, or of what came from outside | shared blocks | bytes | |
//!
//! A hard link is one directory entry on every file system, and that a view is still whole is seen by the number of its
//! inode, without reading it. It is read-only, as its object is; what is written to it by force shows in the object's
//! stamp. Shared blocks (reflinks of btrfs, XFS, bcachefs) take no room either, but are files of their own: they would
//! have to be hashed to be known. So for views they are only the way out where a link is refused: too many links to one
//! file, another file system mounted in the store, a file system without links.
//!
//! A copy must never be a link: who writes into it would write into the store. With shared blocks it costs nothing until
//! somebody does. Whether blocks can be shared is found out by trying.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Link,
    SharedBlocks,
    Bytes,
}

/// Puts an object's content at a new place, to be read only.
pub(super) fn link_or_copy(object: &Path, file: &Path) -> std::io::Result<Way> {
    match fs_err::hard_link(object, file) {
        Ok(()) => Ok(Way::Link),
        Err(error) if is_refusal_to_link(error.kind()) => {
            let mut copy: File = fs_err::File::create(file)?.into();
            let way = copy_content(object, &mut copy)?;
            fs_err::set_permissions(file, std::fs::Permissions::from_mode(0o444))?;
            Ok(way)
        }
        Err(error) => Err(error),
    }
}

/// Whether the file system does not make this link, though the content may well be copied.
fn is_refusal_to_link(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TooManyLinks | ErrorKind::PermissionDenied | ErrorKind::Unsupported | ErrorKind::CrossesDevices
    )
}

/// Copies a file's content into an empty file.
pub(super) fn copy_content(from: &Path, into: &mut File) -> std::io::Result<Way> {
    let mut source: File = fs_err::File::open(from)?.into();
    if rustix::fs::ioctl_ficlone(&*into, &source).is_ok() {
        return Ok(Way::SharedBlocks);
    }
    std::io::copy(&mut source, into)?;
    Ok(Way::Bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_view_is_a_link_and_a_copy_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [object, view, copy] = ["object", "view", "copy"].map(|name| folder.path().join(name));
        fs_err::write(&object, "content").unwrap();
        assert_eq!(link_or_copy(&object, &view).unwrap(), Way::Link);
        let mut file = File::create(&copy).unwrap();
        assert_ne!(copy_content(&object, &mut file).unwrap(), Way::Link);
        assert_eq!(fs_err::read(&copy).unwrap(), b"content");
        let inode = |path: &Path| fs_err::metadata(path).unwrap().ino();
        assert_eq!(inode(&view), inode(&object));
        assert_ne!(inode(&copy), inode(&object));
    }

    #[test]
    fn where_no_link_can_be_made_the_content_is_copied_and_is_read_only() {
        let here = tempfile::tempdir().unwrap();
        let object = here.path().join("object");
        fs_err::write(&object, "content").unwrap();
        // A file system of its own on most machines; if it is not, there is nothing to be seen here.
        let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        let device = |path: &Path| fs_err::metadata(path).unwrap().dev();
        if device(elsewhere.path()) == device(here.path()) {
            return;
        }
        let view = elsewhere.path().join("view");
        assert_ne!(link_or_copy(&object, &view).unwrap(), Way::Link);
        assert_eq!(fs_err::read(&view).unwrap(), b"content");
        assert_eq!(fs_err::metadata(&view).unwrap().permissions().mode() & 0o777, 0o444);
    }

    #[test]
    fn blocks_are_shared_on_a_disk_that_can() {
        let here = tempfile::tempdir().unwrap();
        let [a, b, probe] = ["a", "b", "probe"].map(|name| here.path().join(name));
        fs_err::write(&a, "content").unwrap();
        let can = rustix::fs::ioctl_ficlone(File::create(&probe).unwrap(), File::open(&a).unwrap()).is_ok();
        let way = copy_content(&a, &mut File::create(&b).unwrap()).unwrap();
        assert_eq!(way, if can { Way::SharedBlocks } else { Way::Bytes });
    }

    #[test]
    fn an_object_that_is_not_there_is_no_refusal_to_link() {
        let folder = tempfile::tempdir().unwrap();
        let error = link_or_copy(&folder.path().join("none"), &folder.path().join("view")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
