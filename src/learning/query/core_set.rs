//! Core-set (Sener 2018): images that lie far from everything labelled, by k-centre greedy.

use super::Question;
use crate::detection::Evidence;
use crate::learning::{Draw, LearningError};

/// K times the candidate whose features lie farthest from those of the labelled images and of the candidates chosen before. Equals are
/// taken in a seeded order.
///
/// # Errors
/// When features are of different lengths or the round's parts do not fit together.
pub fn query_core_set(
    question: &Question<'_>,
    evidence: &Evidence,
    labelled: &Evidence,
) -> Result<Draw, LearningError> {
    let mut candidates = question.candidates(evidence);
    candidates.sort_by(|a, b| question.tie(&a.image, &b.image));
    let points: Vec<&[f64]> = candidates.iter().map(|image| image.features.as_slice()).collect();
    let centres: Vec<&[f64]> = labelled.images.iter().map(|image| image.features.as_slice()).collect();
    let length = points
        .iter()
        .chain(&centres)
        .map(|point| point.len())
        .next()
        .unwrap_or(0);
    if points.iter().chain(&centres).any(|point| point.len() != length) {
        return Err(LearningError::OutOfRange {
            name: "features",
            value: "of different lengths".to_owned(),
            range: "of one length: those of one model",
        });
    }
    let chosen: Vec<&str> = k_centre_greedy(&points, &centres, question.take)
        .into_iter()
        .map(|at| candidates[at].image.as_str())
        .collect();
    question.take(&chosen)
}

/// Places of up to `count` points, the farthest first; of equals the first in the list.
fn k_centre_greedy(points: &[&[f64]], centres: &[&[f64]], count: usize) -> Vec<usize> {
    let to_nearest = |point: &&[f64]| {
        let distances = centres.iter().map(|centre| squared_distance(point, centre));
        distances.fold(f64::INFINITY, f64::min)
    };
    // None for a point that is chosen.
    let mut nearest: Vec<Option<f64>> = points.iter().map(|point| Some(to_nearest(point))).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count.min(points.len()) {
        let open = (0..points.len()).filter_map(|at| nearest[at].map(|distance| (at, distance)));
        let farthest = open.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((farthest, _)) = farthest else { break };
        nearest[farthest] = None;
        for (distance, point) in nearest.iter_mut().zip(points) {
            if let Some(distance) = distance {
                *distance = distance.min(squared_distance(point, points[farthest]));
            }
        }
        chosen.push(farthest);
    }
    chosen
}

/// The square of the Euclidean distance.
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_the_farthest_from_all_before_it() {
        let points: Vec<Vec<f64>> = [1.0, 4.0, 10.0, 11.0, 5.0].iter().map(|&x| vec![x]).collect();
        let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        let centre = [0.0];
        // 11 is 11 away, then 5 is 5 from 0 and 6 from 11, then 1 and 4 and 10 are 1 away: the first in the list.
        assert_eq!(k_centre_greedy(&points, &[&centre], 3), [3, 4, 0]);
        assert_eq!(k_centre_greedy(&points, &[], 9).len(), 5);
        assert!(k_centre_greedy(&[], &[&centre], 3).is_empty());
    }
}
