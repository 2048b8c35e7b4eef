//! What the numbers of a query are, from their definitions: uncertainty, steadiness under change, and the balance of classes.

use super::BASE_POINT;
use super::judging::overlap;
use crate::detection::{AnnotatedImage, ImageEvidence, SeenBox};
use crate::learning::{Aggregate, Measure};

/// The boxes that reach a floor.
pub(super) fn visible(boxes: &[SeenBox], floor: f64) -> Vec<SeenBox> {
    let mut some = Vec::new();
    for seen in boxes {
        if seen.detection.score as f32 >= floor as f32 {
            some.push(seen.clone());
        }
    }
    some
}

/// How uncertain an image is; nothing without a box.
pub(super) fn aggregate(boxes: &[SeenBox], measure: Measure, aggregate: Aggregate) -> Option<f64> {
    if boxes.is_empty() {
        return None;
    }
    let (mut sum, mut most) = (0.0, 0.0_f64);
    for seen in boxes {
        let value = uncertainty(&seen.probabilities, measure);
        sum += value;
        most = most.max(value);
    }
    Some(match aggregate {
        Aggregate::Sum => sum,
        Aggregate::Mean => sum / boxes.len() as f64,
        Aggregate::Max => most,
    })
}

pub(super) fn uncertainty(probabilities: &[f64], measure: Measure) -> f64 {
    let (mut first, mut second, mut entropy) = (0.0, 0.0, 0.0);
    for &p in probabilities {
        if p > first {
            (first, second) = (p, first);
        } else if p > second {
            second = p;
        }
        if p > 0.0 {
            entropy -= p * p.ln();
        }
    }
    match measure {
        Measure::LeastConfidence => 1.0 - first,
        Measure::Margin => 1.0 - (first - second),
        Measure::Entropy => entropy,
    }
}

/// How far an image's most telling box lies from the base point, on average over the views; endless where nothing is seen.
pub(super) fn unsteadiness(image: &ImageEvidence, floor: f64) -> f64 {
    let boxes = visible(&image.boxes, floor);
    if boxes.is_empty() {
        return f64::INFINITY;
    }
    let mut sum = 0.0;
    for view in &image.views {
        let again = visible(&view.boxes, floor);
        let mut nearest = f64::INFINITY;
        for seen in &boxes {
            nearest = nearest.min((steadiness(seen, &again) - BASE_POINT).abs());
        }
        sum += nearest;
    }
    sum / image.views.len() as f64
}

/// The overlap with the box that covers most, and how alike the two think.
fn steadiness(seen: &SeenBox, again: &[SeenBox]) -> f64 {
    let mut best: Option<(f64, &SeenBox)> = None;
    for other in again {
        let shared = overlap(&seen.detection.bounds, &other.detection.bounds);
        if best.is_none_or(|(most, _)| shared > most) {
            best = Some((shared, other));
        }
    }
    let Some((shared, other)) = best else { return 0.0 };
    let alike = 1.0 - divergence(&seen.probabilities, &other.probabilities);
    shared + (surest(seen) + surest(other)) / 2.0 * alike
}

fn surest(seen: &SeenBox) -> f64 {
    let [_, a, b, c] = seen.probabilities[..] else {
        unreachable!()
    };
    a.max(b).max(c)
}

/// How unlike the classes of the labelled images are those that the model sees in an image.
pub(super) fn class_distance(labelled: &[&AnnotatedImage], image: &ImageEvidence, floor: f64) -> f64 {
    let (mut here, mut there) = ([0.0; 3], [0.0; 3]);
    for object in labelled.iter().flat_map(|image| &image.annotations) {
        here[object.label as usize] += 1.0;
    }
    for seen in visible(&image.boxes, floor) {
        there[seen.detection.label as usize] += surest(&seen);
    }
    divergence(&shares(here), &shares(there))
}

fn shares(values: [f64; 3]) -> [f64; 3] {
    let sum = values[0] + values[1] + values[2];
    if sum == 0.0 {
        return [1.0 / 3.0; 3];
    }
    values.map(|value| value / sum)
}

/// Jensen-Shannon, by its other definition: the entropy of the mean less the mean of the entropies, in bits.
fn divergence(a: &[f64], b: &[f64]) -> f64 {
    let bits = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    let mut sum = 0.0;
    for (&p, &q) in a.iter().zip(b) {
        sum += bits((p + q) / 2.0) - (bits(p) + bits(q)) / 2.0;
    }
    // What is left of nothing by rounding.
    if sum < 1e-12 { 0.0 } else { sum }
}
