//! Means with intervals, curves over cost, tests on pairs, ranks over datasets: numbers in, numbers out.
//!
//! Knows no table, no strategy and no text. What cannot be computed from what is there is none, never a guess: one value has
//! no interval, a curve that does not span a range has no area in it.

mod bootstrap;
mod curve;
mod mean;
mod paired;
mod penalty;
mod power;
mod ranks;
mod studentised;

pub use bootstrap::bootstrap_interval;
pub use curve::{Curve, common_range};
pub use mean::{Interval, Mean, deviation, mean};
pub use paired::{PairedTest, holm, least_difference, least_wilcoxon, paired_t, wilcoxon};
pub use penalty::{checkpoints, penalties};
pub use power::{detectable_difference, paired_power, pairs_needed};
pub use ranks::{Friedman, cliques, critical_difference, friedman, mean_ranks};
