//! Active learning: pools, queries, the oracle, SA annotations, what they cost, the strategies, the stop test.
//!
//! Functions on data: no files, no clock, no tables. Ground truth is read, never written; an image id is in one
//! place at a time; every draw comes from a [`crate::random::Stream`].

mod annotate;
mod draw;
mod error;
mod hold_out;
mod ledger;
mod merge;
mod pool;
mod preset;
mod query;
mod rank_correlation;
mod scores;
mod split;
mod strategies;
mod until;

#[cfg(test)]
mod on_paper;
#[cfg(test)]
mod straight_line;

pub use annotate::{AnnotatedBatch, Annotator, Rules, annotate};
pub use draw::{Draw, draw};
pub use error::LearningError;
pub use hold_out::{HeldOut, hold_out};
pub use ledger::{Costs, Ledger, Prices, Work};
pub use merge::{Difficult, Matching, Merged, Rejudge, Thresholds, merge};
pub use pool::{Pool, ScoredImage};
pub use preset::Preset;
pub use query::{
    Aggregate, Consistency, Measure, Question, TwoStage, Uncertainty, candidates, query_consistency, query_core_set,
    query_random, query_two_stage, query_uncertainty,
};
pub use rank_correlation::rank_correlation;
pub use scores::{DeployScore, DeployScores, ImageScores, Scores};
pub use split::{Split, SplitOrder, SplitSizes, split};
pub use strategies::{
    Bands, Ceal, Judge, MiddleBand, Ranking, Replay, Round, Score, Selection, Sets, Stats, Ties, select_ceal,
    select_sl_only, select_topk_v1, select_topk_v2, select_topk_v3, select_v1, select_v1_plus,
};
pub use until::{Decision, decide, shift};
