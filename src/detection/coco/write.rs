//! A dataset as an instances file.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::detection::{Annotation, Dataset, Source};

/// Why a dataset has no form as an instances file.
#[derive(Debug, thiserror::Error)]
pub enum CocoWriteError {
    /// A label that is no class.
    #[error("image `{image}` has a box with label {label}, which is no class")]
    Label {
        /// The image.
        image: String,
        /// The label.
        label: u32,
    },
    /// A number that JSON has no form for.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct File<'a> {
    info: BTreeMap<&'a str, &'a str>,
    licenses: [(); 0],
    images: Vec<ImageEntry<'a>>,
    annotations: Vec<AnnotationEntry<'a>>,
    categories: Vec<CategoryEntry<'a>>,
}

#[derive(Serialize)]
struct ImageEntry<'a> {
    id: usize,
    file_name: &'a str,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct CategoryEntry<'a> {
    id: u32,
    name: &'a str,
    supercategory: &'a str,
}

#[derive(Serialize)]
struct AnnotationEntry<'a> {
    id: usize,
    image_id: usize,
    category_id: u32,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    /// Empty: COCO's readers want the key.
    segmentation: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    difficult: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occluded: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotator: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<u32>,
}

/// The text of the file: ids from 1 in the order of images, boxes and classes.
///
/// # Errors
/// When a label is no class.
pub fn to_json(dataset: &Dataset) -> Result<Vec<u8>, CocoWriteError> {
    let mut annotations = Vec::new();
    for (image_id, entry) in (1..).zip(&dataset.images) {
        for annotation in &entry.annotations {
            let label = annotation.label;
            if label as usize >= dataset.classes.len() {
                let image = entry.image.id.clone();
                return Err(CocoWriteError::Label { image, label });
            }
            annotations.push(written(annotations.len() + 1, image_id, annotation));
        }
    }
    let images = (1..).zip(&dataset.images).map(|(id, entry)| ImageEntry {
        id,
        file_name: &entry.image.file,
        width: entry.image.width,
        height: entry.image.height,
    });
    let categories = (1..).zip(&dataset.classes).map(|(id, name)| CategoryEntry {
        id,
        name,
        supercategory: "",
    });
    let file = File {
        info: BTreeMap::from([("description", "written by asm-pipe")]),
        licenses: [],
        images: images.collect(),
        annotations,
        categories: categories.collect(),
    };
    Ok(serde_json::to_vec(&file)?)
}

fn written(id: usize, image_id: usize, annotation: &Annotation) -> AnnotationEntry<'_> {
    let (bounds, marks) = (&annotation.bounds, &annotation.marks);
    let set = |flag: bool| flag.then_some(1);
    let ours = annotation.source == Source::Model || annotation.score.is_some() || annotation.round.is_some();
    AnnotationEntry {
        id,
        image_id,
        category_id: annotation.label + 1,
        bbox: [bounds.x_min, bounds.y_min, bounds.width(), bounds.height()],
        area: marks.area.unwrap_or_else(|| bounds.area()),
        iscrowd: u8::from(marks.crowd),
        segmentation: [],
        difficult: set(annotation.difficult && !marks.crowd),
        truncated: set(annotation.truncated),
        occluded: marks.occluded.map(u8::from),
        pose: marks.pose.as_deref(),
        annotator: ours.then_some(match annotation.source {
            Source::Human => "human",
            Source::Model => "model",
        }),
        score: annotation.score,
        round: annotation.round,
    }
}
