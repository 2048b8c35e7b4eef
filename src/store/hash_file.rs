//! The BLAKE3 hash of a file's content.
//!
//! Reads rather than maps the file: a mapped file that someone truncates meanwhile would kill the process. Of a big file each
//! thread reads and hashes subtrees of its own, in pieces that stay in its cache (BLAKE3 paper, section 2.1: the hash is a binary tree
//! over chunks of 1 KiB).

use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::os::unix::fs::FileExt;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use blake3::{Hash, Hasher};

/// Files from this size on are hashed by several threads; below it, waking them costs more than it saves.
const PARALLEL: u64 = 1 << 20;

/// What a thread reads and hashes at a time: a power of two, as subtrees must be.
const PIECE: u64 = 1 << 19;

/// What is read at a time of a file that is read from its beginning to its end.
const CHUNK: usize = 1 << 20;

/// The hash, and how many bytes there were.
pub(super) fn hash_file(file: &mut File) -> Result<(Hash, u64)> {
    let length = file.metadata()?.len();
    if length >= PARALLEL {
        match hash_in_parallel(file, length) {
            // It has become shorter or longer: whoever asks sees that it changed by its stamp.
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            Ok(Some(hash)) => return Ok((hash, length)),
            Err(error) => return Err(error),
        }
    }
    hash_in_turn(file, length)
}

/// None if there is more than `length`.
fn hash_in_parallel(file: &File, length: u64) -> Result<Option<Hash>> {
    let left = left_subtree_len(length);
    let (one, other) = rayon::join(|| subtree(file, 0, left), || subtree(file, left, length - left));
    let hash = merge_subtrees_root(&one?, &other?, Mode::Hash);
    let more = file.read_at(&mut [0], length)?;
    Ok((more == 0).then_some(hash))
}

fn subtree(file: &File, offset: u64, length: u64) -> Result<ChainingValue> {
    if length > PIECE {
        let left = left_subtree_len(length);
        let one = || subtree(file, offset, left);
        let (one, other) = rayon::join(one, || subtree(file, offset + left, length - left));
        return Ok(merge_subtrees_non_root(&one?, &other?, Mode::Hash));
    }
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(PIECE as usize, 0);
        let piece = &mut buffer[..length as usize];
        file.read_exact_at(piece, offset)?;
        Ok(Hasher::new().set_input_offset(offset).update(piece).finalize_non_root())
    })
}

fn hash_in_turn(file: &mut File, length: u64) -> Result<(Hash, u64)> {
    let room = usize::try_from(length).unwrap_or(CHUNK).saturating_add(1);
    let mut buffer = vec![0_u8; room.clamp(1 << 12, CHUNK)];
    let mut hasher = Hasher::new();
    let mut total = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize(), total)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                total += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_size_has_the_hash_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let sizes = [
            0,
            1,
            4096,
            PARALLEL - 1,
            PARALLEL,
            PARALLEL + 1,
            3 * PARALLEL + 12_345,
            4 * PARALLEL,
        ];
        for size in sizes {
            let bytes: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
            fs_err::write(&path, &bytes).unwrap();
            let found = hash_file(&mut File::open(&path).unwrap()).unwrap();
            assert_eq!(found, (blake3::hash(&bytes), size), "{size}");
        }
    }

    #[test]
    fn a_file_that_is_not_as_long_as_it_was_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs_err::write(&path, vec![7; 3 << 20]).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(hash_in_parallel(&file, 2 << 20).unwrap(), None);
        let error = hash_in_parallel(&file, 4 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
