//! Which unlabelled images to annotate next: the acquisition functions of active learning.
//!
//! A query takes the place of [`draw`](super::draw): the pool's images in list order. It sees candidates of the unlabelled pool as the
//! present model sees them ([`Evidence`]), never their ground truth.

mod consistency;
mod core_set;
mod two_stage;
mod uncertainty;

#[cfg(test)]
mod tests;

pub use consistency::{Consistency, query_consistency};
pub use core_set::query_core_set;
pub use two_stage::{TwoStage, query_two_stage};
pub(super) use uncertainty::image_uncertainty;
pub use uncertainty::{Aggregate, Measure, Uncertainty, query_uncertainty};

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Draw, LearningError, Pool};
use crate::detection::{AnnotatedImage, Dataset, Evidence, ImageEvidence};
use crate::random::Stream;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What may be drawn.
    pub pool: &'a Pool,
    /// The images of the pool.
    pub dataset: &'a Dataset,
    /// K: how many.
    pub take: usize,
    /// The round.
    pub round: u32,
    /// The seed of every draw and of the order of equals.
    pub seed: u64,
}

impl Question<'_> {
    /// The candidates: what was seen of images that nobody has annotated.
    fn candidates<'e>(&self, evidence: &'e Evidence) -> Vec<&'e ImageEvidence> {
        let free: BTreeSet<&str> = self.pool.unlabelled().iter().map(String::as_str).collect();
        let images = evidence.images.iter();
        images.filter(|image| free.contains(image.image.as_str())).collect()
    }

    /// Orders two images of one value: by a hash of seed and id.
    fn tie(&self, a: &str, b: &str) -> Ordering {
        let hash = |id: &str| Stream::new(self.seed, &format!("query/tie/{id}"), &[]).bits();
        hash(a).cmp(&hash(b)).then_with(|| a.cmp(b))
    }

    /// The candidates by descending value, equals in a seeded order.
    fn ranked<'e>(&self, mut valued: Vec<(f64, &'e ImageEvidence)>) -> Vec<&'e ImageEvidence> {
        valued.sort_by(|(a, first), (b, second)| {
            // As `f32`: sums over boxes may differ in the last bits by the order of the boxes. Plus zero, which makes a zero of a
            // negative zero: where a model is wholly sure the entropy may be one, and it is no less than that of no box.
            (*b as f32 + 0.0)
                .total_cmp(&(*a as f32 + 0.0))
                .then_with(|| self.tie(&first.image, &second.image))
        });
        valued.into_iter().map(|(_, image)| image).collect()
    }

    /// Takes images out of the pool.
    fn take(&self, chosen: &[&str]) -> Result<Draw, LearningError> {
        let by_id: BTreeMap<&str, &AnnotatedImage> = self
            .dataset
            .images
            .iter()
            .map(|image| (image.image.id.as_str(), image))
            .collect();
        let image = |id: &&str| {
            by_id
                .get(id)
                .map(|&image| image.clone())
                .ok_or_else(|| LearningError::Missing {
                    image: (*id).to_owned(),
                    wanted_by: "pool",
                    missing_from: "dataset",
                })
        };
        let images = chosen.iter().map(image).collect::<Result<_, _>>()?;
        Ok(Draw {
            batch: Dataset {
                classes: self.dataset.classes.clone(),
                images,
            },
            pool: self.pool.with_drawn(chosen)?,
            asked_again: 0,
        })
    }
}

/// Draws at random: the baseline that every other query has to beat.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn query_random(question: &Question<'_>) -> Result<Draw, LearningError> {
    let ids: Vec<&str> = question.pool.unlabelled().iter().map(String::as_str).collect();
    let position = [u64::from(question.round)];
    question.take(&Stream::new(question.seed, "query/random", &position).sample(&ids, question.take))
}

/// Unlabelled images for a query to choose among, in the pool's order: all, or `limit` of them drawn at random.
///
/// # Errors
/// When the dataset lacks an image of the pool.
pub fn candidates(question: &Question<'_>, limit: Option<usize>) -> Result<Dataset, LearningError> {
    let places: Vec<usize> = (0..question.pool.unlabelled().len()).collect();
    let position = [u64::from(question.round)];
    let limit = limit.unwrap_or(places.len());
    let mut chosen = Stream::new(question.seed, "query/candidates", &position).sample(&places, limit);
    chosen.sort_unstable();
    let ids: Vec<&str> = chosen
        .iter()
        .map(|&at| question.pool.unlabelled()[at].as_str())
        .collect();
    Ok(question.take(&ids)?.batch)
}
