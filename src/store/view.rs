//! Where a stage reads an output: a file is its object itself, a folder is laid out once as hard links to objects.
//!
//! Where no link can be made, `materialise` says what is there instead.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rayon::prelude::*;

use super::export::{lay_out, replace_folder};
use super::materialise::link_or_copy;
use super::stamp::Stamp;
use super::tree::{Entry, Listing, Tree};
use super::{Digest, Output, Store, StoreError, atomic};

impl Store {
    /// Where an output can be read. It must not be written to; its files are read-only.
    ///
    /// # Errors
    /// When an object is missing or damaged, which is then set aside; or when the view cannot be written.
    pub fn view(&self, output: &Output) -> Result<PathBuf, StoreError> {
        self.told(if output.folder {
            self.view_folder(&output.digest)
        } else {
            let entry = Entry {
                digest: output.digest,
                size: output.bytes,
            };
            self.expect_good(std::iter::once(&entry))
                .map(|()| self.object_path(&output.digest))
        })
    }

    fn view_folder(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        let path = self.root().join("views").join(digest.to_string());
        let stamp = || std::fs::symlink_metadata(&path).ok().map(|data| Stamp::of(&data));
        let known = self
            .views
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .copied();
        if known.is_some() && known == stamp() {
            return Ok(path);
        }
        let tree = self.tree(digest)?.map_err(|condition| {
            self.set_aside(digest);
            self.not_good(digest, condition)
        })?;
        self.expect_good(tree.files.values())?;
        if !self.is_whole(&path, &tree) {
            self.lay_view(&path, &tree)?;
        }
        if let Some(stamp) = stamp() {
            self.views
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(*digest, stamp);
        }
        Ok(path)
    }

    fn expect_good<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Result<(), StoreError> {
        match self.first_not_good(entries)? {
            None => Ok(()),
            Some((digest, condition)) => {
                self.set_aside(&digest);
                Err(self.not_good(&digest, condition))
            }
        }
    }

    /// Whether a view has the files of its tree and no others, each of them its object or of the same content.
    fn is_whole(&self, path: &Path, tree: &Tree) -> bool {
        let Ok(listing) = Listing::of(path) else { return false };
        listing.links.is_empty()
            && listing.files.keys().eq(tree.files.keys())
            && tree.files.par_iter().all(|(name, entry)| {
                let file = path.join(name);
                let inode = |path: &Path| {
                    std::fs::symlink_metadata(path)
                        .ok()
                        .map(|data| (data.dev(), data.ino()))
                };
                inode(&file) == inode(&self.object_path(&entry.digest))
                    || Digest::of_file(&file).is_ok_and(|(digest, _)| digest == entry.digest)
            })
    }

    fn lay_view(&self, path: &Path, tree: &Tree) -> Result<(), StoreError> {
        let folder = atomic::temporary_folder(&self.temporary())?;
        let laid = folder.path().join("view");
        fs_err::create_dir(&laid).map_err(|e| StoreError::io("make", &laid, e))?;
        let put = |entry: &Entry, file: &Path| link_or_copy(&self.object_path(&entry.digest), file).map(drop);
        lay_out(tree, &laid, put)?;
        let failed = |error| StoreError::io("make the view", path, error);
        match atomic::with_parent(path, || fs_err::rename(&laid, path)) {
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => {
                // Somebody was faster, or what is there is not whole; then it is swapped out and removed below.
                if !self.is_whole(path, tree) {
                    replace_folder(&laid, path).map_err(failed)?;
                }
            }
            other => other.map_err(failed)?,
        }
        drop(folder);
        self.note_links(tree, path);
        Ok(())
    }

    /// A new link changes the stamp of an object, but not what is in it.
    fn note_links(&self, tree: &Tree, laid: &Path) {
        let news: Vec<(Digest, Stamp)> = tree
            .files
            .par_iter()
            .filter_map(|(name, entry)| {
                let link = Stamp::of(&std::fs::symlink_metadata(laid.join(name)).ok()?);
                let object = Stamp::of(&std::fs::symlink_metadata(self.object_path(&entry.digest)).ok()?);
                let before = self.stamps.get(&entry.digest)?;
                (link == object && before.same_content(&object)).then_some((entry.digest, object))
            })
            .collect();
        self.stamps.add(&news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const FILES: [(&str, &str); 4] = [
        ("a.txt", "one"),
        ("deep/er/ü ö.txt", "two"),
        (" odd  name ", ""),
        ("same", "one"),
    ];

    fn stored() -> (tempfile::TempDir, Store, Output) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let made = store.scratch(&Digest::of_bytes(b"key")).join("out");
        for (name, content) in FILES {
            fs_err::create_dir_all(made.join(name).parent().unwrap()).unwrap();
            fs_err::write(made.join(name), content).unwrap();
        }
        fs_err::create_dir_all(made.join("void/within")).unwrap();
        let output = store.ingest(&made).unwrap();
        (folder, store, output)
    }

    fn assert_laid_out(path: &Path) {
        for (name, content) in FILES {
            assert_eq!(fs_err::read_to_string(path.join(name)).unwrap(), content);
        }
        assert!(path.join("void/within").is_dir());
        assert_eq!(Listing::of(path).unwrap().files.len(), FILES.len());
    }

    #[test]
    fn a_folder_comes_back_with_odd_names_and_empty_folders() {
        let (folder, store, output) = stored();
        assert_eq!((output.bytes, output.folder), (9, true));
        let view = store.view(&output).unwrap();
        assert_laid_out(&view);
        assert_eq!(
            fs_err::metadata(view.join("a.txt")).unwrap().permissions().mode() & 0o222,
            0
        );
        let copy = folder.path().join("results/copy");
        store.export(&output, &copy).unwrap();
        assert_laid_out(&copy);
        assert_eq!(store.ingest(&copy).unwrap(), output);
    }

    #[test]
    fn an_empty_folder_and_an_empty_file_come_back() {
        let (folder, store, _) = stored();
        let empty = folder.path().join("empty");
        fs_err::create_dir(&empty).unwrap();
        let output = store.ingest(&empty).unwrap();
        assert_eq!(output.bytes, 0);
        assert_eq!(fs_err::read_dir(store.view(&output).unwrap()).unwrap().count(), 0);
        let file = folder.path().join("file");
        fs_err::write(&file, "").unwrap();
        let output = store.ingest(&file).unwrap();
        assert_eq!(fs_err::read(store.view(&output).unwrap()).unwrap(), b"");
    }

    #[test]
    fn a_view_that_was_deleted_or_changed_is_rebuilt() {
        let (_folder, store, output) = stored();
        let view = store.view(&output).unwrap();
        let changes: [fn(&Path); 4] = [
            |view| fs_err::remove_dir_all(view).unwrap(),
            |view| fs_err::remove_file(view.join("deep/er/ü ö.txt")).unwrap(),
            |view| fs_err::write(view.join("deep/more"), "x").unwrap(),
            |view| {
                fs_err::remove_file(view.join("a.txt")).unwrap();
                fs_err::write(view.join("a.txt"), "eno").unwrap();
            },
        ];
        for change in changes {
            change(&view);
            let fresh = Store::open(store.root()).unwrap();
            assert_laid_out(&fresh.view(&output).unwrap());
        }
        fs_err::remove_dir_all(&view).unwrap();
        assert_laid_out(&store.view(&output).unwrap());
    }

    #[test]
    fn laying_a_view_leaves_no_object_to_be_read_again() {
        let (_folder, store, output) = stored();
        store.view(&output).unwrap();
        let tree = store.tree(&output.digest).unwrap().unwrap();
        for entry in tree.files.values() {
            let data = fs_err::metadata(store.object_path(&entry.digest)).unwrap();
            assert!(store.stamps.has(&entry.digest, &Stamp::of(&data)));
        }
    }

    #[test]
    fn a_damaged_object_does_not_come_into_view() {
        let (_folder, store, output) = stored();
        let object = store.object_path(&Digest::of_bytes(b"two"));
        fs_err::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).unwrap();
        fs_err::write(&object, "owt").unwrap();
        let error = store.view(&output).unwrap_err();
        assert!(matches!(error, StoreError::Object { damaged: true, .. }), "{error}");
        assert!(!object.exists());
    }

    #[test]
    fn threads_that_lay_one_view_at_once_all_get_it_whole() {
        let (_folder, store, output) = stored();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_laid_out(&store.view(&output).unwrap()));
            }
        });
    }

    #[test]
    fn an_export_replaces_what_was_there_and_nobody_can_write_into_the_store_through_it() {
        let (folder, store, output) = stored();
        let copy = folder.path().join("copy");
        fs_err::create_dir_all(copy.join("stale")).unwrap();
        store.export(&output, &copy).unwrap();
        assert_laid_out(&copy);
        assert!(!copy.join("stale").exists());
        fs_err::write(copy.join("a.txt"), "edited").unwrap();
        assert_eq!(
            fs_err::read(store.object_path(&Digest::of_bytes(b"one"))).unwrap(),
            b"one"
        );
        store.export(&output, &copy).unwrap();
        assert_laid_out(&copy);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_export_of_what_is_there_already_touches_nothing() {
        let (folder, store, output) = stored();
        let copy = folder.path().join("copy");
        store.export(&output, &copy).unwrap();
        let before = Stamp::of(&fs_err::metadata(copy.join("a.txt")).unwrap());
        store.export(&output, &copy).unwrap();
        assert_eq!(Stamp::of(&fs_err::metadata(copy.join("a.txt")).unwrap()), before);
    }
}
