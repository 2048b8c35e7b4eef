//! Which object each candidate box stands for (torchvision's `Matcher`).

use crate::boxes::{Row, area, iou_of_areas};

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It stands for the object of this number.
    Object(usize),
    /// No object overlaps it enough.
    Background,
    /// Too near to an object for background, not near enough for the object: not learned from.
    Between,
}

/// The limits of a match.
#[derive(Clone, Copy, Debug)]
pub struct Matcher {
    /// IoU from which a candidate stands for an object.
    pub foreground: f32,
    /// IoU below which it is background.
    pub background: f32,
    /// Whether the candidates that overlap an object most stand for the object that they overlap most, however little.
    pub keep_best_of_each_object: bool,
}

impl Matcher {
    /// One answer for each candidate. An object of equal overlap with a lower number wins.
    ///
    /// An object that touches no candidate claims none (torchvision would let it turn every background candidate into an object).
    #[must_use]
    pub fn run(&self, objects: &[Row], candidates: &[Row]) -> Vec<Match> {
        if objects.is_empty() {
            return vec![Match::Background; candidates.len()];
        }
        let areas: Vec<f32> = candidates.iter().map(area).collect();
        let mut best = vec![(0.0_f32, 0_usize); candidates.len()];
        let mut overlaps = Vec::with_capacity(if self.keep_best_of_each_object {
            candidates.len()
        } else {
            0
        });
        let mut is_best_of_an_object = vec![false; candidates.len()];
        for (number, object) in objects.iter().enumerate() {
            let object_area = area(object);
            let mut most = 0.0_f32;
            overlaps.clear();
            for ((candidate, &candidate_area), best) in candidates.iter().zip(&areas).zip(&mut best) {
                let overlap = iou_of_areas(object, object_area, candidate, candidate_area);
                if overlap > best.0 {
                    *best = (overlap, number);
                }
                if self.keep_best_of_each_object {
                    most = most.max(overlap);
                    overlaps.push(overlap);
                }
            }
            if most > 0.0 {
                for (mark, &overlap) in is_best_of_an_object.iter_mut().zip(&overlaps) {
                    *mark |= overlap == most;
                }
            }
        }
        best.iter()
            .zip(is_best_of_an_object)
            .map(|(&(overlap, object), is_best)| {
                if is_best || overlap >= self.foreground {
                    Match::Object(object)
                } else if overlap < self.background {
                    Match::Background
                } else {
                    Match::Between
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTS: [Row; 2] = [[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 30.0, 10.0]];
    const CANDIDATES: [Row; 4] = [
        [0.0, 0.0, 10.0, 9.0],
        [0.0, 5.0, 10.0, 15.0],
        [26.0, 0.0, 36.0, 10.0],
        [50.0, 50.0, 60.0, 60.0],
    ];

    fn matcher(keep_best_of_each_object: bool) -> Matcher {
        Matcher {
            foreground: 0.7,
            background: 0.3,
            keep_best_of_each_object,
        }
    }

    #[test]
    fn overlap_decides_between_object_background_and_neither() {
        assert_eq!(
            matcher(false).run(&OBJECTS, &CANDIDATES),
            [Match::Object(0), Match::Between, Match::Background, Match::Background]
        );
    }

    #[test]
    fn the_best_candidate_of_an_object_is_kept_however_little_it_overlaps() {
        assert_eq!(
            matcher(true).run(&OBJECTS, &CANDIDATES),
            [Match::Object(0), Match::Between, Match::Object(1), Match::Background]
        );
    }

    #[test]
    fn an_object_that_touches_nothing_claims_nothing() {
        let far = [[900.0, 900.0, 910.0, 910.0]];
        assert_eq!(matcher(true).run(&far, &CANDIDATES), [Match::Background; 4]);
    }

    #[test]
    fn without_objects_all_is_background() {
        assert_eq!(matcher(true).run(&[], &CANDIDATES), [Match::Background; 4]);
    }
}
