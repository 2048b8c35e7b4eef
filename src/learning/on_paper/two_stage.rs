//! Two stages after PPAL. The model sees one box in each image, a cat or a dog, of this probability and, as a point, there:
//!
//! | image | class | probability | entropy | point |
//! |---|---|---|---|---|
//! | 2 | cat | .5 | .693 | (1, 0) |
//! | 3 | cat | .6 | .673 | (1, 0) |
//! | 4 | dog | .7 | .611 | (0, 1) |
//! | 5 | cat | .8 | .500 | (0, 1) |
//! | 6 | dog | .9 | .325 | (3, 4) |
//! | 7 | cat | .85 | .423 | (4, 3) |
//! | 8 | dog | .75 | .562 | (1, 0) |
//! | 9 | dog | .95 | .199 | (0, 1) |
//!
//! Beta is 1, so a class that is never found (difficulty 1) weighs twice, one that is always found once. K is 2; an expansion of 1.5 makes
//! three of it.

use super::{Game, asked, ids, question};
use crate::detection::{BoundingBox, Detection, Evidence, ImageEvidence, SeenBox};
use crate::learning::{Pool, TwoStage, query_two_stage};
use crate::random::Stream;

const SEEN: [(u32, f64, [f64; 2]); 8] = [
    (0, 0.5, [1.0, 0.0]),
    (0, 0.6, [1.0, 0.0]),
    (1, 0.7, [0.0, 1.0]),
    (0, 0.8, [0.0, 1.0]),
    (1, 0.9, [3.0, 4.0]),
    (0, 0.85, [4.0, 3.0]),
    (1, 0.75, [1.0, 0.0]),
    (1, 0.95, [0.0, 1.0]),
];

/// What the seed draws, of one, by round.
const LOTS: [f64; 3] = [0.559, 0.643, 0.186];

fn seen(pool: &Pool) -> Evidence {
    let image = |id: &String| {
        let (label, probability, point) = SEEN[id.parse::<usize>().unwrap() - 2];
        let mut probabilities = vec![1.0 - probability, 0.0, 0.0];
        probabilities[label as usize + 1] = probability;
        ImageEvidence {
            image: id.clone(),
            boxes: vec![SeenBox {
                detection: Detection {
                    bounds: BoundingBox::new([0.0, 0.0, 10.0, 10.0]),
                    label,
                    score: probability,
                },
                probabilities,
                features: point.to_vec(),
            }],
            ..ImageEvidence::default()
        }
    };
    Evidence {
        classes: ["cat", "dog"].map(str::to_owned).to_vec(),
        images: pool.unlabelled().iter().map(image).collect(),
    }
}

/// Round 1, nothing is difficult: 2, 3 and 4 have the highest entropy, and 2 is the first. 3 lies on it, 4 is of another class, 1 away: only 4
/// can be drawn.
///
/// Round 2, dogs are difficult: 8 has 1.125, 3 .673, 6 .650, 5 .500, 7 .423, 9 .397. 8 is the first. 3 is a cat, 1 away; the cosine of (1, 0)
/// and (3, 4) is .6, so 6 is .4 away. Squared, 1 and .16: a lot of LOTS\[1\] * 1.16 falls to 3 below 1.
///
/// Round 3, cats are difficult: 5 has 1.001, 7 .845, 6 .325, 9 .199. 5 is the first. The cosine of (0, 1) and (4, 3) is .6: 7 is .4 away, 6
/// is a dog, 1 away. The lot is .186 * 1.16 = .216, not below .16: it falls to 6.
#[test]
fn two_stages_choose_uncertain_images_of_difficult_classes_that_are_unlike() {
    let mut game = Game::new();
    let by = TwoStage {
        expansion: 1.5,
        beta: 1.0,
        ..TwoStage::default()
    };
    let rounds = [
        ([0.0, 0.0], ["2", "4"]),
        ([0.0, 1.0], ["8", "3"]),
        ([1.0, 0.0], ["5", "6"]),
    ];
    for (round, (difficulty, batch)) in (1..).zip(rounds) {
        let lot = Stream::new(0, "query/two-stage", &[u64::from(round)]).unit();
        assert!((lot - LOTS[round as usize - 1]).abs() < 0.001, "{lot}");
        let evidence = seen(&game.pool);
        let drawn = query_two_stage(&question(&game, round), &evidence, &difficulty, &by).unwrap();
        asked(&mut game, &drawn, round, batch);
    }
    assert_eq!(ids(&game.labelled), ["0", "1", "2", "4", "8", "3", "5", "6"]);
    assert_eq!(game.pool.unlabelled(), ["7", "9"]);
}
