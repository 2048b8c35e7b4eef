//! The queries by uncertainty, and CEAL.

use super::{Game, asked, question};
use crate::detection::{Dataset, Evidence, ImageEvidence, SeenBox};
use crate::learning::strategies::testing::{dataset, scripted};
use crate::learning::*;

/// The class probability of the one box that the model sees in an image, by round; where none is given, 0.999.
fn seen(round: u32, pool: &Pool) -> Evidence {
    let probability = |image: &str| match (image, round) {
        ("7", 1) => 0.5,
        ("4", 1) => 0.6,
        ("9", _) => 0.7,
        ("5", 2) => 0.55,
        ("2", 2) => 0.6,
        ("6", 2) => 0.9,
        ("3", 3) => 0.5,
        _ => 0.999,
    };
    let image = |id: &String| {
        let p = probability(id);
        let detection = scripted(&dataset(1, 1), |_, _| Some(p)).images[0].detections[0].clone();
        ImageEvidence {
            image: id.clone(),
            boxes: vec![SeenBox {
                detection,
                probabilities: vec![1.0 - p, p, 0.0],
                features: Vec::new(),
            }],
            ..ImageEvidence::default()
        }
    };
    Evidence {
        classes: dataset(1, 1).classes,
        images: pool.unlabelled().iter().map(image).collect(),
    }
}

/// Of one box with two probabilities, least confidence, margin and entropy order alike: the nearer to a half, the sooner. Round 1: 7, 4.
/// Round 2: 5, 2. Round 3: 3, then 9. Each image has two boxes to draw: 2 + 4 * 35 = 142 seconds a round.
#[test]
fn uncertainty_queries_choose_what_the_model_of_the_round_is_least_sure_of() {
    for measure in [Measure::LeastConfidence, Measure::Margin, Measure::Entropy] {
        for aggregate in [Aggregate::Sum, Aggregate::Mean, Aggregate::Max] {
            let mut game = Game::new();
            for (round, batch) in (1..).zip([["7", "4"], ["5", "2"], ["3", "9"]]) {
                let evidence = seen(round, &game.pool);
                let question = question(&game, round);
                let by = Uncertainty {
                    measure,
                    aggregate,
                    floor: 0.05,
                };
                let drawn = query_uncertainty(&question, &evidence, &by).unwrap();
                asked(&mut game, &drawn, round, batch);
            }
            assert_eq!(game.labelled.images.len(), 8);
            assert_eq!(game.pool.unlabelled(), ["6", "8"]);
        }
    }
}

/// The entropy of (0.999, 0.001) is 0.0079. With a threshold of 0.02 that falls by 0.007, rounds 1 (0.02) and 2 (0.013) take the images for
/// certain that are left, and round 3 (0.006) none. Each round asks for 7 and 4, then 5 and 2, then 3 and 9.
#[test]
fn ceal_labels_what_the_model_is_sure_of_until_the_threshold_has_fallen() {
    let mut game = Game::new();
    // 9 is never certain; 5, 2 and 6 are not in round 2, nor 3 in round 3.
    let certain: [&[&str]; 3] = [&["2", "3", "5", "6", "8"], &["3", "8"], &[]];
    for (round, expected) in (1..).zip(certain) {
        let evidence = seen(round, &game.pool);
        let by = Uncertainty {
            measure: Measure::Entropy,
            aggregate: Aggregate::Max,
            floor: 0.05,
        };
        let drawn = query_uncertainty(&question(&game, round), &evidence, &by).unwrap();
        let all = candidates(&question(&game, round), None).unwrap();
        let ceal = Ceal {
            threshold: 0.02,
            decay: 0.007,
            ..Ceal::default()
        };
        let before = game.pool.unlabelled().len();
        let costs = human(&mut game, &drawn, round, (&all, &evidence, &ceal, expected));
        assert_eq!((costs.images_opened, costs.boxes_drawn), (2, 4));
        assert_eq!(
            game.pool.unlabelled().len(),
            before - 2,
            "what the model labels stays unlabelled"
        );
    }
}

type Certain<'a> = (&'a Dataset, &'a Evidence, &'a Ceal, &'a [&'a str]);

/// A human draws every box of the batch, which then joins the labelled pool; the model labels what is expected.
fn human(game: &mut Game, drawn: &Draw, round: u32, ceal: Certain<'_>) -> Costs {
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
        replay: Replay::Drawn,
    };
    let (candidates, evidence, ceal, expected) = ceal;
    let selection = select_ceal(turn, (candidates, evidence), ceal).unwrap();
    let own = selection.train.images[2..].iter().map(|image| image.image.id.as_str());
    let own: Vec<&str> = own.take(selection.stats.pseudo_labelled).collect();
    assert_eq!(own, expected, "round {round}: labelled by the model");
    let trained: Vec<&str> = selection
        .train
        .images
        .iter()
        .map(|image| image.image.id.as_str())
        .collect();
    assert_eq!(trained[..2], *drawn.pool.drawn());
    game.labelled = selection.labelled;
    game.pool = selection.pool;
    game.ledger = done.ledger;
    done.costs
}
