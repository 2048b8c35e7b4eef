//! Scores of an image that need no ground truth: what a user has who has not paid yet.

use super::at_least;
use crate::detection::Detection;
use crate::learning::DeployScores;

/// The scores. A cluster is a box and the boxes after it, by descending score, that overlap it and are in no cluster yet: what the
/// model takes for one object. Without any box all are 0: silence is no certainty.
pub(super) fn scores(
    detections: &[Detection],
    kept: &[usize],
    certain: &[usize],
    uncertain: &[usize],
    iou: f64,
) -> DeployScores {
    let clusters = clusters(detections, certain, uncertain, iou);
    if clusters.is_empty() {
        return DeployScores::default();
    }
    let score = |at: usize| detections[at].score;
    // The best box of the cluster that is certain and uncontested.
    let sure: Vec<Option<f64>> = clusters
        .iter()
        .map(|cluster| cluster.iter().find(|member| kept.contains(member)).map(|&at| score(at)))
        .collect();
    let of_sure = || sure.iter().map(|score| score.unwrap_or(0.0));
    let count = clusters.len() as f64;
    DeployScores {
        certain_sum: of_sure().sum::<f64>() / count,
        certain_share: sure.iter().flatten().count() as f64 / count,
        mean_score: clusters.iter().map(|cluster| score(cluster[0])).sum::<f64>() / count,
        weakest: of_sure().fold(1.0, f64::min),
    }
}

fn clusters(detections: &[Detection], certain: &[usize], uncertain: &[usize], iou: f64) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = certain.iter().chain(uncertain).copied().collect();
    let mut clusters = Vec::new();
    while let Some(&first) = left.first() {
        let overlaps =
            |&other: &usize| other == first || at_least(detections[first].bounds.iou(&detections[other].bounds), iou);
        let (cluster, others): (Vec<usize>, Vec<usize>) = left.into_iter().partition(overlaps);
        left = others;
        clusters.push(cluster);
    }
    clusters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::BoundingBox;

    fn detection(x: f64, score: f64) -> Detection {
        Detection {
            bounds: BoundingBox::new([x, 0.0, x + 10.0, 10.0]),
            label: 0,
            score,
        }
    }

    /// Three spots: a certain box with an uncertain one on it, a certain box that is contested, an uncertain box.
    #[test]
    fn each_score_is_what_its_name_says_by_hand() {
        let found = [
            detection(0.0, 0.9),
            detection(100.0, 0.8),
            detection(200.0, 0.4),
            detection(1.0, 0.3),
        ];
        let scores = scores(&found, &[0], &[0, 1], &[2, 3], 0.5);
        let expected = [0.9 / 3.0, 1.0 / 3.0, (0.9 + 0.8 + 0.4) / 3.0, 0.0];
        let found = [
            scores.certain_sum,
            scores.certain_share,
            scores.mean_score,
            scores.weakest,
        ];
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn an_image_in_which_nothing_is_seen_scores_nothing() {
        assert_eq!(scores(&[], &[], &[], &[], 0.5), DeployScores::default());
    }
}
