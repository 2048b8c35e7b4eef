//! Figures of a selection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ImageScores;
use crate::learning::{DeployScore, rank_correlation};

/// Sizes after the round, and how the batch was made up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// The round.
    pub round: u32,
    /// Images drawn and annotated in this round.
    pub batch: usize,
    /// Images that the strategy calls certain.
    pub certain: usize,
    /// Images that it calls uncertain.
    pub uncertain: usize,
    /// Images that it looked at and calls neither.
    pub middle: usize,
    /// Images to train on.
    pub train: usize,
    /// Of those, the ones drawn from the labelled pool.
    pub train_from_labelled: usize,
    /// Labelled pool after the round.
    pub labelled: usize,
    /// Images that have never been drawn.
    pub unlabelled: usize,
    /// Images that wait to be asked again.
    pub requeue: usize,
    /// Annotated images in neither pool, kept for ranking (topK v1).
    pub held: usize,
    /// Annotated images thrown away so far.
    pub dropped: usize,
    /// Images asked as often as allowed, which joined the labelled pool for that.
    pub given_up: usize,
    /// Images that the first implementation would have added to the labelled pool a second time.
    pub duplicates: usize,
    /// The share of the batch's objects whose box is the model's; none without objects.
    pub sl_share: Option<f64>,
    /// The share whose box is the human's.
    pub al_share: Option<f64>,
    /// The share of the judged images that have their score in common with another one.
    pub tie_mass: f64,
    /// How well the deploy score `certain_sum` orders the batch as the SL score does: Spearman's coefficient; none without an order.
    pub rank_certain_sum: Option<f64>,
    /// The same for `certain_share`.
    pub rank_certain_share: Option<f64>,
    /// The same for `mean_score`.
    pub rank_mean_score: Option<f64>,
    /// The same for `weakest`.
    pub rank_weakest: Option<f64>,
    /// The share of the boxes that the model is sure of that are right; none without such a box.
    pub pseudo_label_precision: Option<f64>,
    /// The share of the objects that the model has such a right box for; none without objects.
    pub pseudo_label_recall: Option<f64>,
    /// Unlabelled images trained on with the model's boxes alone.
    pub pseudo_labelled: usize,
    /// 1 when nothing is left to draw, else 0.
    pub exhausted: u8,
}

/// SL and AL share of a batch.
pub(super) fn shares(scores: &[ImageScores]) -> (Option<f64>, Option<f64>) {
    let (boxes, model) = (sum(scores, |image| image.boxes), sum(scores, |image| image.model_boxes));
    (share(model, boxes), share(boxes - model.min(boxes), boxes))
}

/// Precision and recall of the boxes that the model is sure of.
pub(super) fn pseudo_labels(scores: &[ImageScores]) -> (Option<f64>, Option<f64>) {
    let accepted = sum(scores, |image| image.accepted);
    (
        share(accepted, sum(scores, |image| image.proposed)),
        share(accepted, sum(scores, |image| image.objects)),
    )
}

/// How well each deploy score orders the batch as the SL score does.
pub(super) fn ranks(scores: &[ImageScores]) -> [Option<f64>; 4] {
    let oracle: Vec<f64> = scores.iter().map(|image| image.sl_score).collect();
    DeployScore::ALL.map(|which| {
        let deploy: Vec<f64> = scores.iter().map(|image| image.deploy.by(which)).collect();
        rank_correlation(&oracle, &deploy)
    })
}

fn sum(scores: &[ImageScores], count: fn(&ImageScores) -> u32) -> u64 {
    scores.iter().map(|image| u64::from(count(image))).sum()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The share of values that come more than once.
pub(super) fn tie_mass(values: &[f64]) -> f64 {
    let mut times: BTreeMap<u32, usize> = BTreeMap::new();
    for value in values {
        // Both zeros are the same score.
        *times.entry(((value + 0.0) as f32).to_bits()).or_insert(0) += 1;
    }
    let tied: usize = times.values().filter(|&&times| times > 1).sum();
    if values.is_empty() {
        0.0
    } else {
        tied as f64 / values.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tie_mass_counts_images_that_share_a_score() {
        assert!((tie_mass(&[0.0, 1.0, -0.0, 0.5]) - 0.5).abs() < 1e-12);
        assert_eq!((tie_mass(&[]), tie_mass(&[0.1, 0.2])), (0.0, 0.0));
    }

    #[test]
    fn shares_of_a_batch_without_objects_are_undefined() {
        assert_eq!(shares(&[]), (None, None));
    }
}
