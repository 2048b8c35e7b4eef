//! What boxes there are: by class and by size, and those that are there twice.

use serde::Serialize;

use super::{Finding, FindingKind};
use crate::detection::metrics::AREAS;
use crate::detection::{AnnotatedImage, Annotation, Dataset};

/// Edges that are closer than this are the same: half a pixel.
const SAME: f64 = 0.5;

/// How often a class comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub class: String,
    /// Boxes of it.
    pub boxes: usize,
    /// Of these, difficult ones.
    pub difficult: usize,
    /// Images that have some.
    pub images: usize,
}

/// How large boxes are. Of a dataset without boxes there are no quantiles.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BoxSizes {
    /// Up to 32 x 32 pixels.
    pub small: usize,
    /// Up to 96 x 96 pixels.
    pub medium: usize,
    /// Larger ones.
    pub large: usize,
    /// The side of a square of their area in pixels, at 0, 5, 25, 50, 75, 95 and 100 of a hundred.
    pub side: Option<[f64; 7]>,
    /// Width over height, at the same.
    pub aspect: Option<[f64; 7]>,
    /// Share of the image that they cover, at the same.
    pub share: Option<[f64; 7]>,
}

/// The quantiles of all that is told of sizes.
const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];

pub(super) fn class_counts(dataset: &Dataset) -> Vec<ClassCount> {
    let mut counts: Vec<ClassCount> = (dataset.classes.iter())
        .map(|class| ClassCount {
            class: class.clone(),
            boxes: 0,
            difficult: 0,
            images: 0,
        })
        .collect();
    for entry in &dataset.images {
        let mut seen = vec![false; counts.len()];
        for annotation in &entry.annotations {
            let Some(count) = counts.get_mut(annotation.label as usize) else {
                continue;
            };
            count.boxes += 1;
            count.difficult += usize::from(annotation.difficult);
            count.images += usize::from(!std::mem::replace(&mut seen[annotation.label as usize], true));
        }
    }
    counts
}

pub(super) fn box_sizes(dataset: &Dataset) -> BoxSizes {
    let mut sizes = BoxSizes::default();
    let (mut sides, mut aspects, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for AnnotatedImage { image, annotations } in &dataset.images {
        let whole = f64::from(image.width) * f64::from(image.height);
        for bounds in annotations.iter().map(|annotation| &annotation.bounds) {
            let area = bounds.area();
            if area <= 0.0 {
                continue;
            }
            let count = match () {
                () if area <= AREAS[1].1 => &mut sizes.small,
                () if area <= AREAS[2].1 => &mut sizes.medium,
                () => &mut sizes.large,
            };
            *count += 1;
            sides.push(area.sqrt());
            aspects.push(bounds.width() / bounds.height());
            shares.push(area / whole.max(1.0));
        }
    }
    BoxSizes {
        side: quantiles(sides),
        aspect: quantiles(aspects),
        share: quantiles(shares),
        ..sizes
    }
}

/// The values at the quantiles, each one that is there.
fn quantiles(mut values: Vec<f64>) -> Option<[f64; 7]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(QUANTILES.map(|share| values[(share * last as f64).round() as usize]))
}

/// Boxes with the same edges as one before them in the image.
pub(super) fn duplicate_boxes(entry: &AnnotatedImage, classes: &[String]) -> Vec<Finding> {
    let class = |annotation: &Annotation| classes.get(annotation.label as usize).map_or("?", String::as_str);
    let same = |a: &Annotation, b: &Annotation| {
        let edges = a.bounds.xyxy().into_iter().zip(b.bounds.xyxy());
        edges.map(|(a, b)| (a - b).abs()).all(|difference| difference < SAME)
    };
    let mut findings = Vec::new();
    for (at, annotation) in entry.annotations.iter().enumerate() {
        if let Some(other) = entry.annotations[..at].iter().find(|other| same(other, annotation)) {
            let [x_min, y_min, x_max, y_max] = annotation.bounds.xyxy();
            let named = match (class(other), class(annotation)) {
                (a, b) if a == b => format!("two boxes of class `{a}`"),
                (a, b) => format!("boxes of classes `{a}` and `{b}`"),
            };
            let message = format!("{named} at ({x_min}, {y_min}) to ({x_max}, {y_max})");
            findings.push(Finding::of_image(FindingKind::DuplicateBox, &entry.image.id, message));
        }
    }
    findings
}
