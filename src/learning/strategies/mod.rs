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
//! | SL only | the batch's images in which the model is sure of a box, and K labelled ones | they join with the model's boxes, the others come back |
//! | CEAL | the batch, K labelled ones, and unlabelled images that the model is sure of | the batch joins; the model's boxes are forgotten |
//!
//! What v2 and v3 do with the middle band, how equal scores are ordered, how often an image comes back and so on is a choice each,
//! with the first implementation's way among them.

mod banded;
mod ceal;
mod choice;
mod sl_only;
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

pub use banded::{Bands, MiddleBand};
pub use ceal::{Ceal, select_ceal};
pub use choice::{Judge, Replay, Score, Ties};
pub use sl_only::select_sl_only;
pub use stats::Stats;
pub use topk_v1::{Ranking, Sets, select_topk_v1};
pub use topk_v2::select_topk_v2;
pub use topk_v3::select_topk_v3;
pub use v1::select_v1;
pub use v1_plus::select_v1_plus;

use super::{ImageScores, Pool, Scores};
use crate::detection::Dataset;

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
    /// How images of one score are ordered.
    pub ties: Ties,
    /// Which labelled images are trained on beside the chosen ones.
    pub replay: Replay,
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
