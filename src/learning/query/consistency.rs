//! Consistency under change, after CALD (Yu 2022): does the model see the same when the image is flipped, cut out or resized?

use std::collections::BTreeMap;

use super::Question;
use crate::detection::{Dataset, Evidence, ImageEvidence, SeenBox};
use crate::learning::{Draw, LearningError};

/// A query by consistency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Consistency {
    /// The consistency of a box that is worth most: one that the model sees again, but not quite. CALD's base point is 1.3.
    pub base_point: f64,
    /// By so much more than K images are chosen by consistency, before class balance chooses among them. CALD: 0.2.
    pub surplus: f64,
    /// Boxes with a lower score are not looked at.
    pub floor: f64,
}

impl Default for Consistency {
    fn default() -> Self {
        Self {
            base_point: 1.3,
            surplus: 0.2,
            floor: 0.05,
        }
    }
}

/// First the `(1 + surplus) K` candidates with a box whose consistency is nearest to the base point; of these the K whose classes are
/// least like those of the labelled pool.
///
/// # Errors
/// When the evidence has no views or the round's parts do not fit together.
pub fn query_consistency(
    question: &Question<'_>,
    evidence: &Evidence,
    labelled: &Dataset,
    by: &Consistency,
) -> Result<Draw, LearningError> {
    let candidates = question.candidates(evidence);
    if let Some(image) = candidates.iter().find(|image| image.views.is_empty()) {
        return Err(LearningError::Missing {
            image: image.image.clone(),
            wanted_by: "query",
            missing_from: "views: ask the detector for some",
        });
    }
    // Ranked by descending value, so the distance is negated. Where nothing is seen, nothing can be inconsistent.
    let value = |image: &ImageEvidence| -distance(image, by).unwrap_or(f64::MAX);
    let mut ranked = question.ranked(candidates.into_iter().map(|image| (value(image), image)).collect());
    ranked.truncate(((1.0 + by.surplus.max(0.0)) * question.take as f64).ceil() as usize);

    let classes = evidence.classes.len();
    let mut pool = vec![0.0; classes];
    for object in labelled.images.iter().flat_map(|image| &image.annotations) {
        if let Some(count) = pool.get_mut(object.label as usize) {
            *count += 1.0;
        }
    }
    let unlike =
        |image: &ImageEvidence| jensen_shannon(&normalised(&pool), &normalised(&expected(image, classes, by.floor)));
    let balanced = question.ranked(ranked.into_iter().map(|image| (unlike(image), image)).collect());
    let chosen: Vec<&str> = balanced
        .iter()
        .take(question.take)
        .map(|image| image.image.as_str())
        .collect();
    question.take(&chosen)
}

/// How near the image's most telling box comes to the base point, on average over the views; none if nothing is seen.
fn distance(image: &ImageEvidence, by: &Consistency) -> Option<f64> {
    let seen = |boxes: &'_ [SeenBox]| -> Vec<SeenBox> {
        let some = boxes
            .iter()
            .filter(|seen| seen.detection.score as f32 >= by.floor as f32);
        some.cloned().collect()
    };
    let boxes = seen(&image.boxes);
    if boxes.is_empty() {
        return None;
    }
    let of_view = |other: &[SeenBox]| {
        let distances = boxes
            .iter()
            .map(|seen| (consistency(seen, other) - by.base_point).abs());
        distances.fold(f64::INFINITY, f64::min)
    };
    let sum: f64 = image.views.iter().map(|view| of_view(&seen(&view.boxes))).sum();
    Some(sum / image.views.len() as f64)
}

/// IoU with the box of the view that overlaps most, plus how alike the two think: their mean confidence times one minus the divergence of
/// their probabilities. From 0 to 2.
fn consistency(seen: &SeenBox, others: &[SeenBox]) -> f64 {
    let overlaps = others
        .iter()
        .map(|other| (seen.detection.bounds.iou(&other.detection.bounds), other));
    // Of equal overlaps the first, which has the higher score.
    let best = overlaps.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let Some((iou, other)) = best else { return 0.0 };
    let alike = 1.0 - jensen_shannon(&seen.probabilities, &other.probabilities);
    iou + (confidence(seen) + confidence(other)) / 2.0 * alike
}

/// The highest probability of a class.
fn confidence(seen: &SeenBox) -> f64 {
    seen.probabilities.iter().skip(1).copied().fold(0.0, f64::max)
}

/// How much of each class the model sees in an image: the sum of the boxes' confidences.
fn expected(image: &ImageEvidence, classes: usize, floor: f64) -> Vec<f64> {
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for seen in &image.boxes {
        if seen.detection.score as f32 >= floor as f32 {
            *sums.entry(seen.detection.label).or_default() += confidence(seen);
        }
    }
    (0..classes as u32)
        .map(|class| sums.get(&class).copied().unwrap_or(0.0))
        .collect()
}

/// Parts of one; nothing becomes equal parts.
fn normalised(values: &[f64]) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    let share = |&value: &f64| {
        if sum > 0.0 {
            value / sum
        } else {
            1.0 / values.len() as f64
        }
    };
    values.iter().map(share).collect()
}

/// The Jensen-Shannon divergence to the base 2: 0 for the same, 1 for distributions that have nothing in common.
fn jensen_shannon(a: &[f64], b: &[f64]) -> f64 {
    let towards = |p: f64, q: f64| if p > 0.0 { p * (2.0 * p / (p + q)).log2() } else { 0.0 };
    let sum: f64 = a.iter().zip(b).map(|(&p, &q)| towards(p, q) + towards(q, p)).sum();
    (sum / 2.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::query::tests::{image, seen, view};

    #[test]
    fn the_divergence_is_zero_for_the_same_and_one_for_strangers() {
        assert_eq!(jensen_shannon(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
        assert!((jensen_shannon(&[1.0, 0.0], &[0.0, 1.0]) - 1.0).abs() < 1e-12);
        // 0.5 (0.75 log2 1.5 + 0.25 log2 0.5) twice, by symmetry.
        let expected = 0.75 * 1.5_f64.log2() + 0.25 * 0.5_f64.log2();
        assert!((jensen_shannon(&[0.75, 0.25], &[0.25, 0.75]) - expected).abs() < 1e-12);
    }

    #[test]
    fn a_box_seen_again_as_it_was_is_fully_consistent_and_one_that_is_lost_is_not() {
        let first = seen(0.0, 0, &[0.2, 0.8, 0.0]);
        assert!((consistency(&first, std::slice::from_ref(&first)) - 1.8).abs() < 1e-12);
        assert_eq!(consistency(&first, &[]), 0.0);
    }

    #[test]
    fn the_distance_is_the_mean_over_views_of_the_nearest_box() {
        let (sure, lost) = (seen(0.0, 0, &[0.2, 0.8, 0.0]), seen(50.0, 1, &[0.4, 0.0, 0.6]));
        let mut image = image("a", vec![sure.clone(), lost.clone()]);
        image.views = vec![view("flip", vec![sure.clone()]), view("resize", vec![sure, lost])];
        let by = Consistency::default();
        // View one: 1.8 and 0 (no overlap: the best of none, with the divergence of strangers times confidence) lie 0.5 and more away.
        // View two: 1.8 and 1.6 lie 0.5 and 0.3 away.
        assert!((distance(&image, &by).unwrap() - (0.5 + 0.3) / 2.0).abs() < 1e-9);
    }
}
