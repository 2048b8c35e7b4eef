//! A dataset with its images as an ordinary folder of one of the formats, and what that format has no place for.

mod left_out;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use fs_err as fs;
use rayon::prelude::*;

pub use self::left_out::{LeftOut, left_out};
use super::Dataset;
use super::coco::{CocoWriteError, to_json};
use super::folder::Format;
use super::reading::is_plain_name;
use super::voc::{VocWriteError, write_annotations_from};
use super::yolo::{YoloWriteError, write_labels};

/// How a dataset is to be written.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The format.
    pub format: Format,
    /// What the set is called.
    pub set: String,
    /// What VOC's first pixel is counted as.
    pub origin: u8,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Images.
    pub images: usize,
    /// Boxes.
    pub boxes: usize,
    /// What was left out.
    pub left_out: LeftOut,
}

/// Why a dataset cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is something that is no dataset of the format.
    #[error("{}: there is something already, and it is no {format} dataset", .folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// The format.
        format: Format,
    },
    /// The set is there already.
    #[error("{}: the set `{set}` is there already", .folder.display())]
    SetThere {
        /// The folder.
        folder: PathBuf,
        /// The set.
        set: String,
    },
    /// A name that leads somewhere else.
    #[error("`{0}` is not a plain file name")]
    UnsafeName(String),
    /// Another image of that name is there.
    #[error("{}: another image of this name is there already", .0.display())]
    OtherImage(PathBuf),
    /// It has no form as VOC.
    #[error(transparent)]
    Voc(#[from] VocWriteError),
    /// It has no form as COCO.
    #[error(transparent)]
    Coco(#[from] CocoWriteError),
    /// It has no form as YOLO.
    #[error(transparent)]
    Yolo(#[from] YoloWriteError),
    /// The disk said no. The error names the file.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// Writes a dataset into a folder that is empty, or that has other sets of the same format. `sources` are the files of its images, in the
/// same order.
///
/// `done` is called after each image, from several threads.
///
/// # Errors
/// When the folder has something else, when the dataset has no form in the format, or when the disk says no.
pub fn export(
    folder: &Path,
    dataset: &Dataset,
    sources: &[PathBuf],
    options: &ExportOptions,
    done: &(dyn Fn() + Sync),
) -> Result<Exported, ExportError> {
    let set = options.set.as_str();
    if !is_plain_name(set) || set.contains(char::is_whitespace) {
        return Err(ExportError::UnsafeName(set.to_owned()));
    }
    check_place(folder, options)?;
    let (kept, left_out) = left_out(dataset, options.format, options.origin);
    let images = folder.join(match options.format {
        Format::Voc => PathBuf::from("JPEGImages"),
        Format::Coco => PathBuf::from(set),
        Format::Yolo => Path::new("images").join(set),
    });
    fs::create_dir_all(&images)?;
    kept.images.par_iter().zip(sources).try_for_each(|(entry, source)| {
        let file = &entry.image.file;
        if !is_plain_name(file) {
            return Err(ExportError::UnsafeName(file.clone()));
        }
        copy(source, &images.join(file))?;
        done();
        Ok(())
    })?;
    // The list of a set comes last: a folder that has it is whole.
    match options.format {
        Format::Voc => write_annotations_from(folder, set, &kept, options.origin)?,
        Format::Yolo => write_labels(folder, set, &kept)?,
        Format::Coco => {
            let text = to_json(&kept)?;
            fs::create_dir_all(folder.join("annotations"))?;
            fs::write(instances(folder, set), text)?;
        }
    }
    Ok(Exported {
        images: kept.images.len(),
        boxes: kept.images.iter().map(|entry| entry.annotations.len()).sum(),
        left_out,
    })
}

fn instances(folder: &Path, set: &str) -> PathBuf {
    folder.join("annotations").join(format!("instances_{set}.json"))
}

/// Whether a set can be added here.
fn check_place(folder: &Path, options: &ExportOptions) -> Result<(), ExportError> {
    if !folder.exists() || fs::read_dir(folder)?.next().is_none() {
        return Ok(());
    }
    let (set, format) = (&options.set, options.format);
    let (mark, of_set) = match format {
        Format::Voc => ("Annotations", folder.join(format!("ImageSets/Main/{set}.txt"))),
        Format::Coco => ("annotations", instances(folder, set)),
        Format::Yolo => ("data.yaml", folder.join("labels").join(set)),
    };
    let folder = folder.to_path_buf();
    if !folder.join(mark).exists() {
        return Err(ExportError::NotEmpty { folder, format });
    }
    match of_set.exists() {
        true => Err(ExportError::SetThere {
            folder,
            set: set.clone(),
        }),
        false => Ok(()),
    }
}

/// Copies the bytes, not the permissions. Two sets may have an image in common.
fn copy(from: &Path, to: &Path) -> Result<(), ExportError> {
    let bytes = fs::read(from)?;
    if to.exists() {
        let same = fs::read(to)? == bytes;
        return if same {
            Ok(())
        } else {
            Err(ExportError::OtherImage(to.to_path_buf()))
        };
    }
    Ok(fs::write(to, bytes)?)
}
