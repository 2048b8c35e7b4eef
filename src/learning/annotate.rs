//! The SA annotation of a batch, its scores, and what the annotator is paid for it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::merge::{Merged, Thresholds, merge};
use super::{Costs, ImageScores, LearningError, Ledger, Prices, Scores, Work};
use crate::detection::{AnnotatedImage, Annotation, Dataset, Detection, Detections, Marks, Source};

/// Who draws the boxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Annotator {
    /// The model where it is sure and the human says that it is right, the human for the rest.
    #[default]
    Sa,
    /// The human alone, who is shown no boxes.
    Human,
    /// The model alone: the boxes that it is sure of, unchecked. Costs nothing.
    Model,
}

/// How a batch is annotated and paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    /// Which boxes count as sure and as right.
    pub thresholds: Thresholds,
    /// What the annotator's time costs.
    pub prices: Prices,
    /// Who draws.
    pub annotator: Annotator,
}

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
    detections: Option<&Detections>,
    batch: &Dataset,
    ledger: &Ledger,
    rules: &Rules,
    round: u32,
) -> Result<AnnotatedBatch, LearningError> {
    rules.thresholds.check()?;
    if detections.is_none() && rules.annotator != Annotator::Human {
        return Err(LearningError::NoDetections);
    }
    if let Some(detections) = detections.filter(|detections| detections.classes != batch.classes) {
        return Err(LearningError::ClassesDiffer {
            first: "detections",
            second: "batch",
            first_classes: detections.classes.clone(),
            second_classes: batch.classes.clone(),
        });
    }
    let found: BTreeMap<&str, &[Detection]> = detections
        .iter()
        .flat_map(|detections| &detections.images)
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
        let found = match (detections, found.get(id)) {
            (None, _) => &[],
            (Some(_), Some(found)) => *found,
            (Some(_), None) => {
                return Err(LearningError::Missing {
                    image: id.to_owned(),
                    wanted_by: "batch",
                    missing_from: "detections",
                });
            }
        };
        let merged = merge(&image.annotations, found, &rules.thresholds, round);
        match rules.annotator {
            Annotator::Sa => ledger.charge(round, id, &work(&merged, found)),
            Annotator::Human => ledger.charge(round, id, &drawn(&merged)),
            Annotator::Model => {}
        }
        scores.images.push(image_scores(id, &merged, rules.annotator, round));
        annotations.images.push(AnnotatedImage {
            image: image.image.clone(),
            annotations: match rules.annotator {
                Annotator::Sa => merged.sa_boxes,
                Annotator::Human => by_human(&image.annotations, round),
                Annotator::Model => pseudo_labels(&merged, found, round),
            },
        });
    }
    Ok(AnnotatedBatch {
        costs: ledger.costs(round, &rules.prices),
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

/// Everything by hand.
fn drawn(merged: &Merged) -> Work {
    Work {
        drawn: merged.objects.clone(),
        ..Work::default()
    }
}

fn by_human(objects: &[Annotation], round: u32) -> Vec<Annotation> {
    let drawn = |object: &Annotation| Annotation {
        source: Source::Human,
        score: None,
        round: Some(round),
        ..object.clone()
    };
    objects.iter().map(drawn).collect()
}

/// The boxes that the model is sure of, as annotations.
pub(super) fn pseudo_labels(merged: &Merged, detections: &[Detection], round: u32) -> Vec<Annotation> {
    let label = |&at: &usize| Annotation {
        bounds: detections[at].bounds,
        label: detections[at].label,
        difficult: false,
        truncated: false,
        source: Source::Model,
        score: Some(detections[at].score),
        round: Some(round),
        marks: Marks::default(),
    };
    merged.certain_after_rejudge.iter().map(label).collect()
}

fn image_scores(image: &str, merged: &Merged, annotator: Annotator, round: u32) -> ImageScores {
    let mut model_boxes = merged.model_labelled_ground_truth.clone();
    model_boxes.sort_unstable();
    model_boxes.dedup();
    let proposed = merged.certain_after_rejudge.len();
    let (boxes, of_model) = match annotator {
        Annotator::Sa => (merged.objects.len(), model_boxes.len()),
        Annotator::Human => (merged.objects.len(), 0),
        Annotator::Model => (proposed, proposed),
    };
    ImageScores {
        image: image.to_owned(),
        round,
        objects: merged.objects.len() as u32,
        certain: merged.certain.len() as u32,
        uncertain: merged.uncertain.len() as u32,
        proposed: proposed as u32,
        accepted: merged.accepted.len() as u32,
        boxes: boxes as u32,
        model_boxes: of_model as u32,
        al_ratio: merged.al_ratio,
        sl_score: merged.sl_score,
        deploy: merged.deploy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{ImageDetections, Source};
    use crate::learning::strategies::testing::{dataset, perfect};

    fn annotated(found: &Detections, batch: &Dataset, annotator: Annotator) -> Result<AnnotatedBatch, LearningError> {
        annotate(Some(found), batch, &Ledger::default(), &rules(annotator), 1)
    }

    fn rules(annotator: Annotator) -> Rules {
        Rules {
            annotator,
            ..Rules::default()
        }
    }

    #[test]
    fn a_perfect_model_costs_verification_only() {
        let batch = dataset(3, 2);
        let done = annotated(&perfect(&batch, 0.9), &batch, Annotator::Sa).unwrap();
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
        let mut silent = perfect(&batch, 0.9);
        silent.images.iter_mut().for_each(|image| image.detections.clear());
        let done = annotated(&silent, &batch, Annotator::Sa).unwrap();
        assert_eq!((done.costs.human_boxes, done.costs.model_boxes_proposed), (6, 0));
        assert_eq!(batch, before);
    }

    #[test]
    fn detections_of_other_images_or_classes_are_refused() {
        let batch = dataset(2, 1);
        let mut other = perfect(&batch, 0.9);
        other.images[1] = ImageDetections {
            image: "x".to_owned(),
            detections: vec![],
        };
        let error = annotated(&other, &batch, Annotator::Sa).unwrap_err();
        assert_eq!(error.to_string(), "image `1` of the batch is not in the detections");
        other.classes = vec!["x".to_owned()];
        assert!(annotated(&other, &batch, Annotator::Sa).is_err());
    }

    #[test]
    fn a_human_alone_draws_every_box_however_good_the_model() {
        let batch = dataset(3, 2);
        let done = annotated(&perfect(&batch, 0.9), &batch, Annotator::Human).unwrap();
        assert_eq!((done.costs.human_boxes, done.costs.model_boxes_proposed), (6, 0));
        assert!((done.costs.annotation_seconds - (3.0 + 6.0 * 35.0)).abs() < 1e-9);
        assert_eq!(
            (done.scores.images[0].model_boxes, done.scores.images[0].al_ratio),
            (0, 0.0),
            "the scores are the model's all the same"
        );
        let blind = annotate(None, &batch, &Ledger::default(), &rules(Annotator::Human), 1).unwrap();
        assert_eq!((blind.costs, blind.annotations), (done.costs, done.annotations));
        assert!(annotate(None, &batch, &Ledger::default(), &rules(Annotator::Sa), 1).is_err());
    }

    #[test]
    fn a_model_alone_costs_nothing_and_invents_what_it_is_sure_of() {
        let batch = dataset(2, 2);
        let mut found = perfect(&batch, 0.9);
        found.images[0].detections[0].bounds = crate::detection::BoundingBox::new([300.0, 0.0, 310.0, 9.0]);
        found.images[0].detections[1].score = 0.5;
        let done = annotated(&found, &batch, Annotator::Model).unwrap();
        assert_eq!(done.costs.total_annotation_seconds, 0.0);
        assert!(!done.ledger.opened("0"));
        let boxes = &done.annotations.images[0].annotations;
        assert_eq!((boxes.len(), boxes[0].bounds.x_min), (1, 300.0));
        let scores = &done.scores.images[0];
        assert_eq!(
            (scores.boxes, scores.model_boxes, scores.accepted, scores.objects),
            (1, 1, 0, 2)
        );
    }
}
