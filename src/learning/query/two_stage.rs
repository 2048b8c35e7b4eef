//! Two stages after PPAL (Yang 2024): many uncertain images of difficult classes, then few of these that are unlike each other.

use super::{Measure, Question};
use crate::detection::{Evidence, ImageEvidence, SeenBox};
use crate::learning::{Draw, LearningError};
use crate::random::Stream;

/// A query in two stages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoStage {
    /// The first stage keeps so many times K candidates. PPAL: 4.
    pub expansion: f64,
    /// PPAL's alpha: how soon a class counts as difficult.
    pub alpha: f64,
    /// PPAL's beta: by how much the entropy of the most difficult class grows.
    pub beta: f64,
    /// Boxes with a lower score are not looked at.
    pub floor: f64,
}

impl Default for TwoStage {
    fn default() -> Self {
        Self {
            expansion: 4.0,
            alpha: 0.3,
            beta: 0.2,
            floor: 0.05,
        }
    }
}

/// First the candidates with the highest sum of entropies, those of difficult classes weighted up; of these K by k-means++ seeding over how
/// well the boxes of two images match class by class.
///
/// `difficulty` is 0 to 1 a class: here one minus its AP on the validation images, where PPAL watches the training's own errors.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn query_two_stage(
    question: &Question<'_>,
    evidence: &Evidence,
    difficulty: &[f64],
    by: &TwoStage,
) -> Result<Draw, LearningError> {
    let weights: Vec<f64> = difficulty.iter().map(|&of_class| weight(of_class, by)).collect();
    let weight = |label: u32| weights.get(label as usize).copied().unwrap_or(1.0);
    let value = |image: &ImageEvidence| -> f64 {
        let boxes = image
            .boxes
            .iter()
            .filter(|seen| seen.detection.score as f32 >= by.floor as f32);
        boxes
            .map(|seen| weight(seen.detection.label) * Measure::Entropy.of(&seen.probabilities))
            .sum()
    };
    let valued = question.candidates(evidence).into_iter();
    let mut ranked = question.ranked(valued.map(|image| (value(image), image)).collect());
    ranked.truncate((by.expansion.max(1.0) * question.take as f64).ceil() as usize);
    let distances = |a: usize, b: usize| 1.0 - similarity(ranked[a], ranked[b], by.floor);
    let mut stream = Stream::new(question.seed, "query/two-stage", &[u64::from(question.round)]);
    let chosen = plus_plus(ranked.len(), question.take, distances, &mut stream);
    let chosen: Vec<&str> = chosen.into_iter().map(|at| ranked[at].image.as_str()).collect();
    question.take(&chosen)
}

/// `1 + alpha beta ln(1 + (e^(1/alpha) - 1) d)`: 1 for an easy class, `1 + beta` for the most difficult.
fn weight(difficulty: f64, by: &TwoStage) -> f64 {
    let gamma = (1.0 / by.alpha).exp() - 1.0;
    1.0 + by.alpha * by.beta * (1.0 + gamma * difficulty.clamp(0.0, 1.0)).ln()
}

/// How well the boxes of two images match, both ways: the score-weighted mean, over the boxes of one, of the likeness of the most alike box
/// of the same class in the other. From 0 to 1.
fn similarity(a: &ImageEvidence, b: &ImageEvidence, floor: f64) -> f64 {
    let seen = |image: &'_ ImageEvidence| -> Vec<SeenBox> {
        let boxes = image
            .boxes
            .iter()
            .filter(|seen| seen.detection.score as f32 >= floor as f32);
        boxes.cloned().collect()
    };
    let (a, b) = (seen(a), seen(b));
    let one_way = |from: &[SeenBox], to: &[SeenBox]| {
        let (mut sum, mut total) = (0.0, 0.0);
        for first in from {
            let same = to.iter().filter(|other| other.detection.label == first.detection.label);
            let best = same
                .map(|other| cosine(&first.features, &other.features))
                .fold(0.0, f64::max);
            sum += first.detection.score * best;
            total += first.detection.score;
        }
        if total > 0.0 { sum / total } else { 0.0 }
    };
    (one_way(&a, &b) + one_way(&b, &a)) / 2.0
}

/// The cosine of the angle, 0 at least; boxes of which nothing is known are alike.
fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let lengths = length(a) * length(b);
    if lengths > 0.0 {
        (dot / lengths).clamp(0.0, 1.0)
    } else {
        1.0
    }
}

/// The seeding of k-means++ (Arthur 2007): the first place of the list, then places drawn in proportion to the squared distance to the
/// nearest of those before.
fn plus_plus(size: usize, count: usize, distance: impl Fn(usize, usize) -> f64, stream: &mut Stream) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut nearest = vec![f64::INFINITY; size];
    while chosen.len() < count.min(size) {
        let next = match chosen.last() {
            None => 0,
            Some(&last) => {
                for (at, nearest) in nearest.iter_mut().enumerate() {
                    *nearest = nearest.min(distance(last, at));
                }
                let weight = |at: usize| {
                    if chosen.contains(&at) {
                        0.0
                    } else {
                        nearest[at] * nearest[at]
                    }
                };
                let total: f64 = (0..size).map(weight).sum();
                let mut left = stream.unit() * total;
                let open = || (0..size).filter(|at| !chosen.contains(at));
                let drawn = open().find(|&at| {
                    left -= weight(at);
                    left < 0.0
                });
                // All that is left lies on what is chosen: the first of it.
                drawn.or_else(|| open().next()).unwrap_or(0)
            }
        };
        chosen.push(next);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::query::tests::{image, seen};

    #[test]
    fn difficult_classes_weigh_up_to_beta_more() {
        let by = TwoStage::default();
        assert!((weight(0.0, &by) - 1.0).abs() < 1e-12 && (weight(1.0, &by) - 1.2).abs() < 1e-12);
        assert!(weight(0.5, &by) > 1.1, "it rises fast at first");
    }

    #[test]
    fn images_match_by_boxes_of_the_same_class_only() {
        let with = |label, features: [f64; 2]| {
            let mut seen = seen(0.0, label, &[0.5, 0.5, 0.0]);
            seen.features = features.to_vec();
            image("a", vec![seen])
        };
        assert!((similarity(&with(0, [1.0, 0.0]), &with(0, [2.0, 0.0]), 0.0) - 1.0).abs() < 1e-12);
        assert_eq!(similarity(&with(0, [1.0, 0.0]), &with(1, [1.0, 0.0]), 0.0), 0.0);
        assert_eq!(similarity(&with(0, [1.0, 0.0]), &with(0, [0.0, 1.0]), 0.0), 0.0);
        assert_eq!(similarity(&image("a", vec![]), &with(0, [1.0, 0.0]), 0.0), 0.0);
    }

    #[test]
    fn seeding_takes_the_first_then_only_places_away_from_it() {
        // Places 0 to 2 are one point, 3 and 4 another.
        let side = |at: usize| f64::from(u8::from(at > 2));
        let mut stream = Stream::new(1, "test", &[]);
        let chosen = plus_plus(5, 3, |a, b| (side(a) - side(b)).abs(), &mut stream);
        assert_eq!(chosen[0], 0);
        assert!(chosen[1] > 2);
        assert_eq!(chosen[2], 1, "nothing is away from both: the first that is left");
        assert_eq!(plus_plus(2, 9, |_, _| 0.0, &mut stream), [0, 1]);
    }
}
