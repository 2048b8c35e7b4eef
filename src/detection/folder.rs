//! A dataset's folder of any format: which one it is, and reading it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::coco::{self, CocoOptions, CocoSet};
use super::reading::{Fault, OnProblem, ReadDataset, ReadError};
use super::voc::{self, VocOptions};
use super::yolo::{self, YoloOptions};

/// A format of datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Pascal VOC: `Annotations`, `JPEGImages`, `ImageSets/Main`.
    Voc,
    /// COCO: an instances file and a folder of images.
    Coco,
    /// YOLO: `data.yaml`, `images`, `labels`.
    Yolo,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Voc, Self::Coco, Self::Yolo];

    /// The format's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Voc => "voc",
            Self::Coco => "coco",
            Self::Yolo => "yolo",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A format that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`; there are voc, coco, yolo")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// How a folder is to be read, whatever its format.
#[derive(Clone, Debug)]
pub struct FolderOptions {
    /// The set; none: all images, or the only instances file.
    pub set: Option<String>,
    /// The classes, in order; empty: those of the folder.
    pub classes: Vec<String>,
    /// What a VOC folder counts the first pixel as.
    pub origin: u8,
    /// What happens to an image with a problem.
    pub on_problem: OnProblem,
    /// Whether every image is decoded.
    pub check_pixels: bool,
}

/// The format of a folder (or of an instances file), by what lies in it.
///
/// # Errors
/// When it is none of them.
pub fn recognise(place: &Path) -> Result<Format, ReadError> {
    if place.is_dir() && voc::is_voc(place) {
        Ok(Format::Voc)
    } else if place.is_dir() && yolo::is_yolo(place) {
        Ok(Format::Yolo)
    } else if !coco::find(place).is_empty() {
        Ok(Format::Coco)
    } else {
        Err(Fault::NotADataset.at(place, "").into())
    }
}

/// Reads a folder of a format that is known.
///
/// `done` is called after each image, from several threads.
///
/// # Errors
/// As the reader of the format.
pub fn read(
    place: &Path,
    format: Format,
    options: &FolderOptions,
    done: &(dyn Fn() + Sync),
) -> Result<ReadDataset, ReadError> {
    let FolderOptions {
        set,
        classes,
        origin,
        on_problem,
        check_pixels,
    } = options.clone();
    let all = || "all".to_owned();
    match format {
        Format::Voc => {
            let options = VocOptions {
                set: set.unwrap_or_else(all),
                classes,
                origin,
                on_problem,
                limit: None,
                check_pixels,
            };
            voc::read(&[place.to_path_buf()], &options, done)
        }
        Format::Yolo => {
            let options = YoloOptions {
                root: place.to_path_buf(),
                set: set.unwrap_or_else(all),
                classes,
                on_problem,
                limit: None,
                check_pixels,
            };
            yolo::read(&options, done)
        }
        Format::Coco => {
            let CocoSet {
                annotations, images, ..
            } = instances(place, set.as_deref())?;
            let options = CocoOptions {
                annotations,
                images,
                classes,
                on_problem,
                limit: None,
                check_pixels,
            };
            coco::read(&options, done)
        }
    }
}

/// The instances file that is meant.
fn instances(place: &Path, set: Option<&str>) -> Result<CocoSet, ReadError> {
    let mut sets = coco::find(place);
    let names = |sets: &[CocoSet]| sets.iter().map(|set| set.name.clone()).collect::<Vec<_>>();
    let at = |fault: Fault| ReadError::from(fault.at(place, PathBuf::new()));
    match set {
        Some(set) => {
            let found = sets
                .iter()
                .position(|found| found.name == set || found.name.ends_with(&format!("_{set}")));
            let (set, present) = (set.to_owned(), names(&sets));
            let found = found.ok_or_else(|| at(Fault::FileMissing { set, present }))?;
            Ok(sets.swap_remove(found))
        }
        None if sets.len() > 1 => Err(at(Fault::SeveralFiles(names(&sets)))),
        None => sets.pop().ok_or_else(|| at(Fault::NotADataset)),
    }
}
