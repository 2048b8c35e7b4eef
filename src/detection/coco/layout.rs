//! Where instances files are in a folder, and where the images that they list.

use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// An instances file with its folder of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CocoSet {
    /// The file's name without extension.
    pub name: String,
    /// The file.
    pub annotations: PathBuf,
    /// The folder.
    pub images: PathBuf,
}

/// The instances files in a folder or in its `annotations`, by name; or the one that is given itself.
#[must_use]
pub fn find(place: &Path) -> Vec<CocoSet> {
    if place.is_file() {
        return set(place).into_iter().collect();
    }
    let mut files: Vec<PathBuf> = [place.to_path_buf(), place.join("annotations")]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files.iter().filter_map(|file| set(file)).collect()
}

#[derive(Deserialize)]
struct Glance {
    images: Vec<ImageGlance>,
    #[serde(rename = "annotations")]
    _annotations: Vec<IgnoredAny>,
    #[serde(rename = "categories")]
    _categories: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct ImageGlance {
    file_name: String,
}

/// A file that is an instances file, with the first of the usual folders that has its first image.
fn set(file: &Path) -> Option<CocoSet> {
    let glance: Glance = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = file.file_stem()?.to_string_lossy().into_owned();
    // `instances_train2017` is of `train2017`.
    let short = name.rsplit('_').next().unwrap_or(&name).to_owned();
    let above = folder.parent().unwrap_or(folder);
    let candidates = [
        above.join(&short),
        above.join("images").join(&short),
        folder.join(&short),
        above.join("images"),
        folder.join("images"),
        folder.to_path_buf(),
        above.to_path_buf(),
    ];
    let first = glance.images.first().map(|image| image.file_name.as_str());
    let has = |folder: &&PathBuf| first.is_some_and(|file| folder.join(file).is_file());
    let images = candidates.iter().find(has).unwrap_or(&candidates[5]).clone();
    let annotations = file.to_path_buf();
    Some(CocoSet {
        name,
        annotations,
        images,
    })
}
