//! Which certain boxes the other boxes do not contradict. No ground truth here.

use super::{at_least, iou_single};
use crate::detection::Detection;

/// The first implementation's rule. Each certain box, in order, uses up the uncertain boxes that overlap it; it falls if there
/// are some and none has its class. When no uncertain box is left, the rest is kept unchecked.
pub(super) fn in_order(detections: &[Detection], certain: &[usize], uncertain: &[usize], iou: f64) -> Vec<usize> {
    let mut left = uncertain.to_vec();
    let mut kept = Vec::new();
    for &box_ in certain {
        let (hits, others): (Vec<usize>, Vec<usize>) = left
            .into_iter()
            .partition(|&other| iou_single(&detections[box_].bounds, &detections[other].bounds) >= iou as f32);
        left = others;
        let label = detections[box_].label;
        if hits.is_empty() || hits.iter().any(|&hit| detections[hit].label == label) {
            kept.push(box_);
        }
    }
    kept
}

/// A certain box falls if any box of another class, certain or uncertain, overlaps it.
pub(super) fn order_free(detections: &[Detection], certain: &[usize], uncertain: &[usize], iou: f64) -> Vec<usize> {
    let contested = |&&box_: &&usize| {
        let this = &detections[box_];
        let mut others = certain.iter().chain(uncertain).map(|&other| &detections[other]);
        others.any(|other| other.label != this.label && at_least(this.bounds.iou(&other.bounds), iou))
    };
    certain.iter().filter(|box_| !contested(box_)).copied().collect()
}
