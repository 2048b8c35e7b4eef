//! Where things are in a VOC folder: roots, image sets, names that stay inside.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::detection::reading::{Fault, Problem, ReadError, is_plain_name};

/// The set that stands for every annotation file.
pub(super) const ALL: &str = "all";

/// The folder of annotation files.
pub(super) const ANNOTATIONS: &str = "Annotations";
/// The folder of images.
pub(super) const IMAGES: &str = "JPEGImages";
/// The folder of image sets.
pub(super) const SETS: &str = "ImageSets/Main";

/// The dataset folders that are meant: a folder given is one, or holds some, as a VOCdevkit does.
pub(super) fn roots(given: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for folder in given {
        let mut inside = vec![folder.clone()];
        if !folder.join(ANNOTATIONS).is_dir() {
            let entries = fs::read_dir(folder).map_err(|e| Fault::Unreadable(e.to_string()).at(folder, ""))?;
            inside = entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .collect();
            inside.retain(|path| path.join(ANNOTATIONS).is_dir());
            inside.sort();
        }
        if inside.is_empty() {
            return Err(Fault::NotVoc.at(folder, ""));
        }
        for root in inside {
            let same = |other: &PathBuf| same_folder(other, &root);
            if roots.iter().any(same) {
                return Err(Fault::RootTwice.at(&root, ""));
            }
            roots.push(root);
        }
    }
    Ok(roots)
}

/// Whether a folder is a dataset or holds some.
pub(in crate::detection) fn is_voc(folder: &Path) -> bool {
    let given = [folder.to_path_buf()];
    roots(&given).is_ok()
}

fn same_folder(one: &Path, other: &Path) -> bool {
    one == other || matches!((fs::canonicalize(one), fs::canonicalize(other)), (Ok(a), Ok(b)) if a == b)
}

/// The image ids of a set, each with its line, and the lines that are no ids.
pub(super) type Listed = (Vec<(String, u32)>, Vec<Problem>);

/// Reads a set.
pub(super) fn list(root: &Path, set: &str) -> Result<Listed, Problem> {
    let file = Path::new(SETS).join(format!("{set}.txt"));
    let path = root.join(&file);
    if !is_plain_name(set) {
        return Err(Fault::UnsafeName(set.to_owned()).at(root, SETS));
    }
    if set == ALL && !path.is_file() {
        let ids = annotated(root)?.into_iter().map(|id| (id, 1)).collect();
        return Ok((ids, Vec::new()));
    }
    if !path.is_file() {
        let set = set.to_owned();
        let present = sets(root);
        return Err(Fault::SetMissing { set, present }.at(root, SETS));
    }
    let text = fs::read_to_string(&path).map_err(|e| Fault::Unreadable(e.to_string()).at(root, &file))?;
    let mut ids = Vec::new();
    let mut problems = Vec::new();
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            // A set of one class: 1 has it, 0 has it only as difficult, -1 has it not.
            [id] | [id, "1" | "0"] => ids.push(((*id).to_owned(), line)),
            [_, "-1"] => {}
            _ => problems.push(
                Fault::SetLine(text.trim().to_owned())
                    .at(root, &file)
                    .position((line, 1)),
            ),
        }
    }
    if ids.is_empty() && problems.is_empty() {
        return Err(Fault::SetEmpty.at(root, file));
    }
    Ok((ids, problems))
}

/// The ids of all annotation files, sorted.
pub(super) fn annotated(root: &Path) -> Result<Vec<String>, Problem> {
    let unreadable = |e: std::io::Error| Fault::Unreadable(e.to_string()).at(root, ANNOTATIONS);
    let mut ids = Vec::new();
    for entry in fs::read_dir(root.join(ANNOTATIONS)).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if let Some(id) = name
            .to_str()
            .and_then(|name| name.strip_suffix(".xml"))
            .filter(|id| !id.starts_with('.'))
        {
            ids.push(id.to_owned());
        }
    }
    ids.sort();
    if ids.is_empty() {
        return Err(Fault::SetEmpty.at(root, ANNOTATIONS));
    }
    Ok(ids)
}

/// The sets that each of the datasets in these folders has, sorted; sets of single classes left out when there are others.
///
/// # Errors
/// When a folder is no dataset and holds none.
pub fn common_sets(folders: &[PathBuf]) -> Result<Vec<String>, ReadError> {
    let roots = roots(folders).map_err(|problem| ReadError {
        problems: vec![problem],
    })?;
    let mut each = roots.iter().map(|root| sets(root));
    let first = each.next().unwrap_or_default();
    Ok(each.fold(first, |common, sets| {
        common.into_iter().filter(|set| sets.contains(set)).collect()
    }))
}

/// The sets a folder has, sorted; sets of single classes (`cat_train`) left out when there are others.
fn sets(root: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root.join(SETS)) else {
        return Vec::new();
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".txt").map(str::to_owned);
    let mut names: Vec<String> = entries.filter_map(|entry| name(entry.ok()?)).collect();
    names.sort();
    let whole: Vec<String> = names.iter().filter(|name| !name.contains('_')).cloned().collect();
    if whole.is_empty() { names } else { whole }
}
