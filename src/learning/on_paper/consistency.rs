//! Consistency after CALD. In each image the model sees a cat and a dog, and both again in one view, of the same probabilities, but cut
//! lower: by so much do the boxes overlap. A box's consistency is then overlap and confidence added, to lie near 1.3.
//!
//! | image | cat | dog | overlap | nearest to 1.3 | distance | share of cats |
//! |---|---|---|---|---|---|---|
//! | 2 | .8 | .2 | .5 | .5 + .8 | 0 | .8 |
//! | 3 | .6 | .6 | .6 | .6 + .6 | .1 | .5 |
//! | 4 | .2 | .8 | .8 | .8 + .2 | .3 | .2 |
//! | 5 | .9 | .1 | .2 | .2 + .9 | .2 | .9 |
//! | 6 | .3 | .6 | .3 | .3 + .6 | .4 | 1/3 |
//! | 7 | .6 | .2 | .2 | .2 + .6 | .5 | .75 |
//! | 8 | .3 | .5 | .1; .8 in round 3 | .1 + .5; .8 + .5 | .7; 0 | .375 |
//! | 9 | .6 | .6 | not seen again | 0 | 1.3 | .5 |
//!
//! Every image has a cat and a dog, but 4 and 6 have two dogs. K is 2; a surplus of a half makes three of it.

use super::{Game, asked, ids, question};
use crate::detection::{BoundingBox, Detection, Evidence, ImageEvidence, SeenBox, View};
use crate::learning::{Consistency, Pool, query_consistency};

const SEEN: [(f64, f64, f64); 8] = [
    (0.8, 0.2, 0.5),
    (0.6, 0.6, 0.6),
    (0.2, 0.8, 0.8),
    (0.9, 0.1, 0.2),
    (0.3, 0.6, 0.3),
    (0.6, 0.2, 0.2),
    (0.3, 0.5, 0.1),
    (0.6, 0.6, 0.0),
];

fn seen(pool: &Pool, round: u32) -> Evidence {
    let image = |id: &String| {
        let (cat, dog, mut overlap) = SEEN[id.parse::<usize>().unwrap() - 2];
        if (id.as_str(), round) == ("8", 3) {
            overlap = 0.8;
        }
        let boxes = |height: f64| {
            [(0, cat), (1, dog)].map(|(label, confidence)| {
                let left = 20.0 * f64::from(label);
                let mut probabilities = vec![1.0 - confidence, 0.0, 0.0];
                probabilities[label as usize + 1] = confidence;
                SeenBox {
                    detection: Detection {
                        bounds: BoundingBox::new([left, 0.0, left + 10.0, 10.0 * height]),
                        label,
                        score: confidence,
                    },
                    probabilities,
                    features: Vec::new(),
                }
            })
        };
        let again = if overlap > 0.0 {
            boxes(overlap).to_vec()
        } else {
            Vec::new()
        };
        ImageEvidence {
            image: id.clone(),
            boxes: boxes(1.0).to_vec(),
            views: vec![View {
                name: "cut_out".to_owned(),
                boxes: again,
            }],
            ..ImageEvidence::default()
        }
    };
    Evidence {
        classes: ["cat", "dog"].map(str::to_owned).to_vec(),
        images: pool.unlabelled().iter().map(image).collect(),
    }
}

/// Round 1: 2, 3 and 5 are nearest to 1.3. Half of what is labelled are cats; the divergence of .8 from that is .073, of .5 0, of .9 .147: 5,
/// then 2. Round 2: 3, 4 and 6; of .5 0, of .2 .073, of 1/3 .021: 4, then 6. These are dogs alone, so a third is cats in round 3: of 8, 3
/// and 7 the divergence of .375 is .001, of .5 .021, of .75 .130: 7, then 3.
#[test]
fn consistency_chooses_what_is_seen_otherwise_and_what_classes_are_rare() {
    let mut game = Game::new();
    for place in [4, 6] {
        for object in &mut game.source.images[place].annotations {
            object.label = 1;
        }
    }
    let by = Consistency {
        surplus: 0.5,
        ..Consistency::default()
    };
    for (round, batch) in (1..).zip([["5", "2"], ["4", "6"], ["7", "3"]]) {
        let evidence = seen(&game.pool, round);
        let drawn = query_consistency(&question(&game, round), &evidence, &game.labelled, &by).unwrap();
        asked(&mut game, &drawn, round, batch);
    }
    assert_eq!(ids(&game.labelled), ["0", "1", "5", "2", "4", "6", "7", "3"]);
    assert_eq!(game.pool.unlabelled(), ["8", "9"]);
}
