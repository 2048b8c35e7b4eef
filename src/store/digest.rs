//! The name of some bytes: their BLAKE3 digest.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::StoreError;

/// Files from this size on are hashed by several threads; below it, starting them costs more than it saves.
const PARALLEL: usize = 1 << 20;

/// How much of a big file is read at a time.
const CHUNK: usize = 8 << 20;

/// A BLAKE3 digest. Shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes at hand.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file's content, and how many bytes that was.
    ///
    /// Reads rather than maps the file: a mapped file that someone truncates meanwhile would kill the process.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> Result<(Self, u64), StoreError> {
        let mut file = fs_err::File::open(path).map_err(|e| StoreError::io("read", path, e))?;
        let length = file.metadata().map_err(|e| StoreError::io("read", path, e))?.len();
        let room = usize::try_from(length)
            .unwrap_or(CHUNK)
            .saturating_add(1)
            .clamp(1 << 12, CHUNK);
        let mut buffer = vec![0_u8; room];
        let mut hasher = blake3::Hasher::new();
        let mut total = 0;
        loop {
            let filled = fill(&mut file, &mut buffer).map_err(|e| StoreError::io("read", path, e))?;
            if filled >= PARALLEL {
                hasher.update_rayon(&buffer[..filled]);
            } else {
                hasher.update(&buffer[..filled]);
            }
            total += filled as u64;
            if filled < buffer.len() {
                return Ok((Self(*hasher.finalize().as_bytes()), total));
            }
        }
    }

    /// The digest of some fields under a type tag, so that no two kinds of thing share a digest.
    pub(super) fn tagged(tag: &str, bytes: &[u8]) -> Self {
        Self(blake3::derive_key(tag, bytes))
    }

    pub(super) fn from_raw(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_raw(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve hex digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: 64 hex digits in lower case")]
pub struct NotADigest(String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        decode(text.as_bytes())
            .map(Self)
            .ok_or_else(|| NotADigest(text.chars().take(80).collect()))
    }
}

/// 64 hex digits in lower case. By hand, since records are full of them and reading records is what a run without
/// work consists of.
fn decode(text: &[u8]) -> Option<[u8; 32]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_digest_is_that_of_its_bytes_at_every_size_around_a_chunk() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, 4095, 4096, 4097, PARALLEL, CHUNK - 1, CHUNK, CHUNK + 1] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let path = folder.path().join("file");
            fs_err::write(&path, &bytes).unwrap();
            assert_eq!(
                Digest::of_file(&path).unwrap(),
                (Digest::of_bytes(&bytes), size as u64),
                "{size}"
            );
        }
    }

    #[test]
    fn text_and_json_round_trip_and_nothing_else_parses() {
        let digest = Digest::of_bytes(b"x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert_eq!(digest.to_string().len(), 64);
        for wrong in ["", "ab", &"g".repeat(64), &digest.to_string().to_uppercase()] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
