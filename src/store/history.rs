//! Under which keys a stage name was made before: what a miss is explained against.
//!
//! Only a hint: it may be lost, and its own errors are not told.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::{Digest, Store, atomic};

/// How many earlier keys are looked at.
pub(super) const RECENT: usize = 20;

/// A line: a key in hex and the line break.
const LINE: u64 = 65;

/// A history longer than this many lines is cut to the recent ones.
const LONG: u64 = 1000;

/// A stage's name without the pipeline's before the last `/`: other pipelines share it.
pub(super) fn own_name(stage: &str) -> &str {
    stage.rsplit('/').next().unwrap_or(stage)
}

impl Store {
    /// The history of a stage name.
    fn history_path(&self, stage: &str) -> PathBuf {
        let name = own_name(stage);
        self.root()
            .join("history")
            .join(&Digest::of_bytes(name.as_bytes()).to_string()[..32])
    }

    /// Notes that a stage of this name was made under a key.
    pub(super) fn add_to_history(&self, stage: &str, key: &Digest) {
        let path = self.history_path(stage);
        let add = || {
            let mut options = OpenOptions::new();
            options.create(true).append(true);
            let mut file = atomic::with_parent(&path, || options.open(&path))?;
            file.write_all(format!("{key}\n").as_bytes())?;
            file.metadata().map(|data| data.len())
        };
        if add().is_ok_and(|length| length > LONG * LINE) {
            let recent = self.history(stage);
            let text: String = recent.iter().rev().map(|key| format!("{key}\n")).collect();
            let _ = atomic::write(&path, &self.temporary(), text.as_bytes());
        }
    }

    /// Keys that stages of this name were made under, without repeats, latest first.
    pub(super) fn history(&self, stage: &str) -> Vec<Digest> {
        let read = || {
            let mut file = File::open(self.history_path(stage))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(4 * RECENT as u64 * LINE)))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            std::io::Result::Ok(text)
        };
        let text = read().unwrap_or_default();
        let mut keys: Vec<Digest> = Vec::new();
        // A line that was cut, by the start of the part read or by a kill, is no key.
        for line in text.split(|&byte| byte == b'\n').rev() {
            if let Some(key) = std::str::from_utf8(line).ok().and_then(|line| line.parse().ok())
                && !keys.contains(&key)
                && keys.len() < RECENT
            {
                keys.push(key);
            }
        }
        keys
    }
}

impl Store {
    /// Whether a stage of this name was made under this key not long ago.
    #[must_use]
    pub fn remembers(&self, stage: &str, key: &Digest) -> bool {
        self.history(stage).contains(key)
    }

    /// Takes keys without a record out of all histories.
    pub(super) fn trim_histories(&self) {
        let Ok(entries) = std::fs::read_dir(self.root().join("history")) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Ok(text) = fs_err::read_to_string(&path) else {
                continue;
            };
            let has_record = |line: &&str| line.parse().is_ok_and(|key: Digest| self.record_path(&key).exists());
            let kept: String = text
                .lines()
                .filter(has_record)
                .map(|line| format!("{line}\n"))
                .collect();
            if kept.is_empty() {
                let _ = fs_err::remove_file(&path);
            } else if kept != text {
                let _ = atomic::write(&path, &self.temporary(), kept.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> Digest {
        Digest::of_bytes(&number.to_le_bytes())
    }

    #[test]
    fn the_latest_keys_come_first_without_repeats_and_pipelines_share_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for number in [1, 2, 1, 3] {
            store.add_to_history("one/merge", &key(number));
        }
        store.add_to_history("one/select", &key(9));
        assert_eq!(store.history("two/merge"), [key(3), key(1), key(2)]);
        assert_eq!(store.history("other"), []);
    }

    #[test]
    fn a_history_stays_short_and_survives_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for number in 0..LONG + 5 {
            store.add_to_history("merge", &key(number));
        }
        let path = store.history_path("merge");
        assert!(fs_err::metadata(&path).unwrap().len() < 100 * LINE);
        let mut text = fs_err::read(&path).unwrap();
        text.truncate(text.len() - 10);
        text.extend(b"\n");
        fs_err::write(&path, text).unwrap();
        let found = store.history("merge");
        assert_eq!(found[0], key(LONG + 3));
        assert_eq!(found.len(), RECENT);
    }
}
