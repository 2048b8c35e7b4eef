//! The first split of a dataset: initial labelled images, validation images, and the pool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LearningError, Ledger, Pool};
use crate::detection::{AnnotatedImage, Dataset};
use crate::random::Stream;

/// The order in which images are dealt out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SplitOrder {
    /// Shuffled by the seed.
    #[default]
    Shuffled,
    /// As the dataset lists them, as the first implementation does.
    Listed,
}

/// How many images go where; the rest is the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitSizes {
    /// Initial labelled images.
    pub initial: usize,
    /// Validation images.
    pub validation: usize,
}

/// A dataset dealt out.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The initial labelled pool.
    pub labelled: Dataset,
    /// Labelled images that are never trained on: the stop test and the choice of the best model look at them.
    pub validation: Dataset,
    /// The other images.
    pub pool: Pool,
    /// Labelled and validation images, charged to round 0.
    pub ledger: Ledger,
}

impl SplitSizes {
    /// A share of what is left of `size` images beside the validation images: at least one, unless the share is 0.
    ///
    /// # Errors
    /// When the share is no share.
    pub fn with_share(self, share: f64, size: usize) -> Result<Self, LearningError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(LearningError::OutOfRange {
                name: "initial_share",
                value: share.to_string(),
                range: "in 0..=1",
            });
        }
        let free = size.saturating_sub(self.validation);
        let initial = (share * free as f64).round() as usize;
        let least = usize::from(share > 0.0).min(free);
        Ok(Self {
            initial: initial.max(least),
            ..self
        })
    }
}

/// Deals a dataset out: the initial images first, then validation, then the pool in draw order.
///
/// # Errors
/// When the dataset is too small or an id comes twice.
pub fn split(dataset: &Dataset, sizes: SplitSizes, order: SplitOrder, seed: u64) -> Result<Split, LearningError> {
    let SplitSizes { initial, validation } = sizes;
    let size = dataset.images.len();
    if initial.checked_add(validation).is_none_or(|wanted| wanted > size) {
        return Err(LearningError::TooFewImages {
            initial,
            validation,
            size,
        });
    }
    // Every id, so that one listed twice is found wherever it would have gone.
    Pool::new(dataset.images.iter().map(|image| image.image.id.clone()).collect())?;
    let mut images: Vec<&AnnotatedImage> = dataset.images.iter().collect();
    if order == SplitOrder::Shuffled {
        Stream::new(seed, "split/order", &[]).shuffle(&mut images);
    }
    let part = |images: &[&AnnotatedImage]| Dataset {
        classes: dataset.classes.clone(),
        images: images.iter().map(|&image| image.clone()).collect(),
    };
    let (labelled, rest) = images.split_at(initial);
    let (validation, rest) = rest.split_at(validation);
    let mut ledger = Ledger::default();
    for image in labelled.iter().chain(validation) {
        ledger.charge_in_full(0, image);
    }
    Ok(Split {
        labelled: part(labelled),
        validation: part(validation),
        pool: Pool::new(rest.iter().map(|image| image.image.id.clone()).collect())?,
        ledger,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::strategies::testing::dataset;

    fn names(dataset: &Dataset) -> Vec<&str> {
        dataset.images.iter().map(|image| image.image.id.as_str()).collect()
    }

    #[test]
    fn listed_order_takes_the_front_and_keeps_the_rest_in_order() {
        let sizes = SplitSizes {
            initial: 2,
            validation: 1,
        };
        let parts = split(&dataset(6, 2), sizes, SplitOrder::Listed, 9).unwrap();
        assert_eq!(names(&parts.labelled), ["0", "1"]);
        assert_eq!(names(&parts.validation), ["2"]);
        assert_eq!(parts.pool.unlabelled(), ["3", "4", "5"]);
    }

    #[test]
    fn shuffled_order_follows_the_seed_and_loses_nothing() {
        let sizes = SplitSizes {
            initial: 10,
            validation: 5,
        };
        let data = dataset(40, 1);
        let parts = split(&data, sizes, SplitOrder::Shuffled, 1).unwrap();
        assert_eq!(parts, split(&data, sizes, SplitOrder::Shuffled, 1).unwrap());
        assert_ne!(parts, split(&data, sizes, SplitOrder::Shuffled, 2).unwrap());
        let mut all: Vec<String> = parts.pool.unlabelled().to_vec();
        all.extend(names(&parts.labelled).into_iter().map(str::to_owned));
        all.extend(names(&parts.validation).into_iter().map(str::to_owned));
        all.sort_by_key(|id| id.parse::<u32>().unwrap());
        assert_eq!(all, (0..40).map(|i| i.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn more_images_than_there_are_is_an_error() {
        for (initial, validation) in [(7, 0), (5, 2), (usize::MAX, 1)] {
            let sizes = SplitSizes { initial, validation };
            assert!(split(&dataset(6, 1), sizes, SplitOrder::Listed, 0).is_err());
        }
    }

    #[test]
    fn a_share_is_of_what_validation_leaves_and_at_least_one_image() {
        let sizes = SplitSizes {
            initial: 0,
            validation: 40,
        };
        let initial = |share| sizes.with_share(share, 600).map(|sizes| sizes.initial);
        assert_eq!(initial(0.1), Ok(56));
        assert_eq!(initial(0.0001), Ok(1));
        assert_eq!(initial(0.0), Ok(0));
        assert_eq!(sizes.with_share(1.0, 10).unwrap().initial, 0);
        assert!(initial(1.5).is_err() && initial(f64::NAN).is_err());
    }

    #[test]
    fn labelled_and_validation_images_are_paid_in_round_0() {
        let sizes = SplitSizes {
            initial: 2,
            validation: 1,
        };
        let parts = split(&dataset(6, 3), sizes, SplitOrder::Listed, 0).unwrap();
        let costs = parts.ledger.costs(0, &crate::learning::Prices::default());
        assert_eq!((costs.images_opened, costs.human_boxes), (3, 9));
    }
}
