//! Which files of a folder outside are not what they were when a stage was last recorded.
//!
//! A record has one digest for a whole folder. The list of files behind that digest is kept beside it, under the digest, so that
//! it needs no other check than its own. It only serves to explain: without it, less is said.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::external::Content;
use super::tree::Tree;
use super::{Digest, Store, StoreError, atomic};

/// How the files of a folder differ from those it had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChanges {
    /// Files with other content.
    pub changed: Vec<String>,
    /// Files that were not there.
    pub added: Vec<String>,
    /// Files that are gone.
    pub removed: Vec<String>,
    /// How many files there are now.
    pub files: usize,
}

impl FileChanges {
    /// How many files differ.
    #[must_use]
    pub fn count(&self) -> usize {
        self.changed.len() + self.added.len() + self.removed.len()
    }

    fn between(old: &Tree, new: &Tree) -> Self {
        let mut found = Self {
            files: new.files.len(),
            ..Self::default()
        };
        for (name, entry) in &new.files {
            match old.files.get(name) {
                None => found.added.push(name.clone()),
                Some(before) if before.digest != entry.digest => found.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        let gone = old.files.keys().filter(|name| !new.files.contains_key(*name));
        found.removed = gone.cloned().collect();
        found
    }
}

/// How many files are named to people.
const NAMED: usize = 5;

impl fmt::Display for FileChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.files + self.removed.len();
        write!(f, "{} of {all} files: ", self.count())?;
        let kinds = [(&self.changed, ""), (&self.added, " (new)"), (&self.removed, " (gone)")];
        let names = kinds
            .iter()
            .flat_map(|(names, mark)| names.iter().map(move |name| format!("{name}{mark}")));
        f.write_str(&names.take(NAMED).collect::<Vec<_>>().join(", "))?;
        match self.count().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Store {
    /// The digest of a file or folder outside, as [`Store::external`], for a stage that is about to be recorded: the list of the
    /// folder's files is kept.
    ///
    /// # Errors
    /// As [`Store::external`]. A list that cannot be written is none.
    pub fn external_for_record(&self, path: &Path, include: &[String]) -> Result<Digest, StoreError> {
        let content = self.outside.content(path, include)?;
        let digest = content.digest();
        if let Content::Folder(tree) = content {
            let list = self.list_path(&digest);
            if !list.exists() {
                let _ = atomic::write(&list, &self.temporary(), tree.manifest().as_bytes());
            }
        }
        Ok(digest)
    }

    /// How the files of a folder outside differ from those that it had when its digest was `old`. None if that is not
    /// known, or if it is no folder.
    ///
    /// # Errors
    /// As [`Store::external`].
    pub fn external_changes(
        &self,
        path: &Path,
        include: &[String],
        old: &Digest,
    ) -> Result<Option<FileChanges>, StoreError> {
        let Some(before) = self.list(old) else { return Ok(None) };
        Ok(match self.outside.content(path, include)? {
            Content::File { .. } => None,
            Content::Folder(now) => Some(FileChanges::between(&before, &now)),
        })
    }

    /// The list under a digest, if it is there and what its name says.
    fn list(&self, digest: &Digest) -> Option<Tree> {
        let text = fs_err::read_to_string(self.list_path(digest)).ok()?;
        (Digest::of_bytes(text.as_bytes()) == *digest).then(|| Tree::parse(&text))?
    }

    fn list_path(&self, digest: &Digest) -> PathBuf {
        self.root().join("index/lists").join(digest.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("store")).unwrap();
            fs_err::create_dir_all(folder.path().join("data/deep")).unwrap();
            let place = Self { folder, store };
            for name in ["a", "b", "deep/c", "d"] {
                place.write(name, name);
            }
            place
        }

        fn data(&self) -> PathBuf {
            self.folder.path().join("data")
        }

        fn write(&self, name: &str, text: &str) {
            fs_err::write(self.data().join(name), text).unwrap();
        }
    }

    #[test]
    fn changed_new_and_lost_files_are_named() {
        let place = Place::new();
        let old = place.store.external_for_record(&place.data(), &[]).unwrap();
        assert_eq!(old, place.store.external(&place.data(), &[]).unwrap());
        place.write("deep/c", "other");
        place.write("e", "new");
        fs_err::remove_file(place.data().join("a")).unwrap();
        let found = place.store.external_changes(&place.data(), &[], &old).unwrap().unwrap();
        assert_eq!(
            (&found.changed[..], &found.added[..], &found.removed[..]),
            (&["deep/c".to_owned()][..], &["e".to_owned()][..], &["a".to_owned()][..])
        );
        assert_eq!(found.to_string(), "3 of 5 files: deep/c, e (new), a (gone)");
    }

    #[test]
    fn of_many_files_the_first_are_named() {
        let changed = (0..40).map(|at| at.to_string()).collect();
        let changes = FileChanges {
            changed,
            files: 5000,
            ..FileChanges::default()
        };
        assert_eq!(changes.to_string(), "40 of 5000 files: 0, 1, 2, 3, 4 and 35 more");
    }

    #[test]
    fn only_the_files_that_count_are_compared() {
        let place = Place::new();
        let include = ["deep/".to_owned()];
        let old = place.store.external_for_record(&place.data(), &include).unwrap();
        place.write("a", "other");
        let found = place.store.external_changes(&place.data(), &include, &old).unwrap();
        assert_eq!(found.unwrap().count(), 0);
    }

    #[test]
    fn what_was_never_recorded_or_whose_list_was_edited_is_not_explained() {
        let place = Place::new();
        let old = place.store.external(&place.data(), &[]).unwrap();
        assert_eq!(place.store.external_changes(&place.data(), &[], &old).unwrap(), None);
        place.store.external_for_record(&place.data(), &[]).unwrap();
        let list = place.store.list_path(&old);
        let text = fs_err::read_to_string(&list).unwrap();
        fs_err::write(&list, text.replace("deep/c", "deep/x")).unwrap();
        assert_eq!(place.store.external_changes(&place.data(), &[], &old).unwrap(), None);
    }
}
