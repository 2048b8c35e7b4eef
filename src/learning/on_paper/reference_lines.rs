//! Random, full supervision, and the initial images only.

use super::{Game, asked, ids, join, question};
use crate::learning::*;
use crate::random::Stream;

/// What the seed draws by round: a place among those of the list that are left, twice.
const LOTS: [[usize; 2]; 3] = [[6, 6], [5, 1], [3, 0]];

/// The first place is swapped with the one drawn, then the second with the one drawn from there on. Round 1: of 2 3 4 5 6 7 8 9, 8 comes
/// first: 8 3 4 5 6 7 2 9, then 9 second. Round 2: of 2 3 4 5 6 7, 7 comes first: 7 3 4 5 6 2, then 4 second. Round 3: of 2 3 5 6, 6 comes
/// first: 6 3 5 2, where 3 is second.
#[test]
fn random_draws_places_of_what_is_left() {
    let mut game = Game::new();
    let rounds = [["8", "9"], ["7", "4"], ["6", "3"]];
    for (round, batch) in (1..).zip(rounds) {
        let left = game.pool.unlabelled().len();
        let mut stream = Stream::new(0, "query/random", &[u64::from(round)]);
        let lots = [stream.below(left), stream.below(left - 1)];
        assert_eq!(lots, LOTS[round as usize - 1], "round {round}");
        let drawn = query_random(&question(&game, round)).unwrap();
        asked(&mut game, &drawn, round, batch);
    }
    assert_eq!(game.pool.unlabelled(), ["2", "5"]);
}

/// Round 1 draws all eight images with their sixteen boxes: 8 + 16 * 35 = 568 seconds. Were it to go on, nothing would be left.
#[test]
fn full_supervision_pays_for_everything_at_once() {
    let mut game = Game::new();
    for round in 1..=3 {
        let drawn = draw(&game.pool, &game.source, game.source.images.len(), 0.5).unwrap();
        let (trained, costs) = join(&mut game, &drawn, round, Replay::All);
        let (batch, work) = if round == 1 {
            (8, (8, 16, 568.0))
        } else {
            (0, (0, 0, 0.0))
        };
        assert_eq!(drawn.batch.images.len(), batch, "round {round}");
        let order: [&str; 10] = if round == 1 {
            ["2", "3", "4", "5", "6", "7", "8", "9", "0", "1"]
        } else {
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        };
        assert_eq!(trained, order, "round {round}: trained on");
        let done = (costs.images_opened, costs.boxes_drawn, costs.annotation_seconds);
        assert_eq!(done, work, "round {round}: work");
        assert_eq!(
            costs.total_annotation_seconds,
            568.0 + 2.0 + 4.0 * 35.0,
            "with the initial images"
        );
        assert!(game.pool.exhausted());
    }
}

/// The two initial images cost 2 + 4 * 35 = 142 seconds, before the first round; the rounds cost nothing and change nothing.
#[test]
fn initial_only_trains_on_the_same_two_images_for_nothing() {
    let mut game = Game::new();
    let before = game.pool.clone();
    for round in 1..=3 {
        let drawn = draw(&game.pool, &game.source, 0, 0.5).unwrap();
        let (trained, costs) = join(&mut game, &drawn, round, Replay::All);
        assert_eq!(trained, ["0", "1"], "round {round}");
        assert_eq!((costs.annotation_seconds, costs.total_annotation_seconds), (0.0, 142.0));
        assert_eq!(
            (ids(&game.labelled), &game.pool),
            (vec!["0".to_owned(), "1".to_owned()], &before)
        );
    }
}
