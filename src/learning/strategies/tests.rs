use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::testing::{dataset, learner, scripted};
use super::*;
use crate::learning::{
    ImageScores, Ledger, Preset, Prices, Rules, Scores, Split, SplitOrder, SplitSizes, annotate, draw, split,
};

type Strategy = fn(Round<'_>, Preset) -> Result<Selection, crate::learning::LearningError>;

const STRATEGIES: [(&str, Strategy); 5] = [
    ("v1", |round, _| select_v1(round)),
    ("v1+", |round, _| select_v1_plus(round)),
    ("topK v1", |round, preset| select_topk_v1(round, &ranking(preset))),
    ("topK v2", |round, preset| {
        select_topk_v2(round, &Bands::topk_v2(preset))
    }),
    ("topK v3", |round, preset| {
        select_topk_v3(round, &Bands::topk_v3(preset))
    }),
];

fn ranking(preset: Preset) -> Ranking<'static> {
    Ranking {
        sets: Sets::of(preset),
        ..Ranking::default()
    }
}

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

    fn turn(&mut self, strategy: Strategy, take: usize, round: u32, (seed, preset): (u64, Preset)) -> Selection {
        let share = if preset == Preset::AsPublished { 1.0 } else { 0.5 };
        let drawn = draw(&self.pool, &self.source, take, share).unwrap();
        let found = learner(&drawn.batch, seed, round);
        let done = annotate(Some(&found), &drawn.batch, &self.ledger, &Rules::default(), round).unwrap();
        let turn = Round {
            labelled: &self.labelled,
            annotated: &done.annotations,
            scores: &done.scores,
            pool: &drawn.pool,
            take,
            round,
            seed,
            ties: Ties::of(preset),
            replay: Replay::Drawn,
        };
        let selection = strategy(turn, preset).unwrap();
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
        let mode = if seed_mode { Preset::AsPublished } else { Preset::Sound };
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
            if mode == Preset::Sound && which > 0 {
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
            (1..=4).map(|round| play.turn(STRATEGIES[which].1, 5, round, (seed, Preset::Sound))).collect::<Vec<_>>()
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
    let done = annotate(Some(&found), &drawn.batch, &parts.ledger, &Rules::default(), 1).unwrap();
    (parts.labelled, done, drawn.pool)
}

fn first_round<'a>(labelled: &'a Dataset, done: &'a crate::learning::AnnotatedBatch, pool: &'a Pool) -> Round<'a> {
    Round {
        labelled,
        annotated: &done.annotations,
        scores: &done.scores,
        pool,
        take: 4,
        round: 1,
        seed: 0,
        ties: Ties::Seeded,
        replay: Replay::Drawn,
    }
}

fn select(strategy: Strategy, take: usize, preset: Preset) -> Selection {
    let (labelled, done, pool) = four_bands();
    let round = Round {
        take,
        ties: Ties::of(preset),
        ..first_round(&labelled, &done, &pool)
    };
    strategy(round, preset).unwrap()
}

#[test]
fn v1_trains_on_the_batch_and_as_many_labelled_images_and_forgets_it() {
    let selection = select(named("v1"), 3, Preset::Sound);
    assert_eq!(ids(&selection.train)[..4], ["4", "5", "6", "7"]);
    assert_eq!(selection.stats.train_from_labelled, 3);
    assert_eq!(ids(&selection.labelled), ["0", "1", "2", "3"]);
    assert_eq!(selection.pool.dropped().len(), 4);
    assert!(selection.notes.contains(&"4 annotated images thrown away".to_owned()));
}

#[test]
fn v1_plus_keeps_the_batch_but_draws_from_the_pool_before_it() {
    let selection = select(named("v1+"), 9, Preset::Sound);
    assert_eq!(ids(&selection.labelled), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(set(&selection.train).len(), 8);
    assert_eq!(
        selection.notes[0],
        "9 labelled images wanted for training, 4 there are: all taken"
    );
}

#[test]
fn topk_v1_ranks_by_ratio_into_disjoint_sets() {
    let selection = select(named("topK v1"), 4, Preset::Sound);
    assert_eq!(set(&selection.train), ["0", "1", "2", "3", "6", "7"].into());
    assert_eq!(set(&selection.labelled), ["0", "1", "2", "3", "4", "5"].into());
    assert_eq!(
        (selection.stats.certain, selection.stats.uncertain, selection.stats.held),
        (2, 2, 2)
    );
}

#[test]
fn topk_v1_as_published_takes_the_same_images_as_certain_and_uncertain() {
    let selection = select(named("topK v1"), 4, Preset::AsPublished);
    assert_eq!(set(&selection.labelled).len(), 8);
    assert_eq!(selection.stats.uncertain, 4);
}

#[test]
fn topk_v1_keeps_stale_scores_and_counts_what_would_be_labelled_twice() {
    let mut play = Play::new(40, 3, 6, 5);
    let first = play.turn(named("topK v1"), 4, 1, (5, Preset::Sound));
    let scores: BTreeMap<String, f64> = first
        .pool
        .annotated()
        .iter()
        .map(|image| (image.annotated.image.id.clone(), image.score))
        .collect();
    let mut duplicates = 0;
    for round in 2..=8 {
        duplicates += play
            .turn(named("topK v1"), 4, round, (5, Preset::Sound))
            .stats
            .duplicates;
    }
    assert!(duplicates > 0);
    let kept = play.pool.annotated().iter().filter(|image| image.scored_in == 1);
    let kept: BTreeMap<String, f64> = kept
        .map(|image| (image.annotated.image.id.clone(), image.score))
        .collect();
    assert_eq!(kept, scores);
}

#[test]
fn topk_v2_keeps_the_middle_band_and_as_published_drops_it() {
    // Ratios: 0, 0.5, 0.7, 1.
    let strict = select(named("topK v2"), 4, Preset::Sound);
    assert_eq!(set(&strict.labelled), ["0", "1", "2", "3", "4", "5"].into());
    assert_eq!(strict.pool.requeue(), ["7", "6"], "the least certain first");
    let seed = select(named("topK v2"), 4, Preset::AsPublished);
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
        let selection = select(named(name), 99, Preset::Sound);
        assert!(
            set(&selection.train).contains("4"),
            "{name}: a certain image of this round"
        );
    }
}

#[test]
fn topk_v3_bands_follow_the_sl_score_and_its_early_thresholds_are_stricter() {
    // Scores: 0.9, 0.45, 0.27, 0.
    let late = select(named("topK v3"), 4, Preset::Sound);
    assert_eq!((late.stats.certain, late.stats.middle, late.stats.uncertain), (1, 1, 2));
    let early = select(
        |round, preset| select_topk_v3(round, &Bands::topk_v3_early(preset)),
        4,
        Preset::Sound,
    );
    assert_eq!(
        (early.stats.certain, early.stats.middle, early.stats.uncertain),
        (1, 0, 3)
    );
}

#[test]
fn sound_and_published_choices_agree_where_there_are_no_ties_no_middle_and_no_repeats() {
    for name in ["v1", "v1+"] {
        assert_eq!(
            select(named(name), 4, Preset::Sound),
            select(named(name), 4, Preset::AsPublished),
            "{name}"
        );
    }
    let with = |preset| {
        let (labelled, done, pool) = four_bands();
        let bands = Bands {
            certain: 0.3,
            uncertain: 0.31,
            ..Bands::topk_v2(preset)
        };
        select_topk_v2(first_round(&labelled, &done, &pool), &bands).unwrap()
    };
    let (strict, seed) = (with(Preset::Sound), with(Preset::AsPublished));
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
        round: 3,
        ..first_round(&labelled, &done, &pool)
    };
    let selection = select_topk_v2(round, &Bands::topk_v2(Preset::Sound)).unwrap();
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
            last = Some(play.turn(strategy, 4, round, (1, Preset::Sound)));
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
        annotated: &fewer,
        ..first_round(&labelled, &done, &pool)
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
    let round = first_round(&labelled, &done, &pool);
    assert!(select_topk_v3(round, &Bands::topk_v2(Preset::Sound)).is_err());
    assert!(select_topk_v2(round, &Bands::topk_v3(Preset::Sound)).is_err());
}

#[test]
fn all_labelled_images_are_replayed_when_asked_for() {
    let (labelled, done, pool) = four_bands();
    let round = Round {
        take: 2,
        replay: Replay::All,
        ..first_round(&labelled, &done, &pool)
    };
    let selection = select_v1_plus(round).unwrap();
    assert_eq!(ids(&selection.train), ["4", "5", "6", "7", "0", "1", "2", "3"]);
}

#[test]
fn topk_v1_ranks_by_new_scores_where_there_are_some() {
    let mut play = Play::new(20, 3, 6, 5);
    play.turn(named("topK v1"), 4, 1, (5, Preset::Sound));
    let first = play
        .pool
        .annotated()
        .iter()
        .max_by(|a, b| a.score.total_cmp(&b.score))
        .unwrap();
    let worst = first.annotated.image.id.clone();
    let drawn = draw(&play.pool, &play.source, 4, 0.5).unwrap();
    let found = learner(&drawn.batch, 5, 2);
    let done = annotate(Some(&found), &drawn.batch, &play.ledger, &Rules::default(), 2).unwrap();
    let better = ImageScores {
        image: worst.clone(),
        al_ratio: -1.0,
        ..done.scores.images[0].clone()
    };
    let rescores = Scores { images: vec![better] };
    let round = Round {
        round: 2,
        ..first_round(&play.labelled, &done, &drawn.pool)
    };
    let ranking = Ranking {
        rescores: Some(&rescores),
        ..Ranking::default()
    };
    let selection = select_topk_v1(round, &ranking).unwrap();
    assert!(
        set(&selection.labelled).contains(worst.as_str()),
        "now the best known of all"
    );
    let after = selection
        .pool
        .annotated()
        .iter()
        .find(|image| image.annotated.image.id == worst);
    assert_eq!(after.map(|image| (image.score, image.scored_in)), Some((-1.0, 2)));
}

#[test]
fn the_deploy_score_decides_when_asked_for() {
    let (labelled, mut done, pool) = four_bands();
    for (scores, deploy) in done.scores.images.iter_mut().zip([0.1, 0.9, 0.9, 0.9]) {
        scores.deploy.weakest = deploy;
    }
    let bands = Bands {
        judge: Judge {
            score: Score::Deploy,
            deploy: crate::learning::DeployScore::Weakest,
        },
        ..Bands::topk_v3(Preset::Sound)
    };
    let selection = select_topk_v3(first_round(&labelled, &done, &pool), &bands).unwrap();
    assert_eq!(selection.pool.requeue(), ["4"]);
    assert_eq!(selection.stats.certain, 3);
}

#[test]
fn sl_only_keeps_what_the_model_is_sure_of_and_asks_again_for_the_rest() {
    let (labelled, mut done, pool) = four_bands();
    done.annotations.images[3].annotations.clear();
    let selection = select_sl_only(first_round(&labelled, &done, &pool)).unwrap();
    assert_eq!(ids(&selection.train)[..3], ["4", "5", "6"]);
    assert_eq!(selection.pool.requeue(), ["7"]);
    assert_eq!(set(&selection.labelled).len(), 7);
}
