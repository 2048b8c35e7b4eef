//! Non-maximum suppression: of boxes that overlap much, the best remains.

use std::cmp::Ordering;

use crate::boxes::{Row, area, iou_of_areas};

/// The numbers of the boxes that remain, best first. A box goes if one with a higher score (or the same score and a lower number)
/// in the same group overlaps it by more than `limit`. Groups are classes, or pyramid levels. Stops at `most` boxes.
#[must_use]
pub fn suppress(boxes: &[Row], scores: &[f32], groups: &[usize], limit: f32, most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..boxes.len()).collect();
    order.sort_by(|&a, &b| best_first(scores[a], scores[b]));
    let areas: Vec<f32> = boxes.iter().map(area).collect();
    let group_count = groups.iter().max().map_or(0, |last| last + 1);
    let mut kept_of_group: Vec<Vec<usize>> = vec![Vec::new(); group_count];
    let mut kept = Vec::new();
    for number in order {
        if kept.len() == most {
            break;
        }
        let rivals = &mut kept_of_group[groups[number]];
        let free = rivals
            .iter()
            .all(|&rival| iou_of_areas(&boxes[rival], areas[rival], &boxes[number], areas[number]) <= limit);
        if free {
            rivals.push(number);
            kept.push(number);
        }
    }
    kept
}

/// The numbers of the `count` highest scores, best first; of equal scores the lower number first.
#[must_use]
pub fn top(scores: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let total = |&a: &usize, &b: &usize| best_first(scores[a], scores[b]).then(a.cmp(&b));
    if count < order.len() {
        order.select_nth_unstable_by(count, total);
        order.truncate(count);
    }
    order.sort_unstable_by(total);
    order
}

/// Descending, NaN last.
fn best_first(a: f32, b: f32) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use asm_pipe::random::Stream;

    use super::*;
    use crate::boxes::iou;

    /// By the definition: repeatedly take the best of what is left, and remove what it overlaps.
    fn slow(boxes: &[Row], scores: &[f32], groups: &[usize], limit: f32) -> Vec<usize> {
        let mut left: Vec<usize> = (0..boxes.len()).collect();
        let mut kept = Vec::new();
        while !left.is_empty() {
            let mut best = left[0];
            for &number in &left {
                if scores[number] > scores[best] {
                    best = number;
                }
            }
            kept.push(best);
            left.retain(|&n| n != best && (groups[n] != groups[best] || iou(&boxes[n], &boxes[best]) <= limit));
        }
        kept
    }

    #[test]
    fn suppression_equals_the_definition_on_random_boxes_with_ties() {
        let mut stream = Stream::new(0, "test", &[]);
        for _ in 0..20 {
            let boxes: Vec<Row> = (0..120)
                .map(|_| {
                    let (x, y) = (stream.uniform(0.0, 60.0) as f32, stream.uniform(0.0, 60.0) as f32);
                    [
                        x,
                        y,
                        x + stream.uniform(5.0, 40.0) as f32,
                        y + stream.uniform(5.0, 40.0) as f32,
                    ]
                })
                .collect();
            let scores: Vec<f32> = boxes.iter().map(|_| (stream.below(20) as f32) / 20.0).collect();
            let groups: Vec<usize> = boxes.iter().map(|_| stream.below(3)).collect();
            let expected = slow(&boxes, &scores, &groups, 0.4);
            assert_eq!(suppress(&boxes, &scores, &groups, 0.4, usize::MAX), expected);
            assert_eq!(suppress(&boxes, &scores, &groups, 0.4, 7), expected[..7]);
        }
    }

    #[test]
    fn an_overlap_of_exactly_the_limit_stays() {
        let boxes = [[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]];
        assert_eq!(suppress(&boxes, &[0.9, 0.8], &[0, 0], 0.5, 9), [0, 1]);
        assert_eq!(suppress(&boxes, &[0.9, 0.8], &[0, 0], 0.49, 9), [0]);
        assert_eq!(suppress(&boxes, &[0.8, 0.9], &[0, 1], 0.1, 9), [1, 0]);
    }

    #[test]
    fn the_top_is_ordered_with_ties_by_number_and_nan_last() {
        assert_eq!(top(&[0.1, 0.5, f32::NAN, 0.5, 0.9], 3), [4, 1, 3]);
        assert_eq!(top(&[f32::NAN, 0.5], 9), [1, 0]);
    }
}
