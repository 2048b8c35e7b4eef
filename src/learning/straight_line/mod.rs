//! Every strategy and every query written a second time, straight down, and held against the first on random worlds: which images are
//! drawn, trained on, kept, asked again and thrown away, in which order, what the model labels, and what it all costs.
//!
//! Shares with the first nothing but plain data and the random streams: no pool, no ledger, no merge, no query, no turn. Lists of names
//! and numbers, and loops over all there is.

mod asking;
mod choosing;
mod first;
mod judging;
mod paying;
mod second;
mod sight;
mod two_stages;
mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Aggregate, Measure};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    V1,
    V1Plus,
    TopkV1,
    TopkV2,
    TopkV3,
    AlOnly,
    SlOnly,
    Random,
    Uncertain(Measure, Aggregate),
    CoreSet,
    Consistency,
    TwoStage,
    Ceal,
    Full,
    InitialOnly,
}

/// What is varied beside the strategy.
#[derive(Clone, Copy, Debug)]
struct Setting {
    which: Which,
    published: bool,
    deploy: bool,
    all: bool,
    take: usize,
    seed: u64,
    /// How many unlabelled images a query looks at.
    limit: Option<usize>,
    /// Boxes with a lower score are not looked at by a query.
    floor: f64,
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq)]
struct Trace {
    batch: Vec<String>,
    train: Vec<String>,
    /// Boxes of the model's own that CEAL trains on: image, class, left edge.
    own: Vec<(String, u32, i64)>,
    labelled: Vec<String>,
    unlabelled: Vec<String>,
    requeue: Vec<String>,
    dropped: BTreeSet<String>,
    opened: u64,
    drawn: u64,
    corrected: u64,
    accepted: u64,
    rejected: u64,
    ignored: u64,
    seconds: f64,
}

const INITIAL: usize = 4;
const ROUNDS: u32 = 6;
/// CEAL's threshold in round 1, and by how much it falls: in round 6 nothing is certain enough.
const THRESHOLD: f64 = 0.7;
const DECAY: f64 = 0.15;
/// The consistency query's: what its own coarse numbers never hit exactly, and half as many again as are asked for.
const BASE_POINT: f64 = 1.27;
const SURPLUS: f64 = 0.5;
/// The two stages': twice as many as are asked for.
const EXPANSION: f64 = 2.0;
const ALPHA: f64 = 0.3;
const BETA: f64 = 0.2;

fn every() -> Vec<Which> {
    let mut all = vec![
        Which::V1,
        Which::V1Plus,
        Which::TopkV1,
        Which::TopkV2,
        Which::TopkV3,
        Which::AlOnly,
        Which::SlOnly,
        Which::Random,
        Which::CoreSet,
        Which::Consistency,
        Which::TwoStage,
        Which::Ceal,
        Which::Full,
        Which::InitialOnly,
    ];
    for measure in [Measure::LeastConfidence, Measure::Margin, Measure::Entropy] {
        for aggregate in [Aggregate::Sum, Aggregate::Mean, Aggregate::Max] {
            all.push(Which::Uncertain(measure, aggregate));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_strategy_does_what_it_does_when_written_straight_down(
        seed in 0..1_000_000_u64, take in 1..7_usize, published in any::<bool>(), deploy in any::<bool>(), all in any::<bool>(),
        limit in prop::option::of(3..12_usize), floor in prop::sample::select(vec![0.05, 0.3, 0.55]),
    ) {
        let source = world::world(seed);
        for which in every() {
            let setting = Setting { which, published, deploy, all, take, seed, limit, floor };
            let (first, second) = (first::by_the_library(&source, setting), second::straight_down(&source, setting));
            for (round, (mut first, mut second)) in first.into_iter().zip(second).enumerate() {
                prop_assert!((first.seconds - second.seconds).abs() < 1e-6, "{which:?} round {}", round + 1);
                (first.seconds, second.seconds) = (0.0, 0.0);
                prop_assert_eq!(first, second, "{:?} round {}", which, round + 1);
            }
        }
    }
}
