//! Which proposed boxes the ground truth confirms.

use std::collections::BTreeSet;

use super::{Thresholds, at_least, iou_single};
use crate::detection::{Annotation, Detection};

/// What the oracle says of the proposed boxes.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) accepted: Vec<usize>,
    pub(super) objects: Vec<usize>,
    pub(super) corrected: Vec<(usize, usize)>,
    pub(super) rejected: Vec<usize>,
    pub(super) ignored: Vec<usize>,
}

/// The first implementation's rule: the object with the highest overlap, of any class, must have the box's class. An object may be
/// claimed again; the last claim counts for the box, each for the scores.
pub(super) fn best_of_any_class(
    ground_truth: &[Annotation],
    objects: &[usize],
    detections: &[Detection],
    proposed: &[usize],
    thresholds: &Thresholds,
) -> Verdict {
    let mut verdict = Verdict::default();
    for &box_ in proposed {
        let detection = &detections[box_];
        let mut best: Option<(f32, usize)> = None;
        for &object in objects {
            let iou = iou_single(&detection.bounds, &ground_truth[object].bounds);
            if best.is_none_or(|(highest, _)| iou > highest) {
                best = Some((iou, object));
            }
        }
        match best {
            Some((iou, object))
                if iou >= thresholds.ground_truth_iou as f32 && ground_truth[object].label == detection.label =>
            {
                verdict.accepted.push(box_);
                verdict.objects.push(object);
            }
            _ => verdict.rejected.push(box_),
        }
    }
    verdict
}

/// By descending score, each box takes the free object of its class with the highest overlap. What is left over may be pulled right
/// onto a free object that it overlaps by `judge_iou`.
pub(super) fn one_to_one(
    ground_truth: &[Annotation],
    objects: &[usize],
    detections: &[Detection],
    proposed: &[usize],
    thresholds: &Thresholds,
) -> Verdict {
    let mut verdict = Verdict::default();
    let mut taken = BTreeSet::new();
    let nearest = |box_: usize, places: &[usize], taken: &BTreeSet<usize>, iou: f64| {
        let detection = &detections[box_];
        let same = |&&at: &&usize| ground_truth[at].label == detection.label && !taken.contains(&at);
        let overlaps = places
            .iter()
            .filter(same)
            .map(|&at| (detection.bounds.iou(&ground_truth[at].bounds), at));
        // Of equal overlaps the first object.
        let best = overlaps.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        best.filter(|&(overlap, _)| overlap > 0.0 && at_least(overlap, iou))
            .map(|(_, at)| at)
    };
    let mut wrong = Vec::new();
    for &box_ in proposed {
        if let Some(object) = nearest(box_, objects, &taken, thresholds.ground_truth_iou) {
            taken.insert(object);
            verdict.accepted.push(box_);
            verdict.objects.push(object);
        } else {
            wrong.push(box_);
        }
    }
    let left_out: Vec<usize> = (0..ground_truth.len()).filter(|at| !objects.contains(at)).collect();
    for box_ in wrong {
        if nearest(box_, &left_out, &BTreeSet::new(), thresholds.judge_iou).is_some() {
            verdict.ignored.push(box_);
        } else if let Some(object) = nearest(box_, objects, &taken, thresholds.judge_iou) {
            taken.insert(object);
            verdict.corrected.push((box_, object));
        } else {
            verdict.rejected.push(box_);
        }
    }
    verdict
}
