//! The SA annotation of one image: boxes that the model is sure of and the oracle confirms, the human's for the rest.
//!
//! Two choices, each with the first implementation's way and a sound one: how certain boxes are checked against the others
//! ([`Rejudge`]), and how they are held against the ground truth ([`Matching`]). A confirmed box replaces an object's
//! bounds in a new record; labels, flags and the number of objects stay.

mod deploy;
mod oracle;
mod rejudge;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DeployScores, LearningError, Preset};
use crate::detection::{Annotation, BoundingBox, Detection, Source};

/// How certain boxes are checked against the other boxes, before anybody looks at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rejudge {
    /// A certain box falls if any box of another class, certain or uncertain, overlaps it. The order of boxes does not matter.
    #[default]
    OrderFree,
    /// As the first implementation: each certain box, in order, uses up the uncertain ones that overlap it.
    Sequential,
}

/// How certain boxes are held against the ground truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// A box with objects of its own class, an object for one box only.
    #[default]
    OneToOne,
    /// As the first implementation: the object of any class that overlaps most decides, and may be claimed again.
    BestOfAnyClass,
}

/// What is done with objects that the dataset calls difficult.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Difficult {
    /// They stay in the annotation, but no score counts them and nobody pays for them; a box on one is neither right nor wrong.
    #[default]
    Ignore,
    /// Objects like any other.
    Count,
}

/// The thresholds of an SA annotation; all are inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Boxes with at least this score are certain.
    pub certain: f64,
    /// Other boxes with at least this score are uncertain; the rest is not looked at.
    pub uncertain: f64,
    /// From this overlap on, an uncertain box speaks about the certain one.
    pub judge_iou: f64,
    /// From this overlap on, a box is right.
    pub ground_truth_iou: f64,
    /// How certain boxes are checked against the others.
    pub rejudge: Rejudge,
    /// How they are held against the ground truth.
    pub matching: Matching,
    /// Difficult objects.
    pub difficult: Difficult,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            certain: 0.8,
            uncertain: 0.3,
            judge_iou: 0.5,
            ground_truth_iou: 0.8,
            rejudge: Rejudge::default(),
            matching: Matching::default(),
            difficult: Difficult::default(),
        }
    }
}

impl Thresholds {
    /// The same numbers with the choices of a preset.
    #[must_use]
    pub fn with_preset(self, preset: Preset) -> Self {
        let (rejudge, matching) = match preset {
            Preset::Sound => (Rejudge::OrderFree, Matching::OneToOne),
            Preset::AsPublished => (Rejudge::Sequential, Matching::BestOfAnyClass),
        };
        Self {
            rejudge,
            matching,
            ..self
        }
    }

    /// Checks that every threshold is in `[0, 1]` and that `uncertain` is not above `certain`.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), LearningError> {
        let named = [
            ("certain", self.certain, 1.0, "in 0..=1"),
            ("uncertain", self.uncertain, self.certain, "in 0..=certain"),
            ("judge_iou", self.judge_iou, 1.0, "in 0..=1"),
            ("ground_truth_iou", self.ground_truth_iou, 1.0, "in 0..=1"),
        ];
        for (name, value, highest, range) in named {
            if !(0.0..=highest).contains(&value) {
                return Err(LearningError::OutOfRange {
                    name,
                    value: value.to_string(),
                    range,
                });
            }
        }
        Ok(())
    }
}

/// The SA annotation of an image and how it came about. Numbers of detections and of objects are places in the lists given.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Certain detections, by descending score.
    pub certain: Vec<usize>,
    /// Uncertain detections, by descending score.
    pub uncertain: Vec<usize>,
    /// Certain detections that the uncertain ones do not contradict: these are shown to the annotator.
    pub certain_after_rejudge: Vec<usize>,
    /// Of those, the ones that are right.
    pub accepted: Vec<usize>,
    /// The object that each accepted detection is for.
    pub model_labelled_ground_truth: Vec<usize>,
    /// Wrong ones that lie near enough to an object of their class to be pulled right: detection and object. Only one to one.
    pub corrected: Vec<(usize, usize)>,
    /// Wrong ones that must be deleted.
    pub rejected: Vec<usize>,
    /// Those on a difficult object: neither right nor wrong.
    pub ignored: Vec<usize>,
    /// Places of the objects that count.
    pub objects: Vec<usize>,
    /// The new annotations, one for each object given, in the same order.
    pub sa_boxes: Vec<Annotation>,
    /// The share of the objects whose box is the human's. Without objects: 0 if no detection was certain, else 1.
    pub al_ratio: f64,
    /// The accepted scores over the number of objects. Without objects: 1 if no detection was certain, else 0.
    pub sl_score: f64,
    /// Scores that need no ground truth.
    pub deploy: DeployScores,
}

/// Makes the SA annotation of one image. Scores and thresholds are compared as `f32`, a detector's own precision, so that a
/// score of 0.7 reaches a threshold of 0.7.
#[must_use]
pub fn merge(ground_truth: &[Annotation], detections: &[Detection], thresholds: &Thresholds, round: u32) -> Merged {
    let order = by_score(detections, thresholds.rejudge);
    let reaches = |at: usize, threshold| at_least(detections[at].score, threshold);
    let (certain, below): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|&at| reaches(at, thresholds.certain));
    let uncertain: Vec<usize> = below
        .into_iter()
        .filter(|&at| reaches(at, thresholds.uncertain))
        .collect();

    let kept = match thresholds.rejudge {
        Rejudge::Sequential => rejudge::in_order(detections, &certain, &uncertain, thresholds.judge_iou),
        Rejudge::OrderFree => rejudge::order_free(detections, &certain, &uncertain, thresholds.judge_iou),
    };
    let counts = |object: &Annotation| thresholds.difficult == Difficult::Count || !object.difficult;
    let objects: Vec<usize> = (0..ground_truth.len())
        .filter(|&at| counts(&ground_truth[at]))
        .collect();
    let verdict = match thresholds.matching {
        Matching::BestOfAnyClass => oracle::best_of_any_class(ground_truth, &objects, detections, &kept, thresholds),
        Matching::OneToOne => oracle::one_to_one(ground_truth, &objects, detections, &kept, thresholds),
    };

    let mut sa_boxes: Vec<Annotation> = ground_truth.iter().map(|object| by_human(object, round)).collect();
    for (&detection, &object) in verdict.accepted.iter().zip(&verdict.objects) {
        sa_boxes[object] = by_model(&ground_truth[object], &detections[detection], round);
    }
    let silent = if certain.is_empty() { 1.0 } else { 0.0 };
    let count = objects.len() as f64;
    let matched = verdict.accepted.len();
    // Not `sum`, which makes a negative zero of nothing: that is another score where scores are ordered.
    let scores = verdict.accepted.iter().map(|&at| detections[at].score);
    let score_sum = scores.fold(0.0, |sum, score| sum + score);
    let (al_ratio, sl_score) = match (objects.len(), thresholds.matching) {
        (0, _) => (1.0 - silent, silent),
        (_, Matching::BestOfAnyClass) => (1.0 - matched as f64 / count, score_sum / count),
        // Not 1 - x: three of ten must be exactly 0.3, for thresholds are compared with it.
        (_, Matching::OneToOne) => ((objects.len() - matched) as f64 / count, score_sum / count),
    };
    Merged {
        deploy: deploy::scores(detections, &kept, &certain, &uncertain, thresholds.judge_iou),
        certain,
        uncertain,
        certain_after_rejudge: kept,
        accepted: verdict.accepted,
        model_labelled_ground_truth: verdict.objects,
        corrected: verdict.corrected,
        rejected: verdict.rejected,
        ignored: verdict.ignored,
        objects,
        sa_boxes,
        al_ratio,
        sl_score,
    }
}

fn by_human(object: &Annotation, round: u32) -> Annotation {
    Annotation {
        source: Source::Human,
        score: None,
        round: Some(round),
        ..object.clone()
    }
}

fn by_model(object: &Annotation, detection: &Detection, round: u32) -> Annotation {
    Annotation {
        bounds: detection.bounds,
        source: Source::Model,
        score: Some(detection.score),
        round: Some(round),
        ..object.clone()
    }
}

/// Places by descending score. Equal scores stay as given for the sequential check; else label and bounds decide, so that the
/// order in which a detector lists them does not matter.
fn by_score(detections: &[Detection], rejudge: Rejudge) -> Vec<usize> {
    let mut order: Vec<usize> = (0..detections.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&detections[a], &detections[b]);
        let scores = b.score.total_cmp(&a.score);
        if rejudge == Rejudge::Sequential {
            return scores;
        }
        let edges = a.bounds.xyxy().into_iter().zip(b.bounds.xyxy());
        let bounds = edges.map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne());
        scores
            .then(a.label.cmp(&b.label))
            .then(bounds.unwrap_or(std::cmp::Ordering::Equal))
    });
    order
}

/// Compares as `f32`.
fn at_least(value: f64, threshold: f64) -> bool {
    value as f32 >= threshold as f32
}

/// Intersection over union in `f32`, as the first implementation computes it.
fn iou_single(a: &BoundingBox, b: &BoundingBox) -> f32 {
    let [a, b] = [a, b].map(|bounds| bounds.xyxy().map(|edge| edge as f32));
    let area = |e: [f32; 4]| (e[2] - e[0]) * (e[3] - e[1]);
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = width * height;
    let union = area(a) + area(b) - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

#[cfg(test)]
mod tests;
