//! Three rounds of every strategy, worked out by hand.
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
//! is 1 and 0: uncertain. Prices: image 1, draw 35, verify 1.7.

use std::collections::BTreeSet;

use super::strategies::testing::{dataset, scripted};
use super::*;
use crate::detection::{Dataset, Detections, Evidence, ImageEvidence, SeenBox};

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
    let ids =
        |dataset: &Dataset| -> Vec<String> { dataset.images.iter().map(|image| image.image.id.clone()).collect() };
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

/// Batches 23, 45, 67 for all that never ask again. Objects to draw: 0 + 2, then 1 + 0, then 2 + 1; the others are accepted.
fn straight(
    chosen: [&'static [&'static str]; 3],
    labelled: [&'static [&'static str]; 3],
    dropped: [&'static [&'static str]; 3],
) -> [Expected; 3] {
    const BATCHES: [&[&str]; 3] = [&["2", "3"], &["4", "5"], &["6", "7"]];
    const WORK: [(u64, u64, u64); 3] = [(2, 2, 2), (2, 1, 3), (2, 3, 1)];
    [0, 1, 2].map(|at| Expected {
        batch: BATCHES[at],
        chosen: chosen[at],
        labelled: labelled[at],
        requeue: &[],
        dropped: dropped[at],
        work: WORK[at],
    })
}

const BATCHES: [&[&str]; 3] = [&["2", "3"], &["4", "5"], &["6", "7"]];
const NONE: [&[&str]; 3] = [&[], &[], &[]];

#[test]
fn v1_forgets_each_batch() {
    for preset in [Preset::Sound, Preset::AsPublished] {
        let dropped: [&[&str]; 3] = [&["2", "3"], &["2", "3", "4", "5"], &["2", "3", "4", "5", "6", "7"]];
        let expected = straight(BATCHES, [&["0", "1"]; 3], dropped);
        play("v1", preset, Annotator::Sa, &|round, _| select_v1(round), expected);
    }
}

#[test]
fn v1_plus_keeps_each_batch() {
    for preset in [Preset::Sound, Preset::AsPublished] {
        let labelled: [&[&str]; 3] = [
            &["0", "1", "2", "3"],
            &["0", "1", "2", "3", "4", "5"],
            &["0", "1", "2", "3", "4", "5", "6", "7"],
        ];
        let expected = straight(BATCHES, labelled, NONE);
        play(
            "v1+",
            preset,
            Annotator::Sa,
            &|round, _| select_v1_plus(round),
            expected,
        );
    }
}

/// Round 1: 2 has 0, 3 has 1: a half each. Round 2, scored anew: 2 and 5 have 0, 4 has 0.5, 3 has 1; 2 is in already. Round 3: 4 and 5
/// have 0, 2 and 7 have 0.5, 3 and 6 have 1.
#[test]
fn topk_v1_ranks_anew_each_round() {
    let chosen: [&[&str]; 3] = [&["3"], &["4", "3"], &[]];
    let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "5"], &["0", "1", "2", "5", "4"]];
    let expected = straight(chosen, labelled, NONE);
    let select: &Select = &|round, rescores| {
        let ranking = Ranking {
            rescores,
            ..Ranking::default()
        };
        let selection = select_topk_v1(round, &ranking)?;
        if round.round == 3 {
            // 3 and 6 have one score: their order is by a hash, so they are looked at as a set.
            let two: BTreeSet<&str> = selection.train.images[..2]
                .iter()
                .map(|image| image.image.id.as_str())
                .collect();
            assert_eq!(two, ["3", "6"].into());
            let mut rest = selection;
            rest.stats.train_from_labelled += 2;
            return Ok(rest);
        }
        Ok(selection)
    };
    play("topK v1", Preset::Sound, Annotator::Sa, select, expected);
}

/// Round 1: both images are in both sets. Round 2, by the first scores: 2 and 5 have 0, 4 has 0.5, 3 has 1. Round 3: 2 and 5 have 0, 4 and 7
/// have 0.5, 3 and 6 have 1.
#[test]
fn topk_v1_as_published_ranks_by_stale_scores_into_overlapping_sets() {
    let chosen: [&[&str]; 3] = [&["2", "3"], &["4", "3"], &["3", "6"]];
    let labelled: [&[&str]; 3] = [
        &["0", "1", "2", "3"],
        &["0", "1", "2", "3", "5"],
        &["0", "1", "2", "3", "5"],
    ];
    let expected = straight(chosen, labelled, NONE);
    let select: &Select = &|round, _| {
        let ranking = Ranking {
            sets: Sets::Overlapping,
            ..Ranking::default()
        };
        select_topk_v1(round, &ranking)
    };
    play("topK v1", Preset::AsPublished, Annotator::Sa, select, expected);
}

/// Round 1: 2 is certain, 3 uncertain. Round 2 asks 3 again, whose two boxes are paid for, and 4, of the middle band: one box drawn, one accepted.
/// Round 3 asks 3 a last time: it joins, as it has come back twice. 5 is certain.
fn banded(
    labelled: [&'static [&'static str]; 3],
    requeue: [&'static [&'static str]; 3],
    dropped: [&'static [&'static str]; 3],
) -> [Expected; 3] {
    const BATCHES: [&[&str]; 3] = [&["2", "3"], &["3", "4"], &["3", "5"]];
    const WORK: [(u64, u64, u64); 3] = [(2, 2, 2), (1, 1, 1), (1, 0, 2)];
    [0, 1, 2].map(|at| Expected {
        batch: BATCHES[at],
        chosen: &["3"],
        labelled: labelled[at],
        requeue: requeue[at],
        dropped: dropped[at],
        work: WORK[at],
    })
}

fn bands(preset: Preset) -> [Box<Select>; 2] {
    [
        Box::new(move |round, _| select_topk_v2(round, &Bands::topk_v2(preset))),
        Box::new(move |round, _| select_topk_v3(round, &Bands::topk_v3(preset))),
    ]
}

#[test]
fn topk_v2_and_v3_keep_what_is_paid_for_and_ask_twice_again() {
    for select in bands(Preset::Sound) {
        let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "4"], &["0", "1", "2", "4", "5", "3"]];
        let expected = banded(labelled, [&["3"], &["3"], &[]], NONE);
        play("bands", Preset::Sound, Annotator::Sa, &*select, expected);
    }
}

#[test]
fn topk_v2_and_v3_as_published_throw_the_middle_away_and_ask_without_end() {
    for select in bands(Preset::AsPublished) {
        let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2"], &["0", "1", "2", "5"]];
        let expected = banded(labelled, [&["3"]; 3], [&[], &["4"], &["4"]]);
        play(
            "bands as published",
            Preset::AsPublished,
            Annotator::Sa,
            &*select,
            expected,
        );
    }
}

/// As topK v3, but every box is drawn: two an image that is new.
#[test]
fn al_only_takes_the_same_images_and_draws_every_box() {
    let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "4"], &["0", "1", "2", "4", "5", "3"]];
    let mut expected = banded(labelled, [&["3"], &["3"], &[]], NONE);
    for (round, work) in expected.iter_mut().zip([(2, 4, 0), (1, 2, 0), (1, 2, 0)]) {
        round.work = work;
    }
    let [_, select] = bands(Preset::Sound);
    play("AL only", Preset::Sound, Annotator::Human, &*select, expected);
}

/// 3 is never seen, so it comes back each time; the others join with what is found in them. Nobody is paid.
#[test]
fn sl_only_takes_what_is_seen_and_pays_nobody() {
    let chosen: [&[&str]; 3] = [&["2"], &["4"], &["5"]];
    let labelled: [&[&str]; 3] = [&["0", "1", "2"], &["0", "1", "2", "4"], &["0", "1", "2", "4", "5"]];
    let mut expected = banded(labelled, [&["3"]; 3], NONE);
    for (at, round) in expected.iter_mut().enumerate() {
        round.work = (0, 0, 0);
        round.chosen = chosen[at];
    }
    play(
        "SL only",
        Preset::Sound,
        Annotator::Model,
        &|round, _| select_sl_only(round),
        expected,
    );
}

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
                assert_eq!(drawn.pool.drawn(), batch, "{measure:?} {aggregate:?} round {round}");
                let costs = human(&mut game, &drawn, round, None);
                assert!((costs.annotation_seconds - 142.0).abs() < 1e-9);
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
        let costs = human(&mut game, &drawn, round, Some((&all, &evidence, &ceal, expected)));
        assert_eq!((costs.images_opened, costs.boxes_drawn), (2, 4));
        assert_eq!(
            game.pool.unlabelled().len(),
            before - 2,
            "what the model labels stays unlabelled"
        );
    }
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

type Certain<'a> = (&'a Dataset, &'a Evidence, &'a Ceal, &'a [&'a str]);

/// A human draws every box of the batch, which then joins the labelled pool.
fn human(game: &mut Game, drawn: &Draw, round: u32, ceal: Option<Certain<'_>>) -> Costs {
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
    let selection = match ceal {
        None => select_v1_plus(turn).unwrap(),
        Some((candidates, evidence, ceal, expected)) => {
            let selection = select_ceal(turn, (candidates, evidence), ceal).unwrap();
            let own = selection.train.images[2..].iter().map(|image| image.image.id.as_str());
            let own: Vec<&str> = own.take(selection.stats.pseudo_labelled).collect();
            assert_eq!(own, expected, "round {round}: labelled by the model");
            selection
        }
    };
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
