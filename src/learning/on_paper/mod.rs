//! Three rounds of every strategy and every query, worked out by hand.
//!
//! Ten images of two objects each. 0 and 1 are labelled, K is 2, the pool is drawn in the order 2, 3, 4, ... So many of an image's two
//! objects are found in a round, exactly and with score 0.9; the others are not seen at all:
//!
//! | image | round 1 | round 2 | round 3 |
//! |---|---|---|---|
//! | 2 | 2 | 2 | 1 |
//! | 3 | 0 | 0 | 0 |
//! | 4 | 1 | 1 | 2 |
//! | 5 | 2 | 2 | 2 |
//! | 6 | 0 | 0 | 0 |
//! | 7 | 1 | 1 | 1 |
//!
//! Two found are an AL ratio of 0 and an SL score of 0.9: certain for topK v2 and v3. One found is 0.5 and 0.45: the middle band. None found
//! is 1 and 0: uncertain. Prices: image 1, draw 35, verify 1.7. What a query sees is told beside it; a human then draws both boxes of both
//! images: 2 + 4 * 35 = 142 seconds a round.

mod banded;
mod consistency;
mod core_set;
mod forgetting;
mod reference_lines;
mod two_stage;
mod uncertainty;

use std::collections::BTreeSet;

use super::strategies::testing::{dataset, scripted};
use super::*;
use crate::detection::{Dataset, Detections};

const FOUND: [[usize; 3]; 6] = [[2, 2, 1], [0, 0, 0], [1, 1, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1]];

fn detect(images: &Dataset, round: u32) -> Detections {
    scripted(images, |image, object| {
        let image: usize = image.parse().unwrap();
        let found = FOUND.get(image - 2).map_or(0, |rounds| rounds[round as usize - 1]);
        (object < found).then_some(0.9)
    })
}

/// What a round is expected to do.
struct Expected {
    batch: &'static [&'static str],
    /// The strategy's own part of what is trained on, in order; labelled images follow.
    chosen: &'static [&'static str],
    labelled: &'static [&'static str],
    requeue: &'static [&'static str],
    dropped: &'static [&'static str],
    /// Images opened, boxes drawn, boxes accepted.
    work: (u64, u64, u64),
}

const NONE: [&[&str]; 3] = [&[], &[], &[]];

struct Game {
    source: Dataset,
    labelled: Dataset,
    pool: Pool,
    ledger: Ledger,
}

impl Game {
    fn new() -> Self {
        let source = dataset(10, 2);
        let sizes = SplitSizes {
            initial: 2,
            validation: 0,
        };
        let parts = split(&source, sizes, SplitOrder::Listed, 0).unwrap();
        Self {
            source,
            labelled: parts.labelled,
            pool: parts.pool,
            ledger: parts.ledger,
        }
    }
}

type Select = dyn Fn(Round<'_>, Option<&Scores>) -> Result<Selection, LearningError>;

/// Plays three rounds; `select` also gets what the model of the round says of the images annotated before.
fn play(name: &str, preset: Preset, annotator: Annotator, select: &Select, expected: [Expected; 3]) {
    let mut game = Game::new();
    let share = if preset == Preset::Sound { 0.5 } else { 1.0 };
    let rules = Rules {
        thresholds: Thresholds::default().with_preset(preset),
        annotator,
        ..Rules::default()
    };
    for (round, expected) in (1..).zip(expected) {
        let drawn = draw(&game.pool, &game.source, 2, share).unwrap();
        let rescores = (preset == Preset::Sound).then(|| {
            let held: BTreeSet<&str> = game.pool.annotated().iter().map(ScoredImage::id).collect();
            let mut held_images = game.source.clone();
            held_images
                .images
                .retain(|image| held.contains(image.image.id.as_str()));
            let found = detect(&held_images, round);
            annotate(Some(&found), &held_images, &Ledger::default(), &rules, round)
                .unwrap()
                .scores
        });
        let found = detect(&drawn.batch, round);
        let done = annotate(Some(&found), &drawn.batch, &game.ledger, &rules, round).unwrap();
        let turn = Round {
            labelled: &game.labelled,
            annotated: &done.annotations,
            scores: &done.scores,
            pool: &drawn.pool,
            take: 2,
            round,
            seed: 0,
            ties: Ties::of(preset),
            replay: Replay::Drawn,
        };
        let selection = select(turn, rescores.as_ref()).unwrap();
        check(
            &format!("{name}, round {round}"),
            &drawn,
            &selection,
            &done.costs,
            &expected,
        );
        game.labelled = selection.labelled;
        game.pool = selection.pool;
        game.ledger = done.ledger;
    }
}

fn check(place: &str, drawn: &Draw, selection: &Selection, costs: &Costs, expected: &Expected) {
    assert_eq!(ids(&drawn.batch), expected.batch, "{place}: batch");
    let train = ids(&selection.train);
    assert_eq!(train[..expected.chosen.len()], *expected.chosen, "{place}: trained on");
    assert_eq!(selection.stats.train_from_labelled, train.len() - expected.chosen.len());
    assert_eq!(ids(&selection.labelled), expected.labelled, "{place}: labelled");
    assert_eq!(selection.pool.requeue(), expected.requeue, "{place}: asked again");
    let dropped: Vec<&String> = selection.pool.dropped().iter().collect();
    assert_eq!(dropped, expected.dropped, "{place}: dropped");
    let (opened, drawn, accepted) = expected.work;
    let work = (costs.images_opened, costs.boxes_drawn, costs.model_boxes_accepted);
    assert_eq!(work, expected.work, "{place}: work");
    let seconds = opened as f64 + 35.0 * drawn as f64 + 1.7 * accepted as f64;
    assert!((costs.annotation_seconds - seconds).abs() < 1e-9, "{place}: seconds");
}

fn question(game: &Game, round: u32) -> Question<'_> {
    Question {
        pool: &game.pool,
        dataset: &game.source,
        take: 2,
        round,
        seed: 0,
    }
}

/// A human draws every box of the batch, which then joins the labelled pool. What is trained on, and what it costs.
fn join(game: &mut Game, drawn: &Draw, round: u32, replay: Replay) -> (Vec<String>, Costs) {
    let rules = Rules {
        annotator: Annotator::Human,
        ..Rules::default()
    };
    let done = annotate(None, &drawn.batch, &game.ledger, &rules, round).unwrap();
    let turn = Round {
        labelled: &game.labelled,
        annotated: &done.annotations,
        scores: &done.scores,
        pool: &drawn.pool,
        take: 2,
        round,
        seed: 0,
        ties: Ties::Seeded,
        replay,
    };
    let selection = select_v1_plus(turn).unwrap();
    game.labelled = selection.labelled;
    game.pool = selection.pool;
    game.ledger = done.ledger;
    (ids(&selection.train), done.costs)
}

/// As every query's round goes: the batch is trained on beside two labelled images, and each of its four boxes is drawn.
fn asked(game: &mut Game, drawn: &Draw, round: u32, batch: [&str; 2]) {
    assert_eq!(ids(&drawn.batch), batch, "round {round}: batch");
    let (trained, costs) = join(game, drawn, round, Replay::Drawn);
    assert_eq!(
        (trained.len(), &trained[..2]),
        (4, &ids(&drawn.batch)[..]),
        "round {round}: trained on"
    );
    assert_eq!(
        (costs.images_opened, costs.boxes_drawn, costs.model_boxes_proposed),
        (2, 4, 0)
    );
    assert!((costs.annotation_seconds - 142.0).abs() < 1e-9);
}

fn ids(dataset: &Dataset) -> Vec<String> {
    dataset.images.iter().map(|image| image.image.id.clone()).collect()
}
