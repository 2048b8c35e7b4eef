//! Which annotated images train the next round, which join the labelled pool, which are asked again.
//!
//! | | trained on | then |
//! |---|---|---|
//! | v1 | the batch, and as many labelled images | the batch is forgotten |
//! | v1+ | the same | the batch joins the labelled pool |
//! | topK v1 | the K annotated images with the highest AL ratio, and K labelled ones | the K with the lowest ratio join |
//! | topK v2 | the batch's images with a high AL ratio, and K labelled ones | those with a low ratio join, those with a high one are asked again |
//! | topK v3 | as v2, by a low SL score | as v2, by a high SL score |
//!
//! `strict` is the default: sets by id, disjoint, in a total order, and no annotated image is lost save where the strategy says so
//! (v1). `seed` does as the first implementation did and reports what it loses.

mod banded;
mod stats;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
mod topk_v1;
mod topk_v2;
mod topk_v3;
mod turn;
mod v1;
mod v1_plus;

pub use banded::Bands;
pub use stats::Stats;
pub use topk_v1::select_topk_v1;
pub use topk_v2::select_topk_v2;
pub use topk_v3::select_topk_v3;
pub use v1::select_v1;
pub use v1_plus::select_v1_plus;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ImageScores, Pool, Scores};
use crate::detection::Dataset;

/// Whose faults a strategy has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Disjoint sets, ties broken, nothing paid for is lost, an image is asked again a limited number of times.
    #[default]
    Strict,
    /// As the first implementation: overlapping sets, the middle band dropped, images asked again without end.
    Seed,
}

/// By which score images are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// By AL ratio and SL score. These need the ground truth of every image drawn: they curate training data, they do not query.
    #[default]
    Oracle,
    /// By the deploy score, which needs no ground truth.
    Deploy,
}

impl Judge {
    fn al_ratio(self, scores: &ImageScores) -> f64 {
        match self {
            Self::Oracle => scores.al_ratio,
            Self::Deploy => 1.0 - scores.deploy_score,
        }
    }

    fn sl_score(self, scores: &ImageScores) -> f64 {
        match self {
            Self::Oracle => scores.sl_score,
            Self::Deploy => scores.deploy_score,
        }
    }
}

/// What a strategy decides upon.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// The labelled pool.
    pub labelled: &'a Dataset,
    /// The batch with its SA annotations.
    pub annotated: &'a Dataset,
    /// The batch's scores.
    pub scores: &'a Scores,
    /// The other images, the batch marked as drawn.
    pub pool: &'a Pool,
    /// K: images of a round.
    pub take: usize,
    /// The round's number.
    pub round: u32,
    /// The seed of every draw.
    pub seed: u64,
    /// Whose faults to have.
    pub mode: Mode,
}

/// What a strategy decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// What the next training sees.
    pub train: Dataset,
    /// The labelled pool of the next round.
    pub labelled: Dataset,
    /// The pool of the next round.
    pub pool: Pool,
    /// Figures for tables.
    pub stats: Stats,
    /// What a person should know.
    pub notes: Vec<String>,
}
