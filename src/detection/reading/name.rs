//! Names from files that others wrote.

use std::collections::BTreeSet;
use std::path::Path;

/// Whether a name stays in its folder, on any system.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let separates = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
    !matches!(name, "" | "." | "..") && !name.contains(separates)
}

/// A file's extension with its dot, or nothing.
#[must_use]
pub(in crate::detection) fn extension_of(path: &str) -> String {
    Path::new(path)
        .extension()
        .map_or_else(String::new, |extension| format!(".{}", extension.to_string_lossy()))
}

/// Image ids for paths inside a folder: the file names without extension; of all, when two would be the same, the paths with `_` for `/`. What is
/// the same even then is for the caller to tell.
#[must_use]
pub(in crate::detection) fn flat_names(paths: &[&str]) -> Vec<String> {
    let stem = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let end = name.len() - extension_of(name).len();
        name[..end].to_owned()
    };
    let stems: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    if stems.iter().collect::<BTreeSet<_>>().len() == stems.len() {
        return stems;
    }
    let whole = |path: &&str| path[..path.len() - extension_of(path).len()].replace('/', "_");
    paths.iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_called_by_their_file_unless_two_have_one_name() {
        assert_eq!(flat_names(&["train/a.jpg", "b.png", "c"]), ["a", "b", "c"]);
        assert_eq!(
            flat_names(&["train/a.jpg", "val/a.jpg", "val/b.v1.png"]),
            ["train_a", "val_a", "val_b.v1"]
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_plain() {
        for name in ["a.jpg", "2007_000027", "a..b.jpg", "..a", "naïve (1).png"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "../a.jpg",
            "a/b.jpg",
            "/a.jpg",
            "..\\a.jpg",
            "C:a.jpg",
            "a\0.jpg",
        ] {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
