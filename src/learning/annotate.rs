//! The SA annotation of a batch, its scores, and what the annotator is paid for it.

use std::collections::BTreeMap;

use super::merge::{Merged, Thresholds, merge};
use super::{Costs, ImageScores, LearningError, Ledger, Prices, Scores, Work};
use crate::detection::{AnnotatedImage, Dataset, Detection, Detections};

/// A batch after annotation.
#[derive(Clone, Debug, PartialEq)]
pub struct AnnotatedBatch {
    /// The SA annotations, in the order of the batch.
    pub annotations: Dataset,
    /// How sure the model was, image by image.
    pub scores: Scores,
    /// The ledger with this round's charges.
    pub ledger: Ledger,
    /// This round's costs.
    pub costs: Costs,
}

/// Annotates a batch. The batch's own boxes are the oracle's: they are read, never changed.
///
/// # Errors
/// When the thresholds make no sense, or detections and batch do not fit.
pub fn annotate(
    detections: &Detections,
    batch: &Dataset,
    ledger: &Ledger,
    (thresholds, prices): (&Thresholds, &Prices),
    round: u32,
) -> Result<AnnotatedBatch, LearningError> {
    thresholds.check()?;
    if detections.classes != batch.classes {
        return Err(LearningError::ClassesDiffer {
            first: "detections",
            second: "batch",
            first_classes: detections.classes.clone(),
            second_classes: batch.classes.clone(),
        });
    }
    let found: BTreeMap<&str, &[Detection]> = detections
        .images
        .iter()
        .map(|image| (image.image.as_str(), image.detections.as_slice()))
        .collect();
    let mut ledger = ledger.clone();
    let mut annotations = Dataset {
        classes: batch.classes.clone(),
        images: Vec::with_capacity(batch.images.len()),
    };
    let mut scores = Scores::default();
    for image in &batch.images {
        let id = image.image.id.as_str();
        let found = *found.get(id).ok_or_else(|| LearningError::Missing {
            image: id.to_owned(),
            wanted_by: "batch",
            missing_from: "detections",
        })?;
        let merged = merge(&image.annotations, found, thresholds, round);
        ledger.charge(round, id, &work(&merged, found));
        scores.images.push(image_scores(id, &merged, round));
        annotations.images.push(AnnotatedImage {
            image: image.image.clone(),
            annotations: merged.sa_boxes,
        });
    }
    Ok(AnnotatedBatch {
        costs: ledger.costs(round, prices),
        annotations,
        scores,
        ledger,
    })
}

/// What the annotator does: every object that no model box stands for is drawn, or pulled right where a box lies near.
fn work(merged: &Merged, detections: &[Detection]) -> Work {
    let corrected: Vec<usize> = merged.corrected.iter().map(|&(_, object)| object).collect();
    let given = |object: &usize| merged.model_labelled_ground_truth.contains(object) || corrected.contains(object);
    let boxes = |places: &[usize]| {
        let boxes = places.iter().map(|&at| (detections[at].label, detections[at].bounds));
        boxes.collect()
    };
    Work {
        drawn: merged.objects.iter().filter(|object| !given(object)).copied().collect(),
        accepted: merged.model_labelled_ground_truth.clone(),
        rejected: boxes(&merged.rejected),
        ignored: boxes(&merged.ignored),
        corrected,
    }
}

fn image_scores(image: &str, merged: &Merged, round: u32) -> ImageScores {
    let mut model_boxes = merged.model_labelled_ground_truth.clone();
    model_boxes.sort_unstable();
    model_boxes.dedup();
    ImageScores {
        image: image.to_owned(),
        round,
        objects: merged.objects.len() as u32,
        certain: merged.certain.len() as u32,
        uncertain: merged.uncertain.len() as u32,
        proposed: merged.certain_after_rejudge.len() as u32,
        accepted: merged.accepted.len() as u32,
        model_boxes: model_boxes.len() as u32,
        al_ratio: merged.al_ratio,
        sl_score: merged.sl_score,
        deploy_score: merged.deploy_score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{ImageDetections, Source};
    use crate::learning::strategies::testing::{dataset, perfect};

    const THRESHOLDS: fn() -> (Thresholds, Prices) = Default::default;

    #[test]
    fn a_perfect_model_costs_verification_only() {
        let batch = dataset(3, 2);
        let (thresholds, prices) = THRESHOLDS();
        let done = annotate(
            &perfect(&batch, 0.9),
            &batch,
            &Ledger::default(),
            (&thresholds, &prices),
            1,
        )
        .unwrap();
        assert_eq!(
            (
                done.costs.human_boxes,
                done.costs.model_boxes_accepted,
                done.costs.images_opened
            ),
            (0, 6, 3)
        );
        let boxes = done.annotations.images.iter().flat_map(|image| &image.annotations);
        assert!(
            boxes
                .clone()
                .all(|object| object.source == Source::Model && object.score == Some(0.9))
        );
        assert_eq!(boxes.count(), 6);
        assert!(done.scores.images.iter().all(|image| image.al_ratio == 0.0));
    }

    #[test]
    fn a_silent_model_costs_every_box_and_ground_truth_stays() {
        let batch = dataset(3, 2);
        let before = batch.clone();
        let (thresholds, prices) = THRESHOLDS();
        let mut silent = perfect(&batch, 0.9);
        silent.images.iter_mut().for_each(|image| image.detections.clear());
        let done = annotate(&silent, &batch, &Ledger::default(), (&thresholds, &prices), 1).unwrap();
        assert_eq!((done.costs.human_boxes, done.costs.model_boxes_proposed), (6, 0));
        assert_eq!(batch, before);
    }

    #[test]
    fn detections_of_other_images_or_classes_are_refused() {
        let batch = dataset(2, 1);
        let (thresholds, prices) = THRESHOLDS();
        let mut other = perfect(&batch, 0.9);
        other.images[1] = ImageDetections {
            image: "x".to_owned(),
            detections: vec![],
        };
        let error = annotate(&other, &batch, &Ledger::default(), (&thresholds, &prices), 1).unwrap_err();
        assert_eq!(error.to_string(), "image `1` of the batch is not in the detections");
        other.classes = vec!["x".to_owned()];
        assert!(annotate(&other, &batch, &Ledger::default(), (&thresholds, &prices), 1).is_err());
    }
}
