//! What is left to draw from, and where every image is that is not in the labelled pool.
//!
//! The invariant: an id is in one place only: unlabelled, waiting to be asked again, drawn, annotated, dropped or in the evaluation set.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::LearningError;
use crate::detection::AnnotatedImage;

/// An annotated image with the scores of the round that annotated it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoredImage {
    /// The image with its SA boxes.
    pub annotated: AnnotatedImage,
    /// What it is ranked by, from the model of `scored_in`.
    pub score: f64,
    /// The round whose model gave the score.
    pub scored_in: u32,
    /// Whether it has joined the labelled pool.
    pub labelled: bool,
}

impl ScoredImage {
    /// The image's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.annotated.image.id
    }
}

/// The images outside the labelled pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    pub(super) unlabelled: Vec<String>,
    pub(super) requeue: Vec<String>,
    pub(super) drawn: Vec<String>,
    pub(super) attempts: BTreeMap<String, u32>,
    pub(super) annotated: Vec<ScoredImage>,
    pub(super) dropped: BTreeSet<String>,
    #[serde(default)]
    pub(super) evaluation: BTreeSet<String>,
}

impl Pool {
    /// A pool of images that nobody has looked at, in the order in which they will be drawn.
    ///
    /// # Errors
    /// When an id is listed twice.
    pub fn new(unlabelled: Vec<String>) -> Result<Self, LearningError> {
        let pool = Self {
            unlabelled,
            ..Self::default()
        };
        pool.check()?;
        Ok(pool)
    }

    /// Never drawn yet, next first.
    #[must_use]
    pub fn unlabelled(&self) -> &[String] {
        &self.unlabelled
    }

    /// Annotated, but to be drawn again, longest waiting first.
    #[must_use]
    pub fn requeue(&self) -> &[String] {
        &self.requeue
    }

    /// Drawn and not yet given back by a strategy.
    #[must_use]
    pub fn drawn(&self) -> &[String] {
        &self.drawn
    }

    /// Annotated images that topK v1 ranks anew each round, some of them labelled since.
    #[must_use]
    pub fn annotated(&self) -> &[ScoredImage] {
        &self.annotated
    }

    /// Annotated and thrown away: what a strategy forgets.
    #[must_use]
    pub fn dropped(&self) -> &BTreeSet<String> {
        &self.dropped
    }

    /// Set apart for the evaluation set that grows.
    #[must_use]
    pub fn evaluation(&self) -> &BTreeSet<String> {
        &self.evaluation
    }

    /// How often an image has been put back.
    #[must_use]
    pub fn attempts(&self, image: &str) -> u32 {
        self.attempts.get(image).copied().unwrap_or(0)
    }

    /// Whether nothing can be drawn any more.
    #[must_use]
    pub fn exhausted(&self) -> bool {
        self.unlabelled.is_empty() && self.requeue.is_empty()
    }

    /// Every id with its place.
    pub fn places(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let unlabelled = self.unlabelled.iter().map(|id| (id.as_str(), "unlabelled pool"));
        let requeue = self.requeue.iter().map(|id| (id.as_str(), "re-queue"));
        let drawn = self.drawn.iter().map(|id| (id.as_str(), "batch"));
        let annotated = self.annotated.iter();
        let annotated = annotated.map(|scored| (scored.annotated.image.id.as_str(), "annotated images"));
        let dropped = self.dropped.iter().map(|id| (id.as_str(), "dropped images"));
        let evaluation = self.evaluation.iter().map(|id| (id.as_str(), "evaluation set"));
        let others = annotated.chain(dropped).chain(evaluation);
        unlabelled.chain(requeue).chain(drawn).chain(others)
    }

    /// Checks that an id is in one place only; for a pool that comes from a file.
    ///
    /// # Errors
    /// When one is in two.
    pub fn check(&self) -> Result<(), LearningError> {
        let mut seen = BTreeMap::new();
        for (image, place) in self.places() {
            if let Some(first) = seen.insert(image, place) {
                return Err(LearningError::InTwoPlaces {
                    image: image.to_owned(),
                    first,
                    second: place,
                });
            }
        }
        Ok(())
    }

    /// The pool after these images were drawn, in this order.
    ///
    /// # Errors
    /// When a batch is still out or one of them is not among the unlabelled.
    pub(super) fn with_drawn(&self, images: &[&str]) -> Result<Self, LearningError> {
        self.check()?;
        self.check_settled()?;
        let mut pool = self.clone();
        let chosen: BTreeSet<&str> = images.iter().copied().collect();
        pool.unlabelled.retain(|id| !chosen.contains(id.as_str()));
        if pool.unlabelled.len() + images.len() != self.unlabelled.len() {
            let known: BTreeSet<&str> = self.unlabelled.iter().map(String::as_str).collect();
            let unknown = images.iter().find(|id| !known.contains(**id)).copied();
            return Err(LearningError::Missing {
                image: unknown.unwrap_or_default().to_owned(),
                wanted_by: "query",
                missing_from: "unlabelled pool",
            });
        }
        pool.drawn = images.iter().map(|&id| id.to_owned()).collect();
        Ok(pool)
    }

    /// Checks that no batch is out.
    pub(super) fn check_settled(&self) -> Result<(), LearningError> {
        match self.drawn.first() {
            None => Ok(()),
            Some(image) => Err(LearningError::InTwoPlaces {
                image: image.clone(),
                first: "batch drawn before",
                second: "pool to draw from",
            }),
        }
    }

    /// Takes a drawn image out of the batch and keeps it for evaluation.
    ///
    /// # Errors
    /// When it is not in the batch.
    pub(super) fn set_apart(&mut self, image: &str) -> Result<(), LearningError> {
        let Some(at) = self.drawn.iter().position(|drawn| drawn == image) else {
            return Err(LearningError::Missing {
                image: image.to_owned(),
                wanted_by: "evaluation set",
                missing_from: "pool's batch",
            });
        };
        self.drawn.remove(at);
        self.evaluation.insert(image.to_owned());
        Ok(())
    }

    /// Puts a drawn image back, to be drawn again.
    pub(super) fn put_back(&mut self, image: &str) {
        self.requeue.push(image.to_owned());
        *self.attempts.entry(image.to_owned()).or_insert(0) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn an_id_in_two_places_is_refused() {
        let error = Pool::new(ids(&["a", "b", "a"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "image `a` is in the unlabelled pool and in the unlabelled pool"
        );
        let mut pool = Pool::new(ids(&["a"])).unwrap();
        pool.put_back("a");
        assert!(pool.check().is_err());
    }

    #[test]
    fn putting_back_counts_the_attempts() {
        let mut pool = Pool::new(ids(&["a"])).unwrap();
        pool.put_back("b");
        pool.requeue.clear();
        pool.put_back("b");
        assert_eq!((pool.attempts("b"), pool.attempts("a")), (2, 0));
    }
}
