//! A folder as an object: its manifest, the sorted list of its files with their digests and sizes.
//!
//! Not in it: times, owners, permissions. Links are not kept either: a link inside the folder becomes the file it
//! leads to. A folder in which there is nothing is kept by its name.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Digest, StoreError};

/// First line of a manifest; says which format the lines after it have.
const HEADER: &str = "asm-pipe folder 1";

/// A file of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// A folder's content. Paths are relative, with `/` between names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) files: BTreeMap<String, Entry>,
    pub(super) empty_folders: Vec<String>,
}

impl Tree {
    /// The manifest's text: the same for the same content.
    pub(super) fn manifest(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for (path, entry) in &self.files {
            writeln!(text, "{} {} {path}", entry.digest, entry.size).expect("writing to a string does not fail");
        }
        let mut folders: Vec<&String> = self.empty_folders.iter().collect();
        folders.sort_unstable();
        for path in folders {
            writeln!(text, "folder {path}").expect("writing to a string does not fail");
        }
        text
    }

    /// Reads a manifest. None if it is not one, or names a path that would lead out of the folder.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != HEADER {
            return None;
        }
        let mut tree = Self::default();
        for line in lines {
            let (first, rest) = line.split_once(' ')?;
            if first == "folder" {
                is_inside(rest).then(|| tree.empty_folders.push(rest.to_owned()))?;
                continue;
            }
            let (size, path) = rest.split_once(' ')?;
            let entry = Entry {
                digest: first.parse().ok()?,
                size: size.parse().ok()?,
            };
            (is_inside(path) && tree.files.insert(path.to_owned(), entry).is_none()).then_some(())?;
        }
        Some(tree)
    }

    /// Bytes in all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|entry| entry.size).sum()
    }
}

/// Whether a path of a manifest stays in its folder.
fn is_inside(path: &str) -> bool {
    path.split('/')
        .all(|name| !name.is_empty() && name != "." && name != ".." && !name.contains('\0'))
}

/// What lies in a folder, before anything is read.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Relative path and the file to read.
    pub(super) files: BTreeMap<String, PathBuf>,
    /// Relative path of a link, and that of the file in the folder that it leads to.
    pub(super) links: BTreeMap<String, String>,
    pub(super) empty_folders: Vec<String>,
}

impl Listing {
    /// Lists a folder that a stage wrote.
    pub(super) fn of(folder: &Path) -> Result<Self, StoreError> {
        let top = fs_err::canonicalize(folder).map_err(|e| StoreError::io("read", folder, e))?;
        let mut listing = Self::default();
        listing.add(&top, &top, "")?;
        for target in listing.links.values() {
            if !listing.files.contains_key(target) {
                return Err(unfit(&top.join(target), "a link leads to it, and it is not a file"));
            }
        }
        Ok(listing)
    }

    fn add(&mut self, top: &Path, folder: &Path, prefix: &str) -> Result<(), StoreError> {
        let mut empty = true;
        for entry in fs_err::read_dir(folder).map_err(|e| StoreError::io("read", folder, e))? {
            let entry = entry.map_err(|e| StoreError::io("read", folder, e))?;
            empty = false;
            let (path, name) = (entry.path(), entry.file_name());
            let relative = format!("{prefix}{}", text_name(&path, name.to_str())?);
            let kind = entry.file_type().map_err(|e| StoreError::io("read", &path, e))?;
            if kind.is_dir() {
                self.add(top, &path, &format!("{relative}/"))?;
            } else if kind.is_file() {
                self.files.insert(relative, path);
            } else if kind.is_symlink() {
                let target =
                    fs_err::canonicalize(&path).map_err(|_| unfit(&path, "it is a link that leads nowhere"))?;
                let inside = target
                    .strip_prefix(top)
                    .map_err(|_| unfit(&path, "it is a link that leads out of its folder"))?;
                let inside = text_name(&path, inside.to_str())?;
                self.links.insert(relative, inside.to_owned());
            } else {
                return Err(unfit(&path, "it is neither a file nor a folder"));
            }
        }
        if empty && !prefix.is_empty() {
            self.empty_folders.push(prefix.trim_end_matches('/').to_owned());
        }
        Ok(())
    }
}

/// A name as text that fits on a line of a manifest.
pub(super) fn text_name<'a>(path: &Path, name: Option<&'a str>) -> Result<&'a str, StoreError> {
    let name = name.ok_or_else(|| unfit(path, "its name is not UTF-8"))?;
    if name.contains('\n') {
        return Err(unfit(path, "its name has a line break"));
    }
    Ok(name)
}

pub(super) fn unfit(path: &Path, why: &'static str) -> StoreError {
    StoreError::Unfit {
        path: path.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> Tree {
        let entry = |text: &str| Entry {
            digest: Digest::of_bytes(text.as_bytes()),
            size: text.len() as u64,
        };
        Tree {
            files: BTreeMap::from([("a b/ü.txt".into(), entry("x")), ("a b.txt".into(), entry("yz"))]),
            empty_folders: vec!["void".into()],
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        for tree in [tree(), Tree::default()] {
            assert_eq!(Tree::parse(&tree.manifest()).unwrap(), tree);
        }
        assert_eq!(tree().bytes(), 3);
    }

    #[test]
    fn a_manifest_that_leads_out_of_its_folder_is_refused() {
        let digest = Digest::of_bytes(b"");
        for path in ["../x", "/etc/passwd", "a/../../x", "a//x", ".", "", "a/"] {
            assert!(
                Tree::parse(&format!("{HEADER}\n{digest} 0 {path}\n")).is_none(),
                "{path}"
            );
            assert!(Tree::parse(&format!("{HEADER}\nfolder {path}\n")).is_none(), "{path}");
        }
        assert!(Tree::parse(&format!("{HEADER}\n{digest} 0 x\n{digest} 0 x\n")).is_none());
        assert!(Tree::parse(&format!("{HEADER}\n{digest} 0 x")).is_none());
    }

    #[test]
    fn a_link_inside_counts_as_its_file_and_one_that_leads_out_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("out/deep")).unwrap();
        fs_err::write(folder.path().join("out/deep/file"), "x").unwrap();
        fs_err::write(folder.path().join("secret"), "x").unwrap();
        let out = folder.path().join("out");
        symlink("deep/file", out.join("link")).unwrap();
        assert_eq!(Listing::of(&out).unwrap().links["link"], "deep/file");
        for target in ["../secret", "/etc/passwd", "deep", "nowhere"] {
            symlink(target, out.join("wrong")).unwrap();
            assert!(matches!(Listing::of(&out), Err(StoreError::Unfit { .. })), "{target}");
            fs_err::remove_file(out.join("wrong")).unwrap();
        }
    }
}
