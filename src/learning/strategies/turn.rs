//! The state that a strategy works on: checked at the start, counted at the end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::stats::{pseudo_labels, ranks, shares, tie_mass};
use super::{Replay, Round, Selection, Stats, Ties};
use crate::detection::{AnnotatedImage, Dataset};
use crate::learning::{LearningError, Pool};
use crate::random::Stream;

/// One strategy's turn.
pub(super) struct Turn<'a> {
    pub(super) round: Round<'a>,
    pub(super) labelled: Dataset,
    pub(super) pool: Pool,
    pub(super) stats: Stats,
    pub(super) notes: Vec<String>,
    members: BTreeSet<String>,
}

impl<'a> Turn<'a> {
    /// Checks that the round's parts fit and takes the batch off the pool's hands.
    pub(super) fn begin(round: Round<'a>) -> Result<Self, LearningError> {
        check(&round)?;
        let mut pool = round.pool.clone();
        pool.drawn.clear();
        let (sl_share, al_share) = shares(&round.scores.images);
        let [rank_certain_sum, rank_certain_share, rank_mean_score, rank_weakest] = ranks(&round.scores.images);
        let (pseudo_label_precision, pseudo_label_recall) = pseudo_labels(&round.scores.images);
        let stats = Stats {
            rank_certain_sum,
            rank_certain_share,
            rank_mean_score,
            rank_weakest,
            pseudo_label_precision,
            pseudo_label_recall,
            round: round.round,
            batch: round.annotated.images.len(),
            sl_share,
            al_share,
            ..Stats::default()
        };
        Ok(Self {
            members: round
                .labelled
                .images
                .iter()
                .map(|image| image.image.id.clone())
                .collect(),
            labelled: round.labelled.clone(),
            round,
            pool,
            stats,
            notes: Vec::new(),
        })
    }

    /// Adds an image to the labelled pool; one that is there stays as it is.
    pub(super) fn label(&mut self, image: &AnnotatedImage) -> bool {
        let new = self.members.insert(image.image.id.clone());
        if new {
            self.labelled.images.push(image.clone());
        }
        new
    }

    /// Throws an annotated image away.
    pub(super) fn drop_image(&mut self, image: &AnnotatedImage) {
        self.pool.dropped.insert(image.image.id.clone());
    }

    /// Draws K images of the labelled pool as it is now, or takes all, none of those already `chosen`.
    pub(super) fn draw_labelled(&mut self, chosen: &[AnnotatedImage]) -> Vec<AnnotatedImage> {
        let chosen: BTreeSet<&str> = chosen.iter().map(|image| image.image.id.as_str()).collect();
        let free = self
            .labelled
            .images
            .iter()
            .filter(|image| !chosen.contains(image.image.id.as_str()));
        let free: Vec<AnnotatedImage> = free.cloned().collect();
        if self.round.replay == Replay::All {
            return free;
        }
        let wanted = self.round.take;
        if free.len() < wanted {
            let have = free.len();
            self.notes.push(format!(
                "{wanted} labelled images wanted for training, {have} there are: all taken"
            ));
        }
        let position = [u64::from(self.round.round)];
        Stream::new(self.round.seed, "select/labelled", &position).sample(&free, wanted)
    }

    /// Orders two images of one score: by a hash of the seed and the id, then by the id; or not at all.
    pub(super) fn tie(&self, a: &str, b: &str) -> Ordering {
        if self.round.ties == Ties::Listed {
            return Ordering::Equal;
        }
        let hash = |id: &str| Stream::new(self.round.seed, &format!("select/tie/{id}"), &[]).bits();
        hash(a).cmp(&hash(b)).then_with(|| a.cmp(b))
    }

    /// Notes the scores that the images were judged by.
    pub(super) fn judged_by(&mut self, values: &[f64]) {
        self.stats.tie_mass = tie_mass(values);
    }

    /// Puts the training set together, SA annotations first, and counts.
    pub(super) fn finish(self, annotated: Vec<AnnotatedImage>, drawn: Vec<AnnotatedImage>) -> Selection {
        let Self {
            round,
            labelled,
            pool,
            mut stats,
            mut notes,
            ..
        } = self;
        stats.train_from_labelled = drawn.len();
        stats.train = annotated.len() + drawn.len();
        stats.labelled = labelled.images.len();
        stats.unlabelled = pool.unlabelled.len();
        stats.requeue = pool.requeue.len();
        stats.held = pool.annotated.iter().filter(|scored| !scored.labelled).count();
        stats.dropped = pool.dropped.len();
        stats.exhausted = u8::from(pool.exhausted());
        let lost = pool.dropped.len() - round.pool.dropped.len();
        if lost > 0 {
            notes.push(format!("{lost} annotated images thrown away"));
        }
        if round.annotated.images.is_empty() {
            let why = if pool.exhausted() {
                ": nothing was left to draw"
            } else {
                ""
            };
            notes.push(format!("the batch was empty{why}"));
        } else if pool.exhausted() {
            notes.push("the pool is empty: no image is left to draw".to_owned());
        }
        Selection {
            train: Dataset {
                classes: labelled.classes.clone(),
                images: annotated.into_iter().chain(drawn).collect(),
            },
            labelled,
            pool,
            stats,
            notes,
        }
    }
}

fn check(round: &Round<'_>) -> Result<(), LearningError> {
    if round.labelled.classes != round.annotated.classes {
        return Err(LearningError::ClassesDiffer {
            first: "labelled pool",
            second: "annotations",
            first_classes: round.labelled.classes.clone(),
            second_classes: round.annotated.classes.clone(),
        });
    }
    round.pool.check()?;
    let shared: BTreeSet<&str> = round
        .pool
        .annotated
        .iter()
        .filter(|scored| scored.labelled)
        .map(id_of)
        .collect();
    let mut places: BTreeMap<&str, &'static str> = round.pool.places().collect();
    for image in &round.labelled.images {
        let id = image.image.id.as_str();
        let elsewhere = places.insert(id, "labelled pool");
        if let Some(first) = elsewhere.filter(|_| !shared.contains(id)) {
            return Err(LearningError::InTwoPlaces {
                image: id.to_owned(),
                first,
                second: "labelled pool",
            });
        }
    }
    let drawn: Vec<&str> = round.pool.drawn.iter().map(String::as_str).collect();
    let annotated: Vec<&str> = round
        .annotated
        .images
        .iter()
        .map(|image| image.image.id.as_str())
        .collect();
    let scored: Vec<&str> = round.scores.images.iter().map(|image| image.image.as_str()).collect();
    same_list(("annotations", &annotated), ("pool's batch", &drawn))?;
    same_list(("scores", &scored), ("annotations", &annotated))
}

fn id_of(scored: &crate::learning::ScoredImage) -> &str {
    scored.annotated.image.id.as_str()
}

/// Checks that two lists name the same images in the same order.
fn same_list(first: (&'static str, &[&str]), second: (&'static str, &[&str])) -> Result<(), LearningError> {
    for ((wanted_by, ids), (missing_from, others)) in [(first, second), (second, first)] {
        if let Some((_, image)) = ids.iter().enumerate().find(|&(at, id)| others.get(at) != Some(id)) {
            return Err(LearningError::Missing {
                image: (*image).to_owned(),
                wanted_by,
                missing_from,
            });
        }
    }
    Ok(())
}
