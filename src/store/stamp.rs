//! When a file need not be read again: its stamp is the one it had when its content was last hashed.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Digest, lock};

/// What the file system says of a file, besides its content. Times are nanoseconds since 1970.
///
/// The time of the last change of the inode (`ctime`) is in it because nobody can set it back: an edit that restores
/// size and modification time is still noticed. Making or removing a hard link changes it too; then the content is
/// hashed once more, which is slow but right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(u64, i64, i64, u64)", from = "(u64, i64, i64, u64)")]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) changed: i64,
    pub(super) inode: u64,
}

impl Stamp {
    pub(super) fn of(data: &Metadata) -> Self {
        Self {
            size: data.len(),
            modified: nanoseconds(data.mtime(), data.mtime_nsec()),
            changed: nanoseconds(data.ctime(), data.ctime_nsec()),
            inode: data.ino(),
        }
    }

    /// Whether the content is the same as at another stamp of the same file, links aside.
    pub(super) fn same_content(&self, other: &Self) -> bool {
        Self { changed: 0, ..*self } == Self { changed: 0, ..*other }
    }
}

impl From<Stamp> for (u64, i64, i64, u64) {
    fn from(stamp: Stamp) -> Self {
        (stamp.size, stamp.modified, stamp.changed, stamp.inode)
    }
}

impl From<(u64, i64, i64, u64)> for Stamp {
    fn from((size, modified, changed, inode): (u64, i64, i64, u64)) -> Self {
        Self {
            size,
            modified,
            changed,
            inode,
        }
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Digest, stamp, and the first bytes of the digest of both.
const ENTRY: usize = 32 + 32 + 8;

/// The stamps of all objects: a file of entries of one size, only ever appended to until it is worth rewriting.
///
/// Losing it, or a part of it, costs reading the objects again and nothing else; so its own errors are not told.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    temporary: PathBuf,
    known: Mutex<Known>,
    /// What is known here and not yet written down, for the content is not yet forced to the disk.
    pending: Mutex<Vec<(Digest, Stamp)>>,
}

#[derive(Debug, Default)]
struct Known {
    stamps: HashMap<Digest, Stamp>,
    /// How far the file has been read, and which file that was.
    read: u64,
    inode: u64,
}

impl Stamps {
    pub(super) fn new(path: PathBuf, temporary: PathBuf) -> Self {
        Self {
            path,
            temporary,
            known: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// Whether the object was known to be good at this stamp.
    pub(super) fn has(&self, digest: &Digest, stamp: &Stamp) -> bool {
        let mut known = self.known();
        if known.stamps.get(digest) == Some(stamp) {
            return true;
        }
        // Another process may have looked since.
        known.read_new(&self.path) && known.stamps.get(digest) == Some(stamp)
    }

    /// The stamp at which the object was last found good.
    pub(super) fn get(&self, digest: &Digest) -> Option<Stamp> {
        self.known().stamps.get(digest).copied()
    }

    /// Notes that these objects were found good at these stamps.
    pub(super) fn add(&self, entries: &[(Digest, Stamp)]) {
        if entries.is_empty() {
            return;
        }
        self.known().stamps.extend(entries.iter().copied());
        let bytes: Vec<u8> = entries
            .iter()
            .flat_map(|(digest, stamp)| encode(digest, stamp))
            .collect();
        let _ = self.append(&bytes);
    }

    /// Notes the same for this process alone, until [`Self::take_pending`] is written down. Answers with how many there are by now.
    pub(super) fn add_pending(&self, entries: &[(Digest, Stamp)]) -> usize {
        self.known().stamps.extend(entries.iter().copied());
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.extend(entries);
        pending.len()
    }

    /// Takes out what waits to be written down.
    pub(super) fn take_pending(&self) -> Vec<(Digest, Stamp)> {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets these, here only.
    pub(super) fn doubt(&self, entries: &[(Digest, Stamp)]) {
        let mut known = self.known();
        for (digest, _) in entries {
            known.stamps.remove(digest);
        }
    }

    /// Forgets objects, and everything that is in the file more than once.
    pub(super) fn forget(&self, is_gone: impl Fn(&Digest) -> bool) {
        let _ = self.rewrite(&is_gone);
    }

    fn rewrite(&self, is_gone: &dyn Fn(&Digest) -> bool) -> Option<()> {
        let _file = lock::lock_file(&self.path, true).ok()??;
        let mut known = self.known();
        known.read_new(&self.path);
        known.stamps.retain(|digest, _| !is_gone(digest));
        let bytes: Vec<u8> = known
            .stamps
            .iter()
            .flat_map(|(digest, stamp)| encode(digest, stamp))
            .collect();
        drop(known);
        super::atomic::write(&self.path, &self.temporary, &bytes).ok()
    }

    fn append(&self, bytes: &[u8]) -> Option<()> {
        let mut file = lock::lock_file(&self.path, true).ok()??;
        // A writer that was killed may have left a part of an entry.
        let length = file.metadata().ok()?.len();
        let whole = length - length % ENTRY as u64;
        file.set_len(whole).ok()?;
        file.seek(SeekFrom::Start(whole)).ok()?;
        file.write_all(bytes).ok()?;
        let mut known = self.known();
        known.read_new(&self.path);
        let entries = (whole as usize + bytes.len()) / ENTRY;
        if entries > 4 * known.stamps.len() + 4096 {
            let bytes: Vec<u8> = known
                .stamps
                .iter()
                .flat_map(|(digest, stamp)| encode(digest, stamp))
                .collect();
            drop(known);
            // Whoever waits for the lock sees that the file was replaced.
            super::atomic::write(&self.path, &self.temporary, &bytes).ok()?;
        }
        Some(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Reads what was added to the file. Says whether there was anything.
    fn read_new(&mut self, path: &std::path::Path) -> bool {
        self.try_read_new(path).unwrap_or(false)
    }

    fn try_read_new(&mut self, path: &std::path::Path) -> std::io::Result<bool> {
        let data = std::fs::metadata(path)?;
        if data.ino() != self.inode || data.len() < self.read {
            (self.inode, self.read) = (data.ino(), 0);
        }
        if data.len() < self.read + ENTRY as u64 {
            return Ok(false);
        }
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::with_capacity((data.len() - self.read) as usize);
        file.read_to_end(&mut bytes)?;
        let entries = bytes.chunks_exact(ENTRY);
        self.read += (bytes.len() - entries.remainder().len()) as u64;
        self.stamps.extend(entries.filter_map(decode));
        Ok(true)
    }
}

fn encode(digest: &Digest, stamp: &Stamp) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..32].copy_from_slice(digest.as_raw());
    entry[32..40].copy_from_slice(&stamp.size.to_le_bytes());
    entry[40..48].copy_from_slice(&stamp.modified.to_le_bytes());
    entry[48..56].copy_from_slice(&stamp.changed.to_le_bytes());
    entry[56..64].copy_from_slice(&stamp.inode.to_le_bytes());
    let check = Digest::of_bytes(&entry[..64]);
    entry[64..].copy_from_slice(&check.as_raw()[..8]);
    entry
}

fn decode(entry: &[u8]) -> Option<(Digest, Stamp)> {
    if Digest::of_bytes(&entry[..64]).as_raw()[..8] != entry[64..] {
        return None;
    }
    let number = |at: usize| entry[at..at + 8].try_into().ok().map(u64::from_le_bytes);
    let stamp = Stamp {
        size: number(32)?,
        modified: number(40)? as i64,
        changed: number(48)? as i64,
        inode: number(56)?,
    };
    Some((Digest::from_raw(entry[..32].try_into().ok()?), stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> (Digest, Stamp) {
        let stamp = Stamp {
            size: number,
            modified: -5,
            changed: i64::MAX,
            inode: u64::MAX,
        };
        (Digest::of_bytes(&number.to_le_bytes()), stamp)
    }

    fn stamps(folder: &tempfile::TempDir) -> Stamps {
        Stamps::new(folder.path().join("index/stamps"), folder.path().join("tmp"))
    }

    #[test]
    fn what_one_process_notes_another_one_knows_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (stamps(&folder), stamps(&folder));
        let (digest, stamp) = entry(1);
        assert!(!other.has(&digest, &stamp));
        one.add(&[(digest, stamp)]);
        assert!(other.has(&digest, &stamp));
        assert!(!other.has(&digest, &Stamp { changed: 3, ..stamp }));
    }

    #[test]
    fn a_cut_or_damaged_entry_is_forgotten_and_those_around_it_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        stamps(&folder).add(&[entry(1), entry(2)]);
        let path = folder.path().join("index/stamps");
        let mut bytes = fs_err::read(&path).unwrap();
        bytes[40] ^= 1;
        bytes.extend(b"half an entry");
        fs_err::write(&path, bytes).unwrap();
        stamps(&folder).add(&[entry(3)]);
        let known = [1, 2, 3].map(|number| stamps(&folder).has(&entry(number).0, &entry(number).1));
        assert_eq!(known, [false, true, true]);
    }

    #[test]
    fn a_file_full_of_old_entries_is_rewritten_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let one = stamps(&folder);
        let same = vec![entry(1); 5000];
        one.add(&[entry(2)]);
        one.add(&same);
        let length = fs_err::metadata(folder.path().join("index/stamps")).unwrap().len();
        assert_eq!(length as usize, 2 * ENTRY);
        one.add(&[entry(3)]);
        let other = stamps(&folder);
        assert!(
            [1, 2, 3]
                .iter()
                .all(|&number| other.has(&entry(number).0, &entry(number).1))
        );
    }
}
