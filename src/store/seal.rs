//! Answers that hold as long as what they rest on is unchanged. Asked the same again, a look at each file's stamp takes
//! the place of all the work.
//!
//! `index/seals/<question>` is a file for each question. What is in the store goes by the stamp at which it was last known to be
//! good, so that an answer never vouches for more than whoever gave it had seen. Losing a seal costs the work and nothing else; so
//! its own errors are not told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::stamp::Stamp;
use super::{Digest, Record, Store, StoreError, atomic, record};

/// A file that changed so shortly before could change again without it showing in its stamp: two ticks of a slow kernel's clock.
pub(super) const RACY: Duration = Duration::from_millis(20);

/// More files than this are looked at by several threads.
const MANY: usize = 1024;

/// What an answer rests on. Places in the store are relative to its folder, all others absolute.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grounds {
    /// Files and folders that must not change; none: that must not come to be.
    places: BTreeMap<PathBuf, Option<Stamp>>,
    /// Small files that are compared by content.
    texts: BTreeMap<PathBuf, Digest>,
    /// Folders outside: what counts in them, and the digest.
    folders: Vec<(PathBuf, Vec<String>, Digest)>,
}

#[derive(Serialize, Deserialize)]
struct Seal<T> {
    grounds: Grounds,
    answer: T,
}

impl Grounds {
    /// A small file, by the digest of what was read from it.
    pub fn add_text(&mut self, path: &Path, digest: Digest) {
        self.texts.insert(absolute(path), digest);
    }

    /// A file or folder as it is now, or that there is none.
    pub fn add_place(&mut self, path: &Path) {
        self.places.insert(absolute(path), stamp_of(path));
    }

    fn hold(&self, store: &Store) -> bool {
        let is_same = |(path, stamp): (&PathBuf, &Option<Stamp>)| stamp_of(&store.root().join(path)) == *stamp;
        let places = if self.places.len() > MANY {
            self.places.par_iter().all(is_same)
        } else {
            self.places.iter().all(is_same)
        };
        let reads = |(path, digest): (&PathBuf, &Digest)| {
            fs_err::read(path).is_ok_and(|content| Digest::of_bytes(&content) == *digest)
        };
        let has = |(path, include, digest): &(PathBuf, Vec<String>, Digest)| {
            store.external(path, include).is_ok_and(|found| found == *digest)
        };
        places && self.texts.iter().all(reads) && self.folders.iter().all(has)
    }

    /// How long ago the last of the places changed; none in the future.
    fn age(&self, now: SystemTime) -> Duration {
        let latest = self.places.values().flatten().map(|stamp| stamp.changed).max();
        let latest = latest.and_then(|time| u64::try_from(time).ok()).unwrap_or_default();
        let latest = SystemTime::UNIX_EPOCH + Duration::from_nanos(latest);
        now.duration_since(latest).unwrap_or_default()
    }
}

impl Store {
    /// Adds a record and its outputs to what an answer rests on. Says whether they are all good.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn rest_on_record(&self, grounds: &mut Grounds, known: &Record) -> Result<bool, StoreError> {
        let path = self.record_path(&known.key);
        if grounds.places.contains_key(self.own_place(&path)) {
            return Ok(true);
        }
        let stamp = stamp_of(&path);
        if !matches!(record::read(&path, &known.key)?, record::Read::Good(_)) {
            return Ok(false);
        }
        grounds.places.insert(self.own_place(&path).to_owned(), stamp);
        for output in known.outputs.values() {
            if grounds
                .places
                .contains_key(self.own_place(&self.object_path(&output.digest)))
            {
                continue;
            }
            if self.first_bad(output)?.is_some() {
                return Ok(false);
            }
            let mut digests = vec![output.digest];
            if output.folder
                && let Ok(tree) = self.tree(&output.digest)?
            {
                digests.extend(tree.files.values().map(|entry| entry.digest));
            }
            for digest in digests {
                let Some(stamp) = self.stamps.get(&digest) else {
                    return Ok(false);
                };
                let path = self.object_path(&digest);
                grounds.places.insert(self.own_place(&path).to_owned(), Some(stamp));
            }
        }
        Ok(true)
    }

    /// Adds a file or folder outside to what an answer rests on. Says whether it still has this digest and will be seen to change.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rest_on_outside(
        &self,
        grounds: &mut Grounds,
        (path, include): (&Path, &[String]),
        digest: Digest,
    ) -> Result<bool, StoreError> {
        match self.outside.content(path, include)? {
            super::external::Content::File { digest: now, stamp } => {
                grounds.places.insert(absolute(path), stamp);
                Ok(now == digest && stamp.is_some())
            }
            now => {
                grounds.folders.push((absolute(path), include.to_vec(), digest));
                Ok(now.digest() == digest)
            }
        }
    }

    /// Keeps an answer. What has only just changed is given the moment after which a further change shows.
    pub fn seal(&self, question: &Digest, grounds: Grounds, answer: &impl Serialize) {
        if let Some(rest) = RACY.checked_sub(grounds.age(SystemTime::now())) {
            std::thread::sleep(rest);
        }
        if let Ok(text) = serde_json::to_vec(&Seal { grounds, answer }) {
            let _ = atomic::write(&self.seal_path(question), &self.temporary(), &text);
        }
    }

    /// The answer to a question, if there is one and all that it rests on is unchanged.
    #[must_use]
    pub fn sealed<T: DeserializeOwned>(&self, question: &Digest) -> Option<T> {
        let text = fs_err::read(self.seal_path(question)).ok()?;
        let seal: Seal<T> = serde_json::from_slice(&text).ok()?;
        seal.grounds.hold(self).then_some(seal.answer)
    }

    /// Forgets all answers.
    pub(super) fn break_seals(&self) {
        let _ = fs_err::remove_dir_all(self.root().join("index/seals"));
    }

    fn seal_path(&self, question: &Digest) -> PathBuf {
        self.root().join("index/seals").join(&question.to_string()[..32])
    }

    /// A path in the store's folder as it stands among the grounds.
    fn own_place<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(self.root()).unwrap_or(path)
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().map(|data| Stamp::of(&data))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        store: Store,
        record: Record,
    }

    impl Place {
        /// A store with a record of a file and a folder, and an answer that rests on it and on a text and a file outside.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("store")).unwrap();
            let mut record = record::tests::record(json!({}));
            let lock = store.lock(&record.key).unwrap();
            let scratch = store.scratch(&record.key);
            fs_err::create_dir_all(scratch.join("data/deep")).unwrap();
            fs_err::write(scratch.join("model"), "weights").unwrap();
            fs_err::write(scratch.join("data/deep/file"), "boxes").unwrap();
            for name in ["model", "data"] {
                let output = store.ingest(&scratch.join(name)).unwrap();
                record.outputs.insert(name.into(), output);
            }
            store.commit(&lock, &record).unwrap();
            fs_err::write(folder.path().join("text"), "stages:").unwrap();
            let place = Self { folder, store, record };
            let mut grounds = Grounds::default();
            assert!(place.store.rest_on_record(&mut grounds, &place.record).unwrap());
            grounds.add_text(&place.path("text"), Digest::of_bytes(b"stages:"));
            grounds.add_place(&place.path("absent"));
            place.store.seal(&question(), grounds, &"all cached");
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// The answer as a new process would find it.
        fn answer(&self) -> Option<String> {
            Store::open(self.store.root()).unwrap().sealed(&question())
        }
    }

    fn question() -> Digest {
        Digest::of_bytes(b"run pipeline.yaml")
    }

    fn overwrite(path: &Path, content: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
        fs_err::write(path, content).unwrap();
    }

    #[test]
    fn an_answer_holds_until_something_that_it_rests_on_changes() {
        let place = Place::new();
        assert_eq!(place.answer().as_deref(), Some("all cached"));
        assert_eq!(place.store.sealed::<String>(&Digest::of_bytes(b"other")), None);
        overwrite(&place.path("text"), "stages:");
        assert_eq!(
            place.answer().as_deref(),
            Some("all cached"),
            "a text goes by its content"
        );
        overwrite(&place.path("text"), "stages: ");
        assert_eq!(place.answer(), None);
    }

    #[test]
    fn every_file_of_the_store_that_an_answer_rests_on_is_looked_at() {
        let model = |place: &Place| place.store.object_path(&place.record.outputs["model"].digest);
        let manifest = |place: &Place| place.store.object_path(&place.record.outputs["data"].digest);
        let inside = |place: &Place| place.store.object_path(&Digest::of_bytes(b"boxes"));
        let record = |place: &Place| place.store.record_path(&place.record.key);
        for path in [model, manifest, inside, record] {
            let place = Place::new();
            let path = path(&place);
            let content = fs_err::read_to_string(&path).unwrap();
            overwrite(&path, &content.replace(['e', '0'], "x"));
            assert_eq!(place.answer(), None, "{}", path.display());
            let place = Place::new();
            fs_err::remove_file(
                place
                    .store
                    .root()
                    .join(path.strip_prefix(path.ancestors().nth(3).unwrap()).unwrap()),
            )
            .unwrap();
            assert_eq!(place.answer(), None, "{}", path.display());
        }
    }

    #[test]
    fn what_was_not_there_must_not_come_to_be() {
        let place = Place::new();
        fs_err::write(place.path("absent"), "").unwrap();
        assert_eq!(place.answer(), None);
    }

    #[test]
    fn nothing_is_said_to_be_good_that_is_damaged() {
        let place = Place::new();
        overwrite(
            &place.store.object_path(&place.record.outputs["model"].digest),
            "weighty",
        );
        let fresh = Store::open(place.store.root()).unwrap();
        assert!(!fresh.rest_on_record(&mut Grounds::default(), &place.record).unwrap());
    }

    #[test]
    fn a_file_outside_must_have_the_digest_and_be_old_enough_to_be_seen_to_change() {
        let place = Place::new();
        let (path, digest) = (place.path("text"), Digest::of_bytes(b"stages:"));
        let rest = |path: &Path, digest| {
            let mut grounds = Grounds::default();
            place.store.rest_on_outside(&mut grounds, (path, &[]), digest).unwrap()
        };
        assert!(!rest(&path, digest), "it has only just been written");
        assert!(rest(
            place.folder.path().join("store").as_path(),
            place.store.external(&place.path("store"), &[]).unwrap()
        ));
        let system = Path::new("/bin/sh");
        assert!(rest(system, place.store.external(system, &[]).unwrap()));
        assert!(!rest(system, digest));
    }

    #[test]
    fn a_damaged_seal_is_no_answer() {
        let place = Place::new();
        fs_err::write(place.store.seal_path(&question()), "{").unwrap();
        assert_eq!(place.answer(), None);
        place.store.break_seals();
        assert_eq!(place.answer(), None);
    }
}
