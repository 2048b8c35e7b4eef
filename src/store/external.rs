//! The digests of files outside the store, without reading again what was read before.
//!
//! An index says which digest a file had at which stamp. A file that changed so shortly before it was read that a
//! later change could leave it with the same stamp is read, but not put into the index (git's "racy clean" entries).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rayon::prelude::*;

use super::stamp::Stamp;
use super::tree::{Entry, Tree, unfit};
use super::walk::{Found, is_included, list};
use super::{Digest, Store, StoreError, atomic};

/// Changes this shortly before the reading are not trusted to show in the stamp: two seconds, the coarsest step of
/// the file systems in use (FAT), in nanoseconds.
const RACY: i64 = 2_000_000_000;

/// First line of an index file.
const HEADER: &str = "asm-pipe outside 1";

/// The index of files outside: a file for each path asked for, so that only what is asked for is read.
#[derive(Debug)]
pub(super) struct Outside {
    folder: PathBuf,
    temporary: PathBuf,
    clock: fn() -> SystemTime,
    /// How many files have been read: for tests.
    read: AtomicU64,
}

/// A file that was looked at: its name, what it is, its stamp if that can be trusted, and whether the stamp is news.
type Looked = (String, Entry, Option<Stamp>, bool);

/// What the index says of the files under one path; the path itself is the empty name.
type Index = BTreeMap<String, (Stamp, Digest)>;

impl Store {
    /// The digest of a file or folder outside: of a folder the same as that of its files in the store, by names and
    /// content. With `include`, only the files whose path in the folder begins with one of these count.
    ///
    /// Links are followed. Empty folders do not count.
    ///
    /// # Errors
    /// When there is nothing of that name, it cannot be read, or goes on changing while it is being read.
    pub fn external(&self, path: &Path, include: &[String]) -> Result<Digest, StoreError> {
        Ok(self.outside.content(path, include)?.digest())
    }
}

/// What lies at a path outside.
pub(super) enum Content {
    /// With its stamp, if that can be trusted.
    File {
        digest: Digest,
        stamp: Option<Stamp>,
    },
    Folder(Tree),
}

impl Content {
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::File { digest, .. } => *digest,
            Self::Folder(tree) => Digest::of_bytes(tree.manifest().as_bytes()),
        }
    }
}

impl Outside {
    pub(super) fn new(folder: PathBuf, temporary: PathBuf) -> Self {
        Self {
            folder,
            temporary,
            clock: SystemTime::now,
            read: AtomicU64::new(0),
        }
    }

    pub(super) fn content(&self, path: &Path, include: &[String]) -> Result<Content, StoreError> {
        let top = match fs_err::canonicalize(path) {
            Ok(top) => top,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::Absent { path: path.to_owned() });
            }
            Err(error) => return Err(StoreError::io("read", path, error)),
        };
        let data = fs_err::metadata(&top).map_err(|e| StoreError::io("read", path, e))?;
        let found = if data.is_dir() {
            list(&top, include)?
        } else if data.is_file() {
            vec![Found {
                name: String::new(),
                path: top.clone(),
                stamp: Stamp::of(&data),
            }]
        } else {
            return Err(unfit(path, "it is neither a file nor a folder"));
        };
        let index_path = self.index_path(&top);
        let index = load(&index_path);
        let entry = |file| self.entry(file, &index);
        let entries: Result<Vec<Looked>, StoreError> = match found.as_slice() {
            // Waking other threads costs more than one file.
            [one] => entry(one).map(|looked| vec![looked]),
            many => many.par_iter().map(entry).collect(),
        };
        let entries = entries?;
        if entries.iter().any(|(.., fresh)| *fresh) {
            self.save(&top, &index_path, &entries, include);
        }
        if data.is_dir() {
            return Ok(Content::Folder(Tree {
                files: entries.into_iter().map(|(name, entry, ..)| (name, entry)).collect(),
                empty_folders: Vec::new(),
            }));
        }
        let file = entries.into_iter().next();
        let (_, Entry { digest, .. }, stamp, _) = file.expect("a file is found as itself");
        Ok(Content::File { digest, stamp })
    }

    /// The digest of a file: from the index if its stamp is there. The stamp comes back if it can be trusted, and
    /// whether that is news.
    fn entry(&self, file: &Found, index: &Index) -> Result<Looked, StoreError> {
        if let Some((stamp, digest)) = index.get(&file.name)
            && *stamp == file.stamp
        {
            let entry = Entry {
                digest: *digest,
                size: stamp.size,
            };
            return Ok((file.name.clone(), entry, Some(*stamp), false));
        }
        let mut before = file.stamp;
        for _ in 0..3 {
            let now = nanoseconds((self.clock)());
            self.read.fetch_add(1, Ordering::Relaxed);
            let (digest, size) = Digest::of_file(&file.path)?;
            let data = fs_err::metadata(&file.path).map_err(|e| StoreError::io("read", &file.path, e))?;
            let after = Stamp::of(&data);
            if before == after && size == after.size {
                let trusted = !is_racy(&after, now);
                let entry = Entry { digest, size };
                return Ok((file.name.clone(), entry, trusted.then_some(after), trusted));
            }
            before = after;
        }
        Err(StoreError::Changing {
            path: file.path.clone(),
        })
    }

    fn index_path(&self, top: &Path) -> PathBuf {
        let name = Digest::of_bytes(top.as_os_str().as_encoded_bytes());
        self.folder.join(&name.to_string()[..32])
    }

    /// Removes what is known of files under paths that are no more.
    pub(super) fn trim(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let text = fs_err::read_to_string(&path).unwrap_or_default();
            let top = text.lines().next().and_then(|first| first.strip_prefix(HEADER));
            if !top.is_some_and(|top| Path::new(top.trim_start()).exists()) {
                let _ = fs_err::remove_file(&path);
            }
        }
    }

    /// Adds what was found to the index as it now is: another process may have written it meanwhile. Entries of files
    /// that were looked for and not found are dropped. Without the index files are read again, so errors are not told.
    fn save(&self, top: &Path, path: &Path, entries: &[(String, Entry, Option<Stamp>, bool)], include: &[String]) {
        let mut index = load(path);
        index.retain(|name, _| !is_included(name, include));
        for (name, entry, stamp, _) in entries {
            if let Some(stamp) = stamp {
                index.insert(name.clone(), (*stamp, entry.digest));
            }
        }
        let mut text = format!("{HEADER} {}\n", top.display().to_string().replace('\n', " "));
        for (name, (stamp, digest)) in &index {
            let Stamp {
                size,
                modified,
                changed,
                inode,
            } = stamp;
            writeln!(text, "{digest} {size} {modified} {changed} {inode} {name}")
                .expect("writing to a string does not fail");
        }
        let _ = atomic::write(path, &self.temporary, text.as_bytes());
    }
}

/// Whether a later change could have left the stamp as it is. A modification time in the future was set by hand or by
/// a copying program, and then only the inode's own time counts.
fn is_racy(stamp: &Stamp, now: i64) -> bool {
    let recent = |time: i64| time > now - RACY;
    recent(stamp.changed) || (recent(stamp.modified) && stamp.modified <= now)
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The index at a path; empty if it cannot be read. Lines that make no sense are left out.
fn load(path: &Path) -> Index {
    let Ok(text) = fs_err::read_to_string(path) else {
        return Index::new();
    };
    let mut lines = text.lines();
    if !lines.next().is_some_and(|first| first.starts_with(HEADER)) {
        return Index::new();
    }
    let parse = |line: &str| {
        let mut fields = line.splitn(6, ' ');
        let digest = fields.next()?.parse().ok()?;
        let stamp = Stamp {
            size: fields.next()?.parse().ok()?,
            modified: fields.next()?.parse().ok()?,
            changed: fields.next()?.parse().ok()?,
            inode: fields.next()?.parse().ok()?,
        };
        Some((fields.next()?.to_owned(), (stamp, digest)))
    };
    lines.filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    /// A clock by which all files were written long ago.
    fn later() -> SystemTime {
        SystemTime::now() + Duration::from_secs(10)
    }

    /// A clock by which all files have only just been written, however slow the machine is.
    fn earlier() -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    struct Place {
        folder: tempfile::TempDir,
        clock: fn() -> SystemTime,
    }

    impl Place {
        fn new(clock: fn() -> SystemTime) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let place = Self { folder, clock };
            for name in ["a.txt", "Annotations/1.xml", "Annotations/2.xml", "JPEGImages/1.jpg"] {
                place.write(name, name);
            }
            place
        }

        fn data(&self) -> PathBuf {
            self.folder.path().join("data")
        }

        fn write(&self, name: &str, content: &str) {
            let path = self.data().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }

        /// The digest as a new process would find it, and how many files were read for it.
        fn ask(&self, include: &[&str]) -> (Digest, u64) {
            let mut outside = Outside::new(self.folder.path().join("index"), self.folder.path().join("tmp"));
            outside.clock = self.clock;
            let include: Vec<String> = include.iter().map(ToString::to_string).collect();
            let digest = outside.content(&self.data(), &include).unwrap().digest();
            (digest, outside.read.into_inner())
        }
    }

    #[test]
    fn what_did_not_change_is_not_read_again() {
        let place = Place::new(later);
        let (digest, read) = place.ask(&[]);
        assert_eq!(read, 4);
        assert_eq!(place.ask(&[]), (digest, 0));
    }

    #[test]
    fn a_touched_file_is_read_once_and_changes_nothing() {
        let place = Place::new(later);
        let (digest, _) = place.ask(&[]);
        place.write("a.txt", "a.txt");
        assert_eq!(place.ask(&[]), (digest, 1));
        assert_eq!(place.ask(&[]), (digest, 0));
    }

    #[test]
    fn changed_content_a_new_name_and_a_lost_file_each_change_the_digest() {
        let place = Place::new(later);
        let mut seen = vec![place.ask(&[]).0];
        place.write("a.txt", "b.txt");
        seen.push(place.ask(&[]).0);
        fs_err::rename(place.data().join("a.txt"), place.data().join("b.txt")).unwrap();
        seen.push(place.ask(&[]).0);
        fs_err::remove_file(place.data().join("b.txt")).unwrap();
        seen.push(place.ask(&[]).0);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn an_edit_of_the_same_size_and_time_right_after_the_reading_is_noticed() {
        let place = Place::new(earlier);
        let path = place.data().join("a.txt");
        let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
        let (digest, _) = place.ask(&[]);
        place.write("a.txt", "b.txt");
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        assert_ne!(place.ask(&[]).0, digest);
    }

    #[test]
    fn files_that_have_just_changed_are_read_each_time() {
        let place = Place::new(earlier);
        assert_eq!(place.ask(&[]).1, 4);
        assert_eq!(place.ask(&[]).1, 4);
    }

    #[test]
    fn a_time_in_the_future_is_trusted_once_the_change_is_old() {
        let stamp = |modified, changed| Stamp {
            size: 1,
            modified,
            changed,
            inode: 1,
        };
        let now = 100 * RACY;
        assert!(is_racy(&stamp(now, now), now));
        assert!(is_racy(&stamp(0, now - RACY + 1), now));
        assert!(is_racy(&stamp(now - 1, 0), now));
        assert!(!is_racy(&stamp(now + 1, 0), now));
        assert!(!is_racy(&stamp(0, now - RACY), now));
    }

    #[test]
    fn only_the_files_under_the_prefixes_count() {
        let place = Place::new(later);
        let (digest, read) = place.ask(&["Annotations/", "JPEG"]);
        assert_eq!(read, 3);
        place.write("a.txt", "other");
        place.write("Other/file", "other");
        symlink("nowhere", place.data().join("dangling")).unwrap();
        assert_eq!(place.ask(&["Annotations/", "JPEG"]), (digest, 0));
        place.write("Annotations/3.xml", "new");
        assert_ne!(place.ask(&["Annotations/", "JPEG"]).0, digest);
    }

    #[test]
    fn asking_for_a_part_does_not_forget_the_rest() {
        let place = Place::new(later);
        let (digest, _) = place.ask(&[]);
        place.write("Annotations/1.xml", "new");
        place.ask(&["Annotations/"]);
        place.write("Annotations/1.xml", "Annotations/1.xml");
        assert_eq!(place.ask(&[]), (digest, 1));
    }

    #[test]
    fn a_file_has_the_digest_of_its_bytes_and_a_folder_that_of_the_same_folder_in_the_store() {
        let place = Place::new(later);
        let store = Store::open(&place.folder.path().join("store")).unwrap();
        assert_eq!(
            store.external(&place.data(), &[]).unwrap(),
            store.ingest(&place.data()).unwrap().digest
        );
        let file = store.external(&place.data().join("a.txt"), &[]).unwrap();
        assert_eq!(file, Digest::of_bytes(b"a.txt"));
    }

    #[test]
    fn links_are_followed_and_a_circle_of_links_is_an_error() {
        let place = Place::new(later);
        let (digest, _) = place.ask(&[]);
        fs_err::rename(place.data().join("Annotations"), place.folder.path().join("elsewhere")).unwrap();
        symlink("../elsewhere", place.data().join("Annotations")).unwrap();
        assert_eq!(place.ask(&[]).0, digest);
        symlink("..", place.folder.path().join("elsewhere/up")).unwrap();
        let store = Store::open(&place.folder.path().join("store")).unwrap();
        let error = store.external(&place.data(), &[]).unwrap_err();
        assert!(matches!(error, StoreError::Unfit { .. }), "{error}");
    }

    #[test]
    fn a_missing_path_is_named() {
        let place = Place::new(later);
        let store = Store::open(&place.folder.path().join("store")).unwrap();
        let error = store.external(Path::new("no/such/data"), &[]).unwrap_err();
        assert_eq!(error.to_string(), "no file or folder `no/such/data`");
    }

    #[test]
    fn an_index_that_was_damaged_costs_a_reading_and_nothing_else() {
        let place = Place::new(later);
        let (digest, _) = place.ask(&[]);
        let index = place.folder.path().join("index");
        let path = fs_err::read_dir(index).unwrap().next().unwrap().unwrap().path();
        let text = fs_err::read_to_string(&path).unwrap();
        fs_err::write(&path, &text[..text.len() / 2]).unwrap();
        let (again, read) = place.ask(&[]);
        assert_eq!(again, digest);
        assert!((1..4).contains(&read), "{read}");
    }
}
