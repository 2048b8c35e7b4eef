//! The examination of a whole dataset.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::boxes::{BoxSizes, ClassCount, box_sizes, class_counts, duplicate_boxes};
use super::picture::{Picture, look_at};
use super::{Finding, FindingKind};
use crate::detection::reading::{Fault, ReadDataset};
use crate::detection::{AnnotatedImage, Image};

/// What was found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Images that can be opened.
    pub images: usize,
    /// Boxes, wrong ones included.
    pub boxes: usize,
    /// Each class.
    pub classes: Vec<ClassCount>,
    /// How large boxes are.
    pub sizes: BoxSizes,
    /// How many findings there are of each kind that was found.
    pub counts: BTreeMap<&'static str, usize>,
    /// All findings, faults first; those of a kind in the order of the images.
    pub findings: Vec<Finding>,
}

impl Health {
    /// How many findings are faults.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.findings.iter().filter(|finding| finding.kind.is_fault()).count()
    }
}

/// Looks through a dataset and its image files.
///
/// `done` is called after each image, from several threads.
#[must_use]
pub fn examine(read: &ReadDataset, done: &(dyn Fn() + Sync)) -> Health {
    let dataset = &read.dataset;
    let look = |source: &crate::detection::reading::ImageSource| {
        let picture = look_at(&source.path);
        done();
        picture
    };
    let pictures: Vec<Result<Picture, Fault>> = read.sources.par_iter().map(look).collect();
    let mut findings: Vec<Finding> = read.problems.iter().map(Finding::from).collect();
    for (entry, picture) in dataset.images.iter().zip(&pictures) {
        findings.extend(of_image(entry, picture));
        findings.extend(duplicate_boxes(entry, &dataset.classes));
    }
    let all = || dataset.images.iter().map(|entry| &entry.image);
    findings.extend(duplicates(all().zip(&pictures)));
    let classes = class_counts(dataset);
    let without = classes.iter().filter(|class| class.boxes == 0).map(|class| Finding {
        kind: FindingKind::ClassWithoutBoxes,
        image: None,
        file: None,
        position: None,
        message: format!("no box has the class `{}`", class.class),
    });
    findings.extend(without);
    findings.sort_by_key(|finding| finding.kind);
    let mut counts = BTreeMap::new();
    for finding in &findings {
        *counts.entry(finding.kind.name()).or_default() += 1;
    }
    Health {
        images: dataset.images.len(),
        boxes: dataset.images.iter().map(|entry| entry.annotations.len()).sum(),
        classes,
        sizes: box_sizes(dataset),
        counts,
        findings,
    }
}

fn of_image(entry: &AnnotatedImage, picture: &Result<Picture, Fault>) -> Vec<Finding> {
    let id = &entry.image.id;
    let mut findings = Vec::new();
    match picture {
        Err(fault) => findings.push(Finding::of_image(FindingKind::UnreadableImage, id, fault.to_string())),
        Ok(picture) => {
            if picture.grey {
                findings.push(Finding::of_image(FindingKind::GreyImage, id, "it has no colour"));
            }
            if let Some(turned) = picture.turned {
                let message =
                    format!("its EXIF says that it is to be {turned}; boxes are taken for the pixels as stored");
                findings.push(Finding::of_image(FindingKind::ExifOrientation, id, message));
            }
        }
    }
    if entry.annotations.is_empty() {
        findings.push(Finding::of_image(FindingKind::EmptyImage, id, "it has no objects"));
    }
    findings
}

/// Images whose bytes or pixels one before them has.
fn duplicates<'a>(images: impl Iterator<Item = (&'a Image, &'a Result<Picture, Fault>)>) -> Vec<Finding> {
    let (mut by_bytes, mut by_pixels) = (BTreeMap::new(), BTreeMap::new());
    let mut findings = Vec::new();
    for (image, picture) in images {
        let id = &image.id;
        let twin = *by_bytes.entry(&image.digest).or_insert(id);
        if twin != id {
            let message = format!("it has the same bytes as `{twin}`");
            findings.push(Finding::of_image(FindingKind::DuplicateImage, id, message));
            continue;
        }
        let Ok(picture) = picture else { continue };
        let twin = *by_pixels.entry(&picture.pixels).or_insert(id);
        if twin != id {
            let message = format!("it has the same pixels as `{twin}`");
            findings.push(Finding::of_image(FindingKind::DuplicatePixels, id, message));
        }
    }
    findings
}
