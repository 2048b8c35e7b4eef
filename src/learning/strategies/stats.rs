//! Figures of a selection.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ImageScores;

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
    /// How well the deploy score orders the batch as the SL score does: Spearman's coefficient; none without an order.
    pub deploy_rank_correlation: Option<f64>,
    /// 1 when nothing is left to draw, else 0.
    pub exhausted: u8,
}

/// SL and AL share of a batch.
pub(super) fn shares(scores: &[ImageScores]) -> (Option<f64>, Option<f64>) {
    let objects: u64 = scores.iter().map(|image| u64::from(image.objects)).sum();
    let model: u64 = scores.iter().map(|image| u64::from(image.model_boxes)).sum();
    let share = |part: u64| (objects > 0).then(|| part as f64 / objects as f64);
    (share(model), share(objects - model.min(objects)))
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
