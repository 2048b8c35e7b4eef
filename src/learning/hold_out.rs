//! The evaluation set that grows: a share of the images that are opened for the first time goes there and is never trained on.
//!
//! What a model meets as it is used is other than what its first test images showed. These are annotated by hand in full: a set that the
//! model had a say in would favour it.

use super::{LearningError, Ledger, Pool};
use crate::detection::{AnnotatedImage, Dataset};
use crate::random::Stream;

/// A batch after some of it was set apart.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOut {
    /// The rest of the batch.
    pub batch: Dataset,
    /// The pool with the rest of the batch marked as drawn.
    pub pool: Pool,
    /// The evaluation set with what was set apart.
    pub evaluation: Dataset,
    /// The ledger with the boxes of what was set apart.
    pub ledger: Ledger,
}

/// Sets a share of the images apart that nobody has opened before, drawn by the seed, and charges the round for their boxes.
///
/// # Errors
/// When the share is no share or the parts do not fit together.
pub fn hold_out(
    (batch, pool): (&Dataset, &Pool),
    evaluation: &Dataset,
    ledger: &Ledger,
    share: f64,
    (seed, round): (u64, u32),
) -> Result<HeldOut, LearningError> {
    if !(0.0..=1.0).contains(&share) {
        return Err(LearningError::OutOfRange {
            name: "share",
            value: share.to_string(),
            range: "in 0..=1",
        });
    }
    let new: Vec<&AnnotatedImage> = batch
        .images
        .iter()
        .filter(|image| !ledger.opened(&image.image.id))
        .collect();
    let count = (share * new.len() as f64).round() as usize;
    let apart = Stream::new(seed, "hold-out", &[u64::from(round)]).sample(&new, count);
    let mut parts = HeldOut {
        batch: batch.clone(),
        pool: pool.clone(),
        evaluation: evaluation.clone(),
        ledger: ledger.clone(),
    };
    for image in apart {
        parts.pool.set_apart(&image.image.id)?;
        parts.batch.images.retain(|other| other.image.id != image.image.id);
        parts.evaluation.images.push(image.clone());
        parts.ledger.charge_in_full(round, image);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::strategies::testing::dataset;
    use crate::learning::{Prices, draw};

    fn apart(share: f64, opened: &[&str]) -> HeldOut {
        let source = dataset(12, 3);
        let pool = Pool::new((0..12).map(|id| id.to_string()).collect()).unwrap();
        let drawn = draw(&pool, &source, 10, 0.5).unwrap();
        let mut ledger = Ledger::default();
        for id in opened {
            ledger.charge(0, id, &crate::learning::Work::default());
        }
        let nothing = Dataset {
            images: Vec::new(),
            ..source
        };
        hold_out((&drawn.batch, &drawn.pool), &nothing, &ledger, share, (3, 1)).unwrap()
    }

    #[test]
    fn a_share_of_the_batch_is_set_apart_and_paid_for() {
        let parts = apart(0.2, &[]);
        assert_eq!((parts.batch.images.len(), parts.evaluation.images.len()), (8, 2));
        assert_eq!(parts.pool.drawn().len(), 8);
        assert_eq!(parts.pool.places().count(), 12);
        parts.pool.check().unwrap();
        let costs = parts.ledger.costs(1, &Prices::default());
        assert_eq!((costs.images_opened, costs.human_boxes), (2, 6));
        assert_eq!(parts, apart(0.2, &[]));
    }

    #[test]
    fn images_opened_before_stay_in_training() {
        let all: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(apart(1.0, &all).evaluation.images.len(), 0);
        assert_eq!(apart(1.0, &all[..9]).evaluation.images[0].image.id, "9");
    }

    #[test]
    fn a_share_of_nothing_changes_nothing() {
        let parts = apart(0.0, &[]);
        assert_eq!((parts.batch.images.len(), parts.evaluation.images.len()), (10, 0));
        assert_eq!(parts.ledger, Ledger::default());
    }
}
