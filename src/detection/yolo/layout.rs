//! Where things are in a YOLO folder: the file of names, the sets, the images and their labels.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;

use super::names;
use crate::detection::reading::{Fault, Problem, ReadError};

/// The files that may name the classes.
const NAMES: [&str; 4] = ["data.yaml", "data.yml", "dataset.yaml", "dataset.yml"];
/// Or only list them.
const LISTS: [&str; 3] = ["classes.txt", "labels/classes.txt", "obj.names"];
/// What is an image by its name, whether it can be read or not.
const IMAGES: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "gif", "tif", "tiff", "webp"];
/// The set that stands for all.
const ALL: &str = "all";
/// Deeper than this there are no images.
const DEPTH: usize = 8;

/// A YOLO folder, looked at.
#[derive(Debug)]
pub(super) struct Layout {
    /// The classes by number.
    pub(super) classes: Vec<String>,
    /// The file that says so.
    pub(super) file: PathBuf,
    /// The folders and lists of each set, relative to the root.
    sets: BTreeMap<String, Vec<PathBuf>>,
}

/// Whether a folder is a YOLO dataset.
pub(in crate::detection) fn is_yolo(root: &Path) -> bool {
    NAMES.iter().find(|name| root.join(name).is_file()).is_some_and(|name| {
        let text = fs::read_to_string(root.join(name)).unwrap_or_default();
        names::parse(&text).is_ok()
    }) || LISTS.iter().any(|name| root.join(name).is_file()) && root.join("labels").is_dir()
}

/// The sets that a folder has, by name.
///
/// # Errors
/// When the folder is no YOLO dataset.
pub fn sets(root: &Path) -> Result<Vec<String>, ReadError> {
    Ok(Layout::of(root)?.sets.into_keys().collect())
}

impl Layout {
    /// Looks at a folder.
    pub(super) fn of(root: &Path) -> Result<Self, Problem> {
        let unreadable = |error: std::io::Error, file: &str| Fault::Unreadable(error.to_string()).at(root, file);
        if let Some(file) = NAMES.iter().find(|name| root.join(name).is_file()) {
            let text = fs::read_to_string(root.join(file)).map_err(|error| unreadable(error, file))?;
            let names = names::parse(&text)
                .map_err(|(line, message)| Fault::Names(message).at(root, file).position((line, 1)))?;
            let mut sets = BTreeMap::new();
            for (name, values) in &names.entries {
                let places = values.iter().map(|value| inside(root, value));
                match places.collect::<Option<Vec<PathBuf>>>() {
                    Some(places) => drop(sets.insert(name.clone(), places)),
                    None if ["train", "val", "test"].contains(&name.as_str()) => {
                        let value = values.iter().find(|value| inside(root, value).is_none());
                        return Err(Fault::LeadsOut(value.cloned().unwrap_or_default()).at(root, file));
                    }
                    None => {}
                }
            }
            sets.retain(|name, places| name != "path" && places.iter().any(|place| root.join(place).exists()));
            let file = PathBuf::from(file);
            return Ok(Self {
                classes: names.classes,
                file,
                sets,
            }
            .or_folders(root));
        }
        let Some(file) = LISTS.iter().find(|name| root.join(name).is_file()) else {
            return Err(Fault::NotYolo.at(root, ""));
        };
        let text = fs::read_to_string(root.join(file)).map_err(|error| unreadable(error, file))?;
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let classes = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let (file, sets) = (PathBuf::from(file), BTreeMap::new());
        Ok(Self { classes, file, sets }.or_folders(root))
    }

    /// Without sets by name: the folders in `images`.
    fn or_folders(mut self, root: &Path) -> Self {
        if self.sets.is_empty()
            && let Ok(entries) = fs::read_dir(root.join("images"))
        {
            let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
            let folders = folders.map(|entry| entry.file_name());
            let names = folders.filter_map(|name| name.into_string().ok());
            self.sets = names
                .map(|name| (name.clone(), vec![Path::new("images").join(name)]))
                .collect();
        }
        self
    }

    /// The images of a set, relative to the root and with `/`, sorted.
    pub(super) fn images(&self, root: &Path, set: &str) -> Result<Vec<String>, Problem> {
        let places = match (self.sets.get(set), set == ALL) {
            (Some(places), _) => places.clone(),
            (None, true) if self.sets.is_empty() && root.join("images").is_dir() => vec![PathBuf::from("images")],
            (None, true) if self.sets.is_empty() => vec![PathBuf::new()],
            (None, true) => self.sets.values().flatten().cloned().collect(),
            (None, false) => {
                let (set, present) = (set.to_owned(), self.sets.keys().cloned().collect());
                return Err(Fault::PartMissing { set, present }.at(root, &self.file));
            }
        };
        let mut images = Vec::new();
        for place in &places {
            if place.extension().is_some_and(|extension| extension == "txt") {
                images.extend(listed(root, place)?);
            } else {
                let found = collect(root, place, DEPTH, &mut images);
                found.map_err(|error| Fault::Unreadable(error.to_string()).at(root, place))?;
            }
        }
        images.sort();
        images.dedup();
        if images.is_empty() {
            return Err(Fault::SetEmpty.at(root, places.first().cloned().unwrap_or_default()));
        }
        Ok(images)
    }
}

/// A path inside the root. Files made elsewhere lead there by `../`, which is not followed.
fn inside(root: &Path, value: &str) -> Option<PathBuf> {
    let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let parts = |path: &Path| -> PathBuf { path.components().filter(|part| *part != Component::CurDir).collect() };
    let path = parts(Path::new(value));
    let below: PathBuf = path
        .components()
        .skip_while(|part| *part == Component::ParentDir)
        .collect();
    [path, below]
        .into_iter()
        .find(|path| plain(path) && !root.as_os_str().is_empty())
}

/// The images that a text file lists, a line each.
fn listed(root: &Path, file: &Path) -> Result<Vec<String>, Problem> {
    let text =
        fs::read_to_string(root.join(file)).map_err(|error| Fault::Unreadable(error.to_string()).at(root, file))?;
    let mut images = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let path = inside(root, line);
        let fault = || Fault::LeadsOut(line.to_owned()).at(root, file).position((number, 1));
        images.push(with_slashes(&path.ok_or_else(fault)?));
    }
    Ok(images)
}

/// All images in a folder and those in it.
fn collect(root: &Path, folder: &Path, depth: usize, images: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let name = entry?.file_name();
        let inside = folder.join(&name);
        let hidden = name.to_string_lossy().starts_with('.');
        if !hidden && depth > 0 && root.join(&inside).is_dir() {
            collect(root, &inside, depth - 1, images)?;
        } else if !hidden && is_image(&inside) {
            images.push(with_slashes(&inside));
        }
    }
    Ok(())
}

fn is_image(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| IMAGES.contains(&extension.as_str()))
}

fn with_slashes(path: &Path) -> String {
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

/// The file of an image's labels: under `labels` where the image is under `images`, else beside it.
#[must_use]
pub(super) fn labels_of(image: &str) -> String {
    let end = image.len() - crate::detection::reading::extension_of(image).len();
    let mut parts: Vec<&str> = image[..end].split('/').collect();
    let folders = parts.len() - 1;
    if let Some(at) = parts[..folders].iter().rposition(|part| *part == "images") {
        parts[at] = "labels";
    }
    parts.join("/") + ".txt"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_where_ultralytics_looks_for_them() {
        assert_eq!(labels_of("images/train/a.b.jpg"), "labels/train/a.b.txt");
        assert_eq!(labels_of("images/x/images/a.png"), "images/x/labels/a.txt");
        assert_eq!(labels_of("obj_train_data/a.jpg"), "obj_train_data/a.txt");
        assert_eq!(labels_of("images.jpg"), "images.txt");
    }

    #[test]
    fn folders_of_images_stay_inside() {
        let root = Path::new("data");
        let places = [
            "images/train",
            "./images/train",
            "../images/train",
            "../../images/train",
        ];
        for value in places {
            assert_eq!(inside(root, value), Some(PathBuf::from("images/train")), "{value}");
        }
        for value in ["/etc", "images/../../x"] {
            assert_eq!(inside(root, value), None, "{value}");
        }
    }
}
