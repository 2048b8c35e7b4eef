//! CEAL (Wang 2017): the human labels what the model is least certain of, the model what it is most certain of.

use super::turn::Turn;
use super::{Round, Selection};
use crate::detection::{AnnotatedImage, Dataset, Detection, Evidence};
use crate::learning::annotate::pseudo_labels;
use crate::learning::query::{Aggregate, Measure, image_uncertainty};
use crate::learning::{LearningError, Thresholds, merge};

/// How the model's own labels are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceal {
    /// Images with a lower uncertainty in round 1 are labelled by the model.
    pub threshold: f64,
    /// By so much the threshold falls each round.
    pub decay: f64,
    /// How uncertain a box is.
    pub measure: Measure,
    /// How uncertain an image is.
    pub aggregate: Aggregate,
    /// Which boxes are looked at, and which of them become labels.
    pub thresholds: Thresholds,
}

impl Default for Ceal {
    fn default() -> Self {
        Self {
            threshold: 0.05,
            decay: 0.0033,
            measure: Measure::Entropy,
            aggregate: Aggregate::Max,
            thresholds: Thresholds::default(),
        }
    }
}

/// Trains on the batch, K images of the labelled pool as it was before, and the unlabelled images that the model is certain of, with the
/// model's boxes. Then the batch joins the labelled pool; the model's boxes are forgotten, for the next model may know better.
///
/// `candidates` are unlabelled images, with the ground truth that only the figures look at, and what the model sees in them.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn select_ceal(
    round: Round<'_>,
    (candidates, evidence): (&Dataset, &Evidence),
    ceal: &Ceal,
) -> Result<Selection, LearningError> {
    ceal.thresholds.check()?;
    let mut turn = Turn::begin(round)?;
    let below = ceal.threshold - ceal.decay * f64::from(round.round.saturating_sub(1));
    let mut train = round.annotated.images.clone();
    let (mut proposed, mut right, mut objects) = (0, 0, 0);
    for image in &candidates.images {
        let id = &image.image.id;
        if !turn.pool.unlabelled().contains(id) {
            continue;
        }
        let seen = evidence.image(id).ok_or_else(|| LearningError::Missing {
            image: id.clone(),
            wanted_by: "candidates",
            missing_from: "evidence",
        })?;
        let uncertainty = image_uncertainty(&seen.boxes, ceal.thresholds.uncertain, ceal.measure, ceal.aggregate);
        let found: Vec<Detection> = seen.boxes.iter().map(|seen| seen.detection.clone()).collect();
        let merged = merge(&image.annotations, &found, &ceal.thresholds, round.round);
        if uncertainty.is_none_or(|value| value >= below) || merged.certain_after_rejudge.is_empty() {
            continue;
        }
        proposed += merged.certain_after_rejudge.len();
        right += merged.accepted.len();
        objects += merged.objects.len();
        train.push(AnnotatedImage {
            image: image.image.clone(),
            annotations: pseudo_labels(&merged, &found, round.round),
        });
    }
    turn.stats.pseudo_labelled = train.len() - round.annotated.images.len();
    let share = |whole: usize| (whole > 0).then(|| right as f64 / whole as f64);
    turn.stats.pseudo_label_precision = share(proposed);
    turn.stats.pseudo_label_recall = share(objects);
    let drawn = turn.draw_labelled(&round.annotated.images);
    for image in &round.annotated.images {
        turn.label(image);
    }
    Ok(turn.finish(train, drawn))
}
