//! A dataset as a VOC folder: everything a dataset holds but the order of its classes can be read back.

use std::fmt::Write as _;
use std::path::Path;

use fs_err as fs;

use super::document::UNSPECIFIED;
use super::layout::{ANNOTATIONS, IMAGES, SETS};
use crate::detection::reading::is_plain_name;
use crate::detection::{AnnotatedImage, Annotation, Dataset, Source};

/// Why a dataset has no form as a VOC folder.
#[derive(Debug, thiserror::Error)]
pub enum VocWriteError {
    /// An id or a file name that is no plain file name.
    #[error("image `{0}` cannot be written as VOC: its id or file is not a plain file name")]
    UnsafeName(String),
    /// A box thinner than a pixel: its inclusive corners would be swapped or the same.
    #[error("image `{image}` has a box {width}x{height}, too thin for VOC's inclusive corners")]
    ThinBox {
        /// The image.
        image: String,
        /// The box's width.
        width: f64,
        /// The box's height.
        height: f64,
    },
    /// A label that is no class.
    #[error("image `{image}` has a box with label {label}, which is no class")]
    Label {
        /// The image.
        image: String,
        /// The label.
        label: u32,
    },
    /// The disk said no. The error names the file.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// Writes the annotations of the dataset, counted from 1, and the set that lists them. The images are for the caller to put
/// into `JPEGImages`, which is made.
///
/// # Errors
/// When the dataset has no form as VOC or the disk says no.
pub fn write_annotations(folder: &Path, set: &str, dataset: &Dataset) -> Result<(), VocWriteError> {
    write_annotations_from(folder, set, dataset, 1)
}

/// The same, with the first pixel counted as `origin`.
///
/// # Errors
/// When the dataset has no form as VOC or the disk says no.
pub fn write_annotations_from(folder: &Path, set: &str, dataset: &Dataset, origin: u8) -> Result<(), VocWriteError> {
    for part in [ANNOTATIONS, IMAGES, SETS] {
        fs::create_dir_all(folder.join(part))?;
    }
    let mut list = String::new();
    for entry in &dataset.images {
        let id = &entry.image.id;
        if !is_plain_name(id) || !is_plain_name(&entry.image.file) || id.contains(char::is_whitespace) {
            return Err(VocWriteError::UnsafeName(id.clone()));
        }
        let text = document(folder, entry, &dataset.classes, origin)?;
        fs::write(folder.join(ANNOTATIONS).join(format!("{id}.xml")), text)?;
        list.push_str(id);
        list.push('\n');
    }
    Ok(fs::write(folder.join(SETS).join(format!("{set}.txt")), list)?)
}

fn document(folder: &Path, entry: &AnnotatedImage, classes: &[String], origin: u8) -> Result<String, VocWriteError> {
    let image = &entry.image;
    let name = folder
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut text = format!(
        "<annotation>\n\t<folder>{}</folder>\n\t<filename>{}</filename>\n\t<size>\n\t\t<width>{}</width>\n\
         \t\t<height>{}</height>\n\t\t<depth>3</depth>\n\t</size>\n\t<segmented>0</segmented>\n",
        escaped(&name),
        escaped(&image.file),
        image.width,
        image.height,
    );
    for annotation in &entry.annotations {
        object(&mut text, &image.id, annotation, (classes, origin))?;
    }
    text.push_str("</annotation>\n");
    Ok(text)
}

fn object(
    text: &mut String,
    image: &str,
    annotation: &Annotation,
    (classes, origin): (&[String], u8),
) -> Result<(), VocWriteError> {
    let (image, label) = (image.to_owned(), annotation.label);
    let Some(class) = classes.get(label as usize) else {
        return Err(VocWriteError::Label { image, label });
    };
    let [x_min, y_min, x_max, y_max] = annotation.bounds.xyxy();
    let corners = [x_min + f64::from(origin), y_min + f64::from(origin), x_max, y_max];
    if is_too_thin(annotation, origin) {
        let (width, height) = (annotation.bounds.width(), annotation.bounds.height());
        return Err(VocWriteError::ThinBox { image, width, height });
    }
    let _ = write!(
        text,
        "\t<object>\n\t\t<name>{}</name>\n\t\t<pose>{}</pose>\n\t\t<truncated>{}</truncated>\n\
         \t\t<difficult>{}</difficult>\n",
        escaped(class),
        escaped(annotation.marks.pose.as_deref().unwrap_or(UNSPECIFIED)),
        u8::from(annotation.truncated),
        u8::from(annotation.difficult),
    );
    if let Some(occluded) = annotation.marks.occluded {
        let _ = writeln!(text, "\t\t<occluded>{}</occluded>", u8::from(occluded));
    }
    if annotation.source == Source::Model || annotation.score.is_some() || annotation.round.is_some() {
        let source = if annotation.source == Source::Model {
            "model"
        } else {
            "human"
        };
        let _ = writeln!(text, "\t\t<annotator>{source}</annotator>");
        let score = annotation.score.map(|score| ("score", score.to_string()));
        let round = annotation.round.map(|round| ("round", round.to_string()));
        for (element, value) in score.into_iter().chain(round) {
            let _ = writeln!(text, "\t\t<{element}>{value}</{element}>");
        }
    }
    text.push_str("\t\t<bndbox>\n");
    for (element, value) in ["xmin", "ymin", "xmax", "ymax"].into_iter().zip(corners) {
        let _ = writeln!(text, "\t\t\t<{element}>{value}</{element}>");
    }
    text.push_str("\t\t</bndbox>\n\t</object>\n");
    Ok(())
}

/// Whether the corners of a box would be swapped or the same.
pub(in crate::detection) fn is_too_thin(annotation: &Annotation, origin: u8) -> bool {
    let [x_min, y_min, x_max, y_max] = annotation.bounds.xyxy();
    x_max <= x_min + f64::from(origin) || y_max <= y_min + f64::from(origin)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
