//! What has been paid for: opened images, boxes drawn by hand, model boxes that were looked at. Each is charged once, to the
//! round that asked for it.
//!
//! An image that comes back costs only what is new: an object drawn before is not drawn again, a model box accepted for
//! an object is not verified again, nor is one rejected before at the same place. An object whose model box was accepted
//! before and is not proposed any more has to be drawn.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detection::{AnnotatedImage, BoundingBox};

/// Seconds of a human annotator's time. The defaults are from the literature; change them to your own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// Opening an image and looking it over.
    pub image: f64,
    /// Drawing a box and naming its class (35 s for ILSVRC; 7 s by extreme clicking).
    pub draw: f64,
    /// Judging a box that the model proposes.
    pub verify: f64,
    /// Pulling a proposed box right.
    pub fix: f64,
    /// Deleting a proposed box.
    pub delete: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            image: 1.0,
            draw: 35.0,
            verify: 1.7,
            fix: 7.0,
            delete: 1.8,
        }
    }
}

/// What an annotator does in one image. Objects are places in the image's ground truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// Objects drawn by hand.
    pub drawn: Vec<usize>,
    /// Objects whose proposed box is pulled right: as good as drawn.
    pub corrected: Vec<usize>,
    /// Objects whose proposed box is accepted.
    pub accepted: Vec<usize>,
    /// Proposed boxes that are deleted, with their label.
    pub rejected: Vec<(u32, BoundingBox)>,
    /// Proposed boxes on difficult objects: looked at and left out.
    pub ignored: Vec<(u32, BoundingBox)>,
}

/// How often each kind of work was done in one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    opened: u64,
    drawn: u64,
    corrected: u64,
    accepted: u64,
    rejected: u64,
    ignored: u64,
    repeated: u64,
}

impl Counts {
    const fn verified(&self) -> u64 {
        self.accepted + self.corrected + self.rejected + self.ignored
    }

    const fn plus(self, other: &Self) -> Self {
        Self {
            opened: self.opened + other.opened,
            drawn: self.drawn + other.drawn,
            corrected: self.corrected + other.corrected,
            accepted: self.accepted + other.accepted,
            rejected: self.rejected + other.rejected,
            ignored: self.ignored + other.ignored,
            repeated: self.repeated + other.repeated,
        }
    }

    fn seconds(&self, prices: &Prices) -> f64 {
        self.opened as f64 * prices.image
            + self.drawn as f64 * prices.draw
            + self.verified() as f64 * prices.verify
            + self.corrected as f64 * prices.fix
            + (self.rejected + self.ignored) as f64 * prices.delete
    }
}

/// What is known of one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paid {
    /// Objects with a human's box, and the round that paid.
    drawn: BTreeMap<usize, u32>,
    /// Objects for which a model's box was accepted, and the round that paid.
    accepted: BTreeMap<usize, u32>,
    /// Model boxes that were turned down.
    refused: Vec<(u32, BoundingBox)>,
}

/// What has been paid for so far, by image and by round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    images: BTreeMap<String, Paid>,
    rounds: BTreeMap<u32, Counts>,
}

/// The costs of a round, and of all rounds up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// The round.
    pub round: u32,
    /// Images opened for the first time.
    pub images_opened: u64,
    /// Boxes made by hand: drawn or corrected.
    pub human_boxes: u64,
    /// Boxes drawn by hand.
    pub boxes_drawn: u64,
    /// Proposed boxes pulled right.
    pub boxes_corrected: u64,
    /// Model boxes that the annotator had to look at.
    pub model_boxes_proposed: u64,
    /// Of those, the right ones.
    pub model_boxes_accepted: u64,
    /// Of those, the deleted ones.
    pub model_boxes_rejected: u64,
    /// Of those, the ones on difficult objects.
    pub model_boxes_ignored: u64,
    /// Proposed boxes that an earlier round had paid for.
    pub model_boxes_repeated: u64,
    /// Annotation time by the prices.
    pub annotation_seconds: f64,
    /// Images opened up to this round, the initial ones included.
    pub total_images_opened: u64,
    /// Boxes made by hand up to this round, the initial ones included.
    pub total_human_boxes: u64,
    /// Model boxes looked at up to this round.
    pub total_model_boxes_proposed: u64,
    /// Annotation time up to this round, the initial images included.
    pub total_annotation_seconds: f64,
}

impl Ledger {
    /// Whether the image has been opened.
    #[must_use]
    pub fn opened(&self, image: &str) -> bool {
        self.images.contains_key(image)
    }

    /// Charges a round for what is new in an annotator's work on an image.
    pub fn charge(&mut self, round: u32, image: &str, work: &Work) {
        let counts = self.rounds.entry(round).or_default();
        counts.opened += u64::from(!self.images.contains_key(image));
        let paid = self.images.entry(image.to_owned()).or_default();
        for &object in &work.accepted {
            let known = paid.drawn.contains_key(&object) || paid.accepted.contains_key(&object);
            if known {
                counts.repeated += 1;
            } else {
                paid.accepted.insert(object, round);
                counts.accepted += 1;
            }
        }
        for (objects, count) in [
            (&work.drawn, &mut counts.drawn),
            (&work.corrected, &mut counts.corrected),
        ] {
            for &object in objects {
                if let std::collections::btree_map::Entry::Vacant(entry) = paid.drawn.entry(object) {
                    entry.insert(round);
                    *count += 1;
                }
            }
        }
        for (boxes, count) in [
            (&work.rejected, &mut counts.rejected),
            (&work.ignored, &mut counts.ignored),
        ] {
            for &refused in boxes {
                if paid.refused.contains(&refused) {
                    counts.repeated += 1;
                } else {
                    paid.refused.push(refused);
                    *count += 1;
                }
            }
        }
    }

    /// Charges a round for an image annotated by hand from nothing. Difficult objects are free: nobody is asked for them.
    pub fn charge_in_full(&mut self, round: u32, image: &AnnotatedImage) {
        let objects = image.annotations.iter().enumerate();
        let drawn = objects
            .filter(|(_, object)| !object.difficult)
            .map(|(at, _)| at)
            .collect();
        let work = Work {
            drawn,
            ..Work::default()
        };
        self.charge(round, &image.image.id, &work);
    }

    /// What a round cost.
    #[must_use]
    pub fn costs(&self, round: u32, prices: &Prices) -> Costs {
        let now = self.rounds.get(&round).copied().unwrap_or_default();
        let so_far = self
            .rounds
            .range(..=round)
            .fold(Counts::default(), |sum, (_, counts)| sum.plus(counts));
        Costs {
            round,
            images_opened: now.opened,
            human_boxes: now.drawn + now.corrected,
            boxes_drawn: now.drawn,
            boxes_corrected: now.corrected,
            model_boxes_proposed: now.verified(),
            model_boxes_accepted: now.accepted,
            model_boxes_rejected: now.rejected,
            model_boxes_ignored: now.ignored,
            model_boxes_repeated: now.repeated,
            annotation_seconds: now.seconds(prices),
            total_images_opened: so_far.opened,
            total_human_boxes: so_far.drawn + so_far.corrected,
            total_model_boxes_proposed: so_far.verified(),
            total_annotation_seconds: so_far.seconds(prices),
        }
    }

    /// The objects of an image that carry a human's box.
    #[must_use]
    pub fn drawn(&self, image: &str) -> BTreeSet<usize> {
        self.images
            .get(image)
            .map(|paid| paid.drawn.keys().copied().collect())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(drawn: &[usize], accepted: &[usize]) -> Work {
        Work {
            drawn: drawn.to_vec(),
            accepted: accepted.to_vec(),
            rejected: vec![(0, BoundingBox::new([0.0, 0.0, 1.0, 1.0]))],
            ..Work::default()
        }
    }

    #[test]
    fn the_same_work_twice_is_charged_to_the_first_round_only() {
        let mut ledger = Ledger::default();
        ledger.charge(1, "a", &work(&[0, 2], &[1]));
        ledger.charge(2, "a", &work(&[0, 2], &[1]));
        let (first, second) = (ledger.costs(1, &Prices::default()), ledger.costs(2, &Prices::default()));
        assert_eq!(
            (first.images_opened, first.human_boxes, first.model_boxes_proposed),
            (1, 2, 2)
        );
        assert_eq!(
            (second.images_opened, second.human_boxes, second.model_boxes_proposed),
            (0, 0, 0)
        );
        assert_eq!((second.annotation_seconds, second.model_boxes_repeated), (0.0, 2));
        assert_eq!(second.total_human_boxes, 2);
    }

    #[test]
    fn an_accepted_object_that_is_not_proposed_again_must_be_drawn() {
        let mut ledger = Ledger::default();
        ledger.charge(1, "a", &work(&[], &[0]));
        ledger.charge(2, "a", &work(&[0], &[]));
        ledger.charge(3, "a", &work(&[], &[0]));
        assert_eq!(ledger.costs(2, &Prices::default()).human_boxes, 1);
        assert_eq!(ledger.costs(3, &Prices::default()).model_boxes_proposed, 0);
    }

    #[test]
    fn seconds_follow_the_prices() {
        let mut ledger = Ledger::default();
        let mut all = work(&[0, 1], &[2]);
        all.corrected = vec![3];
        ledger.charge(1, "a", &all);
        let prices = Prices {
            image: 1.0,
            draw: 10.0,
            verify: 100.0,
            fix: 1000.0,
            delete: 10_000.0,
        };
        assert!((ledger.costs(1, &prices).annotation_seconds - 11_321.0).abs() < 1e-9);
    }
}
