use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::testing::{dataset, learner, scripted};
use super::*;
use crate::learning::{Ledger, Prices, Split, SplitOrder, SplitSizes, Thresholds, annotate, draw, split};

type Strategy = fn(Round<'_>) -> Result<Selection, crate::learning::LearningError>;

const STRATEGIES: [(&str, Strategy); 5] = [
    ("v1", select_v1),
    ("v1+", select_v1_plus),
    ("topK v1", |round| select_topk_v1(round, Judge::Oracle)),
    ("topK v2", |round| select_topk_v2(round, &Bands::topk_v2())),
    ("topK v3", |round| select_topk_v3(round, &Bands::topk_v3())),
];

fn named(name: &str) -> Strategy {
    STRATEGIES.iter().find(|(other, _)| *other == name).unwrap().1
}

struct Play {
    source: Dataset,
    labelled: Dataset,
    pool: Pool,
    ledger: Ledger,
}

impl Play {
    fn new(images: usize, objects: usize, initial: usize, seed: u64) -> Self {
        let source = dataset(images, objects);
        let sizes = SplitSizes { initial, validation: 0 };
        let Split {
            labelled, pool, ledger, ..
        } = split(&source, sizes, SplitOrder::Shuffled, seed).unwrap();
        Self {
            source,
            labelled,
            pool,
            ledger,
        }
    }

    fn turn(&mut self, strategy: Strategy, take: usize, round: u32, (seed, mode): (u64, Mode)) -> Selection {
        let share = if mode == Mode::Seed { 1.0 } else { 0.5 };
        let drawn = draw(&self.pool, &self.source, take, share).unwrap();
        let found = learner(&drawn.batch, seed, round);
        let rules = (&Thresholds::default(), &Prices::default());
        let done = annotate(&found, &drawn.batch, &self.ledger, rules, round).unwrap();
        let selection = strategy(Round {
            labelled: &self.labelled,
            annotated: &done.annotations,
            scores: &done.scores,
            pool: &drawn.pool,
            take,
            round,
            seed,
            mode,
        })
        .unwrap();
        self.ledger = done.ledger;
        self.labelled = selection.labelled.clone();
        self.pool = selection.pool.clone();
        selection
    }
}

fn ids(dataset: &Dataset) -> Vec<&str> {
    dataset.images.iter().map(|image| image.image.id.as_str()).collect()
}

fn set(dataset: &Dataset) -> BTreeSet<&str> {
    ids(dataset).into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pools_stay_disjoint_and_total_and_nothing_is_paid_twice(
        which in 0..5_usize, seed in 0..1000_u64, take in 1..9_usize, images in 12..50_usize, seed_mode in any::<bool>(),
    ) {
        let mode = if seed_mode { Mode::Seed } else { Mode::Strict };
        let mut play = Play::new(images, 3, 6, seed);
        let truth = play.source.clone();
        let mut opened = 6;
        for round in 1..=12 {
            let selection = play.turn(STRATEGIES[which].1, take, round, (seed, mode));
            let mut places: BTreeMap<String, &str> = BTreeMap::new();
            for (id, place) in play.pool.places() {
                prop_assert!(places.insert(id.to_owned(), place).is_none());
            }
            for image in &play.labelled.images {
                let elsewhere = places.insert(image.image.id.clone(), "labelled");
                prop_assert!(elsewhere.is_none() || elsewhere == Some("annotated images"));
            }
            prop_assert_eq!(places.len(), images, "every image is somewhere");
            prop_assert!(play.pool.drawn().is_empty());
            prop_assert_eq!(set(&selection.train).len(), selection.train.images.len(), "an image is trained on once");
            prop_assert_eq!(set(&selection.labelled).len(), selection.labelled.images.len());
            opened += play.ledger.costs(round, &Prices::default()).images_opened;
            if mode == Mode::Strict && which > 0 {
                prop_assert!(play.pool.dropped().is_empty(), "what is paid for stays");
            }
        }
        let costs = play.ledger.costs(12, &Prices::default());
        prop_assert_eq!(costs.total_images_opened, opened);
        prop_assert!(costs.total_images_opened <= images as u64);
        prop_assert!(costs.total_human_boxes <= 3 * images as u64);
        prop_assert_eq!(&play.source, &truth);
        for image in &play.labelled.images {
            let source = &truth.images[image.image.id.parse::<usize>().unwrap()];
            prop_assert_eq!(&image.image, &source.image);
            prop_assert_eq!(image.annotations.len(), source.annotations.len());
        }
    }

    #[test]
    fn the_same_round_gives_the_same_selection(which in 0..5_usize, seed in 0..1000_u64) {
        let play = || {
            let mut play = Play::new(30, 3, 6, seed);
            (1..=4).map(|round| play.turn(STRATEGIES[which].1, 5, round, (seed, Mode::Strict))).collect::<Vec<_>>()
        };
        prop_assert_eq!(play(), play());
    }
}

/// Images 0..4 are labelled, 4..8 are the batch; of their ten objects the model finds 10, 5, 3 and 0.
fn four_bands() -> (Dataset, crate::learning::AnnotatedBatch, Pool) {
    let source = dataset(8, 10);
    let sizes = SplitSizes {
        initial: 4,
        validation: 0,
    };
    let parts = split(&source, sizes, SplitOrder::Listed, 0).unwrap();
    let drawn = draw(&parts.pool, &source, 4, 0.5).unwrap();
    let found = scripted(&drawn.batch, |image, object| {
        let objects = [10, 5, 3, 0][image.parse::<usize>().unwrap() - 4];
        (object < objects).then_some(0.9)
    });
    let rules = (&Thresholds::default(), &Prices::default());
    let done = annotate(&found, &drawn.batch, &parts.ledger, rules, 1).unwrap();
    (parts.labelled, done, drawn.pool)
}

fn select(strategy: Strategy, take: usize, mode: Mode) -> Selection {
    let (labelled, done, pool) = four_bands();
    strategy(Round {
        labelled: &labelled,
        annotated: &done.annotations,
        scores: &done.scores,
        pool: &pool,
        take,
        round: 1,
        seed: 0,
        mode,
    })
    .unwrap()
}

#[test]
fn v1_trains_on_the_batch_and_as_many_labelled_images_and_forgets_it() {
    let selection = select(named("v1"), 3, Mode::Strict);
    assert_eq!(ids(&selection.train)[..4], ["4", "5", "6", "7"]);
    assert_eq!(selection.stats.train_from_labelled, 3);
    assert_eq!(ids(&selection.labelled), ["0", "1", "2", "3"]);
    assert_eq!(selection.pool.dropped().len(), 4);
    assert!(selection.notes.contains(&"4 annotated images thrown away".to_owned()));
}

#[test]
fn v1_plus_keeps_the_batch_but_draws_from_the_pool_before_it() {
    let selection = select(named("v1+"), 9, Mode::Strict);
    assert_eq!(ids(&selection.labelled), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(set(&selection.train).len(), 8);
    assert_eq!(
        selection.notes[0],
        "9 labelled images wanted for training, 4 there are: all taken"
    );
}

#[test]
fn topk_v1_ranks_by_ratio_into_disjoint_sets() {
    let selection = select(named("topK v1"), 4, Mode::Strict);
    assert_eq!(set(&selection.train), ["0", "1", "2", "3", "6", "7"].into());
    assert_eq!(set(&selection.labelled), ["0", "1", "2", "3", "4", "5"].into());
    assert_eq!(
        (selection.stats.certain, selection.stats.uncertain, selection.stats.held),
        (2, 2, 2)
    );
}

#[test]
fn topk_v1_in_seed_mode_takes_the_same_images_as_certain_and_uncertain() {
    let selection = select(named("topK v1"), 4, Mode::Seed);
    assert_eq!(set(&selection.labelled).len(), 8);
    assert_eq!(selection.stats.uncertain, 4);
}

#[test]
fn topk_v1_keeps_stale_scores_and_counts_what_would_be_labelled_twice() {
    let mut play = Play::new(40, 3, 6, 5);
    let first = play.turn(named("topK v1"), 4, 1, (5, Mode::Strict));
    let scores: BTreeMap<String, f64> = first
        .pool
        .annotated()
        .iter()
        .map(|image| (image.annotated.image.id.clone(), image.score))
        .collect();
    let mut duplicates = 0;
    for round in 2..=8 {
        duplicates += play
            .turn(named("topK v1"), 4, round, (5, Mode::Strict))
            .stats
            .duplicates;
    }
    assert!(duplicates > 0);
    let kept = play.pool.annotated().iter().filter(|image| image.round == 1);
    let kept: BTreeMap<String, f64> = kept
        .map(|image| (image.annotated.image.id.clone(), image.score))
        .collect();
    assert_eq!(kept, scores);
}

#[test]
fn topk_v2_keeps_the_middle_band_in_strict_mode_and_drops_it_in_seed_mode() {
    // Ratios: 0, 0.5, 0.7, 1.
    let strict = select(named("topK v2"), 4, Mode::Strict);
    assert_eq!(set(&strict.labelled), ["0", "1", "2", "3", "4", "5"].into());
    assert_eq!(strict.pool.requeue(), ["7", "6"], "the least certain first");
    let seed = select(named("topK v2"), 4, Mode::Seed);
    assert_eq!(set(&seed.labelled), ["0", "1", "2", "3", "4"].into());
    assert_eq!(seed.pool.requeue(), ["6", "7"]);
    assert_eq!(seed.pool.dropped().iter().collect::<Vec<_>>(), ["5"]);
    for selection in [strict, seed] {
        assert_eq!(
            ids(&selection.train)
                .iter()
                .filter(|id| ["6", "7"].contains(id))
                .count(),
            2
        );
        assert_eq!(
            (
                selection.stats.certain,
                selection.stats.middle,
                selection.stats.uncertain
            ),
            (1, 1, 2)
        );
        assert_eq!(
            (selection.stats.sl_share, selection.stats.al_share),
            (Some(18.0 / 40.0), Some(22.0 / 40.0))
        );
    }
}

#[test]
fn topk_v2_and_v3_draw_from_the_pool_after_its_growth() {
    for name in ["topK v2", "topK v3"] {
        let selection = select(named(name), 99, Mode::Strict);
        assert!(
            set(&selection.train).contains("4"),
            "{name}: a certain image of this round"
        );
    }
}

#[test]
fn topk_v3_bands_follow_the_sl_score_and_its_early_thresholds_are_stricter() {
    // Scores: 0.9, 0.45, 0.27, 0.
    let late = select(named("topK v3"), 4, Mode::Strict);
    assert_eq!((late.stats.certain, late.stats.middle, late.stats.uncertain), (1, 1, 2));
    let early = select(|round| select_topk_v3(round, &Bands::topk_v3_early()), 4, Mode::Strict);
    assert_eq!(
        (early.stats.certain, early.stats.middle, early.stats.uncertain),
        (1, 0, 3)
    );
}

#[test]
fn strict_and_seed_agree_where_there_are_no_ties_no_middle_and_no_repeats() {
    for name in ["v1", "v1+"] {
        assert_eq!(
            select(named(name), 4, Mode::Strict),
            select(named(name), 4, Mode::Seed),
            "{name}"
        );
    }
    let bands = Bands {
        certain: 0.3,
        uncertain: 0.31,
        ..Bands::topk_v2()
    };
    let with = |mode| {
        let (labelled, done, pool) = four_bands();
        let round = Round {
            labelled: &labelled,
            annotated: &done.annotations,
            scores: &done.scores,
            pool: &pool,
            take: 4,
            round: 1,
            seed: 0,
            mode,
        };
        select_topk_v2(round, &bands).unwrap()
    };
    let (strict, seed) = (with(Mode::Strict), with(Mode::Seed));
    assert_eq!(strict.labelled, seed.labelled);
    assert_eq!(set(&strict.train), set(&seed.train));
}

#[test]
fn an_image_asked_too_often_joins_the_labelled_pool() {
    let (labelled, done, mut pool) = four_bands();
    for _ in 0..2 {
        pool.put_back("7");
    }
    pool.requeue.clear();
    let round = Round {
        labelled: &labelled,
        annotated: &done.annotations,
        scores: &done.scores,
        pool: &pool,
        take: 4,
        round: 3,
        seed: 0,
        mode: Mode::Strict,
    };
    let selection = select_topk_v2(round, &Bands::topk_v2()).unwrap();
    assert_eq!(selection.pool.requeue(), ["6"]);
    assert!(set(&selection.labelled).contains("7"));
    assert_eq!(selection.stats.given_up, 1);
}

#[test]
fn an_empty_batch_is_legal_and_said() {
    for (name, strategy) in STRATEGIES {
        let mut play = Play::new(8, 2, 6, 1);
        let mut last = None;
        for round in 1..=8 {
            last = Some(play.turn(strategy, 4, round, (1, Mode::Strict)));
        }
        let last = last.unwrap();
        assert_eq!((last.stats.batch, last.stats.exhausted), (0, 1), "{name}");
        assert!(last.train.images.len() >= 2, "{name}");
        assert!(
            last.notes.iter().any(|note| note.starts_with("the batch was empty")),
            "{name}"
        );
    }
}

#[test]
fn a_batch_that_is_not_the_one_drawn_is_refused() {
    let (labelled, done, pool) = four_bands();
    let mut fewer = done.annotations.clone();
    fewer.images.pop();
    let round = Round {
        labelled: &labelled,
        annotated: &fewer,
        scores: &done.scores,
        pool: &pool,
        take: 4,
        round: 1,
        seed: 0,
        mode: Mode::Strict,
    };
    let error = select_v1(round).unwrap_err().to_string();
    assert_eq!(error, "image `7` of the pool's batch is not in the annotations");
    let mixed = Round {
        annotated: &done.annotations,
        labelled: &done.annotations,
        ..round
    };
    let error = select_v1(mixed).unwrap_err().to_string();
    assert_eq!(error, "image `4` is in the batch and in the labelled pool");
}

#[test]
fn thresholds_that_overlap_are_refused() {
    let (labelled, done, pool) = four_bands();
    let round = Round {
        labelled: &labelled,
        annotated: &done.annotations,
        scores: &done.scores,
        pool: &pool,
        take: 4,
        round: 1,
        seed: 0,
        mode: Mode::Strict,
    };
    assert!(select_topk_v3(round, &Bands::topk_v2()).is_err());
    assert!(select_topk_v2(round, &Bands::topk_v3()).is_err());
}
