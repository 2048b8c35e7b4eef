//! From ranked hits and misses to one number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the precision-recall curve becomes a number. All use the highest precision at this recall or a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Interpolation {
    /// Mean over recalls 0, 0.01, .. 1, placed as numpy's `linspace` does (COCO).
    #[serde(rename = "points-101")]
    Points101,
    /// Mean over recalls 0, 0.1, .. 1, placed as numpy's `arange` does: a recall of exactly 3/10 misses 0.30000000000000004
    /// (py-faster-rcnn and its descendants).
    #[serde(rename = "points-11")]
    Points11,
    /// Mean over recalls 0, 0.1, .. 1, compared as fractions.
    #[serde(rename = "points-11-exact")]
    Points11Exact,
    /// The area under the curve (VOC 2010 and later).
    #[serde(rename = "area")]
    Area,
}

/// The precision at each hit, by descending score, and how many objects there were to be found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    precisions: Vec<f64>,
    objects: usize,
}

impl Ranking {
    /// From the hits' ranks among the detections that count: 1 for the first.
    #[must_use]
    pub fn new(ranks: &[usize], objects: usize) -> Self {
        let precision = |(hits, &rank): (usize, &usize)| (hits + 1) as f64 / rank as f64;
        Self {
            precisions: ranks.iter().enumerate().map(precision).collect(),
            objects,
        }
    }

    /// The share of objects that were found; none without objects.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        (self.objects > 0).then(|| self.recall_at(self.precisions.len()))
    }

    /// At each hit the highest precision there or later. Precision only falls between hits: the highest from a recall on is at a hit.
    pub(super) fn envelope(&self) -> Vec<f64> {
        let mut envelope = self.precisions.clone();
        for at in (1..envelope.len()).rev() {
            envelope[at - 1] = envelope[at - 1].max(envelope[at]);
        }
        envelope
    }

    pub(super) fn recall_at(&self, hits: usize) -> f64 {
        hits as f64 / self.objects as f64
    }

    /// Average precision; none without objects, 0 without hits.
    #[must_use]
    pub fn average_precision(&self, interpolation: Interpolation) -> Option<f64> {
        if self.objects == 0 {
            return None;
        }
        let envelope = self.envelope();
        let mean = |points: usize, reached: &dyn Fn(usize, usize) -> bool| {
            let (mut sum, mut hit) = (0.0, 0);
            for point in 0..points {
                while hit < envelope.len() && !reached(point, hit + 1) {
                    hit += 1;
                }
                sum += envelope.get(hit).copied().unwrap_or(0.0);
            }
            sum / points as f64
        };
        Some(match interpolation {
            Interpolation::Points101 => mean(101, &|point, hits| self.recall_at(hits) >= linspace(point, 100)),
            Interpolation::Points11 => mean(11, &|point, hits| self.recall_at(hits) >= point as f64 * 0.1),
            Interpolation::Points11Exact => mean(11, &|point, hits| 10 * hits >= point * self.objects),
            Interpolation::Area => {
                let steps = envelope.iter().enumerate();
                steps
                    .map(|(at, precision)| (self.recall_at(at + 1) - self.recall_at(at)) * precision)
                    .sum()
            }
        })
    }
}

/// numpy's `linspace(0, 1, steps + 1)[at]`.
pub(super) fn linspace(at: usize, steps: usize) -> f64 {
    if at == steps {
        1.0
    } else {
        at as f64 * (1.0 / steps as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_ranking_scores_one_by_every_interpolation() {
        let ranking = Ranking::new(&[1, 2, 3], 3);
        use Interpolation::*;
        for interpolation in [Points101, Points11, Points11Exact, Area] {
            assert!((ranking.average_precision(interpolation).unwrap() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn three_tenths_of_the_objects_reach_the_fourth_point_only_when_compared_exactly() {
        let ranking = Ranking::new(&[1, 2, 3], 10);
        let of = |interpolation| ranking.average_precision(interpolation).unwrap();
        assert!((of(Interpolation::Points11) - 3.0 / 11.0).abs() < 1e-12);
        assert!((of(Interpolation::Points11Exact) - 4.0 / 11.0).abs() < 1e-12);
        assert!((of(Interpolation::Area) - 0.3).abs() < 1e-12);
    }

    #[test]
    fn no_objects_give_no_figure_and_no_hits_give_zero() {
        assert_eq!(Ranking::new(&[], 0).average_precision(Interpolation::Area), None);
        assert_eq!(Ranking::new(&[], 0).recall(), None);
        assert_eq!(
            Ranking::new(&[], 4).average_precision(Interpolation::Points101),
            Some(0.0)
        );
    }

    #[test]
    fn a_later_higher_precision_lifts_what_comes_before() {
        // Precisions 1/2, 2/3: both recalls see 2/3.
        let ranking = Ranking::new(&[2, 3], 2);
        assert!((ranking.average_precision(Interpolation::Area).unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }
}
