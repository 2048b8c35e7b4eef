//! Objects: content under the name of its digest, written once.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::{CWD, RenameFlags};

use super::materialise::copy_content;
use super::stamp::Stamp;
use super::tree::{Entry, Listing, Tree, unfit};
use super::{Digest, Output, Store, StoreError, atomic};

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Good,
    Missing,
    Damaged,
}

/// When content is forced to the disk: each file by itself, or several in one go, which is faster by an order of magnitude.
#[derive(Clone, Copy)]
pub(super) enum Sync {
    Now,
    Later,
}

/// Up to this many files are forced to the disk one by one.
const FEW: usize = 16;

/// Outputs of up to so many bytes are forced to the disk together with others: they are soon made again should the power fail.
pub(super) const SMALL: u64 = 1 << 20;

/// So many of them at most.
const MOST_PENDING: usize = 512;

/// What a look at an object showed; with its stamp if that was not known and can be from now on.
type Look = (Condition, Option<(Digest, Stamp)>);

/// More files than this are looked at by several threads.
const MANY: usize = 256;

impl Store {
    /// Takes a file or folder into the store. What lies in the store's scratch is moved, anything else is copied.
    ///
    /// Content that is there already is not written again; two processes may store the same content at once.
    ///
    /// # Errors
    /// When it cannot be read or written, or holds something other than files and folders.
    pub fn ingest(&self, path: &Path) -> Result<Output, StoreError> {
        self.told(self.try_ingest(path))
    }

    fn try_ingest(&self, path: &Path) -> Result<Output, StoreError> {
        let data = match fs_err::symlink_metadata(path) {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::Absent { path: path.to_owned() });
            }
            Err(error) => return Err(StoreError::io("read", path, error)),
        };
        if data.is_file() {
            let sync = if data.len() > SMALL { Sync::Now } else { Sync::Later };
            let (entry, stamp) = self.put_file(path, self.in_scratch(path), sync)?;
            self.note(&[(entry.digest, stamp)], sync)?;
            return Ok(Output {
                digest: entry.digest,
                bytes: entry.size,
                folder: false,
            });
        }
        if !data.is_dir() {
            return Err(unfit(path, "it is neither a file nor a folder"));
        }
        let listing = Listing::of(path)?;
        let movable = self.in_scratch(path);
        let many = listing.files.len() > FEW;
        let sizes = listing.files.values().filter_map(|file| fs_err::metadata(file).ok());
        let small = !many && sizes.map(|data| data.len()).sum::<u64>() <= SMALL;
        let sync = if many || small { Sync::Later } else { Sync::Now };
        let put = listing
            .files
            .par_iter()
            .map(|(name, file)| Ok((name.clone(), self.put_file(file, movable, sync)?)));
        let put: Vec<(String, (Entry, Stamp))> = put.collect::<Result<_, StoreError>>()?;
        let mut stamps: Vec<_> = put.iter().map(|(_, (entry, stamp))| (entry.digest, *stamp)).collect();
        let mut tree = Tree {
            files: put.into_iter().map(|(name, (entry, _))| (name, entry)).collect(),
            empty_folders: listing.empty_folders,
        };
        for (name, target) in listing.links {
            let entry = tree.files[&target];
            tree.files.insert(name, entry);
        }
        let (manifest, stamp) = self.put_bytes(tree.manifest().as_bytes(), sync)?;
        stamps.push((manifest.digest, stamp));
        if many {
            self.sync_objects()?;
            self.stamps.add(&stamps);
        } else {
            self.note(&stamps, sync)?;
        }
        Ok(Output {
            digest: manifest.digest,
            bytes: tree.bytes(),
            folder: true,
        })
    }

    /// Notes stamps: of what is on the disk for all, of the rest for this process until [`Self::settle`].
    pub(super) fn note(&self, stamps: &[(Digest, Stamp)], sync: Sync) -> Result<(), StoreError> {
        match sync {
            Sync::Now => self.stamps.add(stamps),
            Sync::Later if self.stamps.add_pending(stamps) < MOST_PENDING => {}
            Sync::Later => self.settle()?,
        }
        Ok(())
    }

    /// Forces to the disk what was stored and is not there yet. Called at the end of a run; until then a power cut may cost the
    /// last small outputs, which are then made again.
    ///
    /// # Errors
    /// When it cannot be written to the disk.
    pub fn settle(&self) -> Result<(), StoreError> {
        let pending = self.stamps.take_pending();
        let sync = |(digest, _): &(Digest, Stamp)| {
            let path = self.object_path(digest);
            match fs_err::File::open(&path).and_then(|file| file.sync_data()) {
                // Garbage by now.
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                other => other.map_err(|e| StoreError::io("write to the disk", &path, e)),
            }
        };
        let synced = if pending.len() > FEW {
            self.sync_objects()
        } else {
            pending.iter().try_for_each(sync)
        };
        match synced {
            Ok(()) => self.stamps.add(&pending),
            Err(_) => self.stamps.doubt(&pending),
        }
        self.told(synced)
    }

    /// Forces all objects to the disk.
    pub(super) fn sync_objects(&self) -> Result<(), StoreError> {
        let objects = self.root().join("objects");
        let folder = fs_err::File::open(&objects).map_err(|e| StoreError::io("read", &objects, e))?;
        rustix::fs::syncfs(&folder).map_err(|e| StoreError::io("write to the disk", &objects, e))
    }

    fn put_file(&self, path: &Path, movable: bool, sync: Sync) -> Result<(Entry, Stamp), StoreError> {
        let failed = |error| StoreError::io("store", path, error);
        let before = fs_err::metadata(path).map_err(failed)?;
        // A second name would be a way to write into the object.
        if before.nlink() > 1 || !movable {
            let mut copy = atomic::temporary_file(&self.temporary())?;
            copy_content(path, copy.as_file_mut()).map_err(failed)?;
            let (digest, size) = Digest::of_file(copy.path())?;
            let stamp = self.place(copy.path(), &digest, sync)?;
            return Ok((Entry { digest, size }, stamp));
        }
        let (digest, size) = Digest::of_file(path)?;
        let stamp = self.place(path, &digest, sync)?;
        let before = Stamp::of(&before);
        if (stamp.size, stamp.modified) != (size, before.modified) && stamp.inode == before.inode {
            self.set_aside(&digest);
            return Err(StoreError::Changing { path: path.to_owned() });
        }
        Ok((Entry { digest, size }, stamp))
    }

    fn put_bytes(&self, bytes: &[u8], sync: Sync) -> Result<(Entry, Stamp), StoreError> {
        let mut file = atomic::temporary_file(&self.temporary())?;
        std::io::Write::write_all(&mut file, bytes).map_err(|e| StoreError::io("write", file.path(), e))?;
        let digest = Digest::of_bytes(bytes);
        let stamp = self.place(file.path(), &digest, sync)?;
        let size = bytes.len() as u64;
        Ok((Entry { digest, size }, stamp))
    }

    fn in_scratch(&self, path: &Path) -> bool {
        let scratch = self.root().join("scratch");
        fs_err::canonicalize(path).is_ok_and(|path| path.starts_with(&scratch))
    }

    /// Moves a finished file to its digest's name. If a good object has that name already, the file is removed.
    ///
    /// The stamp that comes back may be noted once the content is on the disk, and not before: after a power cut, what
    /// has a name and no stamp is read before it is believed.
    pub(super) fn place(&self, path: &Path, digest: &Digest, sync: Sync) -> Result<Stamp, StoreError> {
        let failed = |error| StoreError::io("store", path, error);
        let object = self.object_path(digest);
        if self.condition(digest, None)? == Condition::Good {
            fs_err::remove_file(path).map_err(failed)?;
        } else {
            if matches!(sync, Sync::Now) {
                fs_err::File::open(path)
                    .and_then(|file| file.sync_data())
                    .map_err(failed)?;
            }
            fs_err::set_permissions(path, Permissions::from_mode(0o444)).map_err(failed)?;
            loop {
                match atomic::with_parent(&object, || rename_if_absent(path, &object)) {
                    Ok(()) => break,
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(failed(error)),
                }
                // Somebody was faster, or what is there is not what it should be.
                if self.condition(digest, None)? == Condition::Good {
                    fs_err::remove_file(path).map_err(failed)?;
                    break;
                }
                self.set_aside(digest);
            }
        }
        let data = fs_err::metadata(&object).map_err(|e| StoreError::io("read", &object, e))?;
        Ok(Stamp::of(&data))
    }

    /// How an object is: by its stamp, and by its content if the stamp is not the one it had when last found good.
    pub(super) fn condition(&self, digest: &Digest, size: Option<u64>) -> Result<Condition, StoreError> {
        let (condition, news) = self.look(digest, size)?;
        self.stamps.add(news.as_slice());
        Ok(condition)
    }

    /// The first of these objects that is not good, with its condition.
    pub(super) fn first_not_good<'a>(
        &self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<Option<(Digest, Condition)>, StoreError> {
        let entries: Vec<&Entry> = entries.collect();
        let look = |entry: &&Entry| Ok((entry.digest, self.look(&entry.digest, Some(entry.size))?));
        let looks: Vec<(Digest, Look)> = if entries.len() > MANY {
            entries.par_iter().map(look).collect::<Result<_, StoreError>>()?
        } else {
            entries.iter().map(look).collect::<Result<_, StoreError>>()?
        };
        let news: Vec<(Digest, Stamp)> = looks.iter().filter_map(|(_, (_, news))| *news).collect();
        self.stamps.add(&news);
        let bad = looks
            .into_iter()
            .find(|(_, (condition, _))| *condition != Condition::Good);
        Ok(bad.map(|(digest, (condition, _))| (digest, condition)))
    }

    fn look(&self, digest: &Digest, size: Option<u64>) -> Result<Look, StoreError> {
        let path = self.object_path(digest);
        let stat = || match std::fs::symlink_metadata(&path) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path, error)),
        };
        let Some(data) = stat()? else {
            return Ok((Condition::Missing, None));
        };
        if !data.is_file() || size.is_some_and(|size| size != data.len()) {
            return Ok((Condition::Damaged, None));
        }
        let stamp = Stamp::of(&data);
        if self.stamps.has(digest, &stamp) {
            return Ok((Condition::Good, None));
        }
        let found = match Digest::of_file(&path) {
            Ok((found, _)) => found,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok((Condition::Missing, None));
            }
            Err(error) => return Err(error),
        };
        if found != *digest {
            return Ok((Condition::Damaged, None));
        }
        let unchanged = stat()?.is_some_and(|data| Stamp::of(&data) == stamp);
        Ok((Condition::Good, unchanged.then_some((*digest, stamp))))
    }

    /// Takes an object out of the way, to where people can look at it. If that fails it is still not good, and will
    /// be found so again.
    pub(super) fn set_aside(&self, digest: &Digest) {
        let path = self.object_path(digest);
        let aside = self.move_to_damaged(&path, &digest.to_string());
        // Another process may have put a good one there since it was looked at.
        if Digest::of_file(&aside).is_ok_and(|(found, _)| found == *digest) {
            let _ = rename_if_absent(&aside, &path);
        }
        self.views
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    pub(super) fn move_to_damaged(&self, path: &Path, name: &str) -> PathBuf {
        let target = self.root().join("damaged").join(name);
        let _ = atomic::with_parent(&target, || fs_err::rename(path, &target));
        target
    }

    /// The manifest of a stored folder, checked.
    pub(super) fn tree(&self, digest: &Digest) -> Result<Result<Tree, Condition>, StoreError> {
        let path = self.object_path(digest);
        let bytes = match fs_err::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Err(Condition::Missing)),
            Err(error) => return Err(StoreError::io("read", &path, error)),
        };
        if Digest::of_bytes(&bytes) != *digest {
            return Ok(Err(Condition::Damaged));
        }
        let tree = std::str::from_utf8(&bytes).ok().and_then(Tree::parse);
        Ok(tree.ok_or(Condition::Damaged))
    }

    /// The error for an object that was needed and is not good.
    pub(super) fn not_good(&self, digest: &Digest, condition: Condition) -> StoreError {
        StoreError::Object {
            path: self.object_path(digest),
            digest: *digest,
            damaged: condition == Condition::Damaged,
        }
    }
}

/// Renames unless the new name is taken. Where the file system cannot do that, the new name is replaced: its content
/// is the same.
fn rename_if_absent(path: &Path, object: &Path) -> std::io::Result<()> {
    match rustix::fs::renameat_with(CWD, path, CWD, object, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs_err::rename(path, object),
        other => other.map_err(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in super::super) fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    fn scratch_file(store: &Store, name: &str, content: &[u8]) -> PathBuf {
        let path = store.scratch(&Digest::of_bytes(b"key")).join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }

    fn files(folder: &Path) -> usize {
        fs_err::read_dir(folder).map_or(0, |entries| {
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { files(&path) } else { 1 })
                .sum()
        })
    }

    #[test]
    fn a_file_of_the_scratch_is_moved_and_one_from_elsewhere_is_copied() {
        let (folder, store) = store();
        let inside = scratch_file(&store, "out", b"x");
        let outside = folder.path().join("mine");
        fs_err::write(&outside, "y").unwrap();
        for (path, stays) in [(&inside, false), (&outside, true)] {
            let bytes = fs_err::read(path).unwrap();
            let output = store.ingest(path).unwrap();
            assert_eq!(
                (output.digest, output.bytes, output.folder),
                (Digest::of_bytes(&bytes), 1, false)
            );
            assert_eq!(fs_err::read(store.object_path(&output.digest)).unwrap(), bytes);
            assert_eq!(path.exists(), stays);
        }
        assert_eq!(files(&store.temporary()), 0);
    }

    #[test]
    fn an_object_is_read_only_and_shares_nothing_with_a_file_outside() {
        let (folder, store) = store();
        let (mine, linked) = (folder.path().join("mine"), scratch_file(&store, "out", b"x"));
        fs_err::hard_link(&linked, &mine).unwrap();
        let output = store.ingest(&linked).unwrap();
        fs_err::write(&mine, "changed").unwrap();
        let object = store.object_path(&output.digest);
        assert_eq!(fs_err::read(&object).unwrap(), b"x");
        assert_eq!(fs_err::metadata(&object).unwrap().permissions().mode() & 0o777, 0o444);
    }

    #[test]
    fn writers_who_race_for_one_object_all_succeed() {
        let (_folder, store) = store();
        let content = vec![7; 100_000];
        let paths: Vec<PathBuf> = (0..8)
            .map(|at| scratch_file(&store, &format!("out{at}"), &content))
            .collect();
        let barrier = std::sync::Barrier::new(paths.len());
        let outputs: Vec<Output> = std::thread::scope(|scope| {
            let store = &store;
            let barrier = &barrier;
            let work = |path: &PathBuf| {
                let path = path.clone();
                scope.spawn(move || {
                    barrier.wait();
                    store.ingest(&path).unwrap()
                })
            };
            let threads: Vec<_> = paths.iter().map(work).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(outputs.iter().all(|output| output.digest == Digest::of_bytes(&content)));
        assert_eq!(files(&store.root().join("objects")), 1);
        assert_eq!(
            store.condition(&outputs[0].digest, Some(100_000)).unwrap(),
            Condition::Good
        );
        assert!(paths.iter().all(|path| !path.exists()));
    }

    #[test]
    fn storing_the_content_of_a_damaged_object_again_repairs_it() {
        let (_folder, store) = store();
        let output = store.ingest(&scratch_file(&store, "out", b"good")).unwrap();
        let object = store.object_path(&output.digest);
        fs_err::remove_file(&object).unwrap();
        fs_err::write(&object, "evil").unwrap();
        store.ingest(&scratch_file(&store, "out", b"good")).unwrap();
        assert_eq!(fs_err::read(&object).unwrap(), b"good");
        assert_eq!(files(&store.root().join("damaged")), 1);
    }

    #[test]
    fn an_output_that_is_missing_or_a_link_is_refused_by_its_path() {
        let (folder, store) = store();
        let path = folder.path().join("out");
        assert!(store.ingest(&path).unwrap_err().to_string().contains("out"));
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(store.ingest(&path), Err(StoreError::Unfit { .. })));
    }

    #[test]
    fn the_same_files_make_the_same_folder_digest_in_any_order_of_writing() {
        let (_folder, store) = store();
        let digest = |names: [&str; 3], top: &str| {
            for name in names {
                scratch_file(&store, &format!("{top}/{name}"), name.as_bytes());
            }
            store
                .ingest(&store.scratch(&Digest::of_bytes(b"key")).join(top))
                .unwrap()
                .digest
        };
        let one = digest(["a", "b/c", "z"], "one");
        assert_eq!(one, digest(["z", "a", "b/c"], "two"));
        assert_ne!(one, digest(["a", "b/d", "z"], "three"));
    }
}
