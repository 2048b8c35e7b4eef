//! What a format has no place for.

use std::collections::BTreeMap;

use crate::detection::folder::Format;
use crate::detection::voc::is_too_thin;
use crate::detection::{Annotation, Dataset, Source};

/// How often each thing was left out, by what it is called.
pub type LeftOut = BTreeMap<&'static str, usize>;

/// The dataset without the boxes that the format cannot hold, and how much of the others it does not say.
#[must_use]
pub fn left_out(dataset: &Dataset, format: Format, origin: u8) -> (Dataset, LeftOut) {
    let mut kept = dataset.clone();
    let mut left_out = LeftOut::new();
    for entry in &mut kept.images {
        entry
            .annotations
            .retain(|annotation| match without_place(annotation, format, origin) {
                Some(reason) => {
                    *left_out.entry(reason).or_default() += 1;
                    false
                }
                None => true,
            });
        for annotation in &entry.annotations {
            for (name, said) in unsaid(annotation, format) {
                if said {
                    *left_out.entry(name).or_default() += 1;
                }
            }
        }
    }
    (kept, left_out)
}

/// Why a box cannot be written at all.
fn without_place(annotation: &Annotation, format: Format, origin: u8) -> Option<&'static str> {
    match format {
        Format::Voc => is_too_thin(annotation, origin).then_some("box thinner than a pixel"),
        // It would become an object like any other.
        Format::Yolo => annotation.marks.crowd.then_some("crowd region"),
        Format::Coco => None,
    }
}

/// What is said of a box and not written.
fn unsaid(annotation: &Annotation, format: Format) -> Vec<(&'static str, bool)> {
    let marks = &annotation.marks;
    let area = ("area of a segmentation", marks.area.is_some());
    match format {
        Format::Coco => Vec::new(),
        Format::Voc => vec![area, ("crowd flag (written as difficult)", marks.crowd)],
        Format::Yolo => vec![
            area,
            ("difficult flag", annotation.difficult),
            ("truncated flag", annotation.truncated),
            ("occluded flag", marks.occluded.is_some()),
            ("pose", marks.pose.is_some()),
            (
                "source, score or round",
                annotation.source == Source::Model || annotation.score.is_some() || annotation.round.is_some(),
            ),
        ],
    }
}
