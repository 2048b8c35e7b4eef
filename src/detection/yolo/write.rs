//! A dataset as a YOLO folder: classes and boxes. What YOLO has no place for is for the caller to tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use fs_err as fs;

use super::names;
use crate::detection::reading::{extension_of, is_plain_name};
use crate::detection::{AnnotatedImage, Dataset};

/// Why a dataset has no form as a YOLO folder.
#[derive(Debug, thiserror::Error)]
pub enum YoloWriteError {
    /// A file name that is no plain file name.
    #[error("image `{0}` cannot be written as YOLO: its file is not a plain file name")]
    UnsafeName(String),
    /// A label that is no class.
    #[error("image `{image}` has a box with label {label}, which is no class")]
    Label {
        /// The image.
        image: String,
        /// The label.
        label: u32,
    },
    /// The folder has a `data.yaml` already, with other classes.
    #[error("data.yaml is there already and has other classes: {}", .0.join(", "))]
    OtherClasses(Vec<String>),
    /// The folder has a `data.yaml` already that cannot be read.
    #[error("data.yaml is there already: line {0}: {1}")]
    Names(u32, String),
    /// The disk said no. The error names the file.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// Writes the labels of a set and `data.yaml`, to which the set is added. The images are for the caller to put into `images/SET`,
/// which is made.
///
/// # Errors
/// When the dataset has no form as YOLO or the disk says no.
pub fn write_labels(folder: &Path, set: &str, dataset: &Dataset) -> Result<(), YoloWriteError> {
    let labels = folder.join("labels").join(set);
    fs::create_dir_all(&labels)?;
    fs::create_dir_all(folder.join("images").join(set))?;
    for entry in &dataset.images {
        let file = &entry.image.file;
        if !is_plain_name(file) {
            return Err(YoloWriteError::UnsafeName(entry.image.id.clone()));
        }
        let stem = &file[..file.len() - extension_of(file).len()];
        fs::write(labels.join(format!("{stem}.txt")), lines(entry, dataset.classes.len())?)?;
    }
    let path = folder.join("data.yaml");
    let mut sets = BTreeMap::new();
    if path.exists() {
        let before = names::parse(&fs::read_to_string(&path)?);
        let before = before.map_err(|(line, message)| YoloWriteError::Names(line, message))?;
        if before.classes != dataset.classes {
            return Err(YoloWriteError::OtherClasses(before.classes));
        }
        sets = before.entries;
        sets.remove("nc");
    }
    sets.insert(set.to_owned(), vec![format!("images/{set}")]);
    Ok(fs::write(path, names::to_yaml(&dataset.classes, &sets))?)
}

fn lines(entry: &AnnotatedImage, classes: usize) -> Result<String, YoloWriteError> {
    let image = &entry.image;
    let (width, height) = (f64::from(image.width.max(1)), f64::from(image.height.max(1)));
    let mut text = String::new();
    for annotation in &entry.annotations {
        let label = annotation.label;
        if label as usize >= classes {
            let image = image.id.clone();
            return Err(YoloWriteError::Label { image, label });
        }
        let bounds = &annotation.bounds;
        let x = (bounds.x_min + bounds.x_max) / 2.0 / width;
        let y = (bounds.y_min + bounds.y_max) / 2.0 / height;
        let (w, h) = (bounds.width() / width, bounds.height() / height);
        let _ = writeln!(text, "{label} {x} {y} {w} {h}");
    }
    Ok(text)
}
