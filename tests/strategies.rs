//! Every shipped pipeline through the runner, with a scripted detector in the network's place: where images are after each round, what is
//! charged, when the rounds end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use asm_pipe::artifact::{read_dataset, read_json};
use asm_pipe::detection::Dataset;
use asm_pipe::learning::{Costs, Pool, Stats};
use asm_pipe::plan::{Plan, plan};
use asm_pipe::run::{End, Interrupt, RunOptions, Summary, run};
use asm_pipe::spec::{LoadOptions, load};
use asm_pipe::stage::Registry;
use asm_pipe::stages::built_in;
use asm_pipe::store::Store;

use crate::support::scripted;

/// Pipelines with which nothing is proposed to the annotator: each object of an opened image is drawn.
const BY_HAND: [&str; 11] = [
    "random",
    "full",
    "initial_only",
    "al_only",
    "least_confidence",
    "margin",
    "entropy",
    "core_set",
    "consistency",
    "two_stage",
    "ceal",
];
/// Pipelines with which the annotator is shown boxes.
const CHECKED: [&str; 10] = [
    "v1",
    "v1_plus",
    "topk_v1",
    "topk_v2",
    "topk_v3",
    "v1_as_published",
    "v1_plus_as_published",
    "topk_v1_as_published",
    "topk_v2_as_published",
    "topk_v3_as_published",
];

/// A store, and the kinds with the scripted ones among them.
struct World {
    folder: tempfile::TempDir,
    registry: Registry,
}

/// A pipeline that was run.
struct Played {
    plan: Plan,
    summary: Summary,
    store: Store,
}

impl World {
    fn new() -> Self {
        let mut registry = Registry::new();
        for stage in built_in().into_iter().chain(scripted::kinds()) {
            registry.register(stage).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        Self { folder, registry }
    }

    fn play(&self, name: &str, overrides: &[&str]) -> Played {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("pipelines/{name}.yaml"));
        let options = LoadOptions {
            profile: vec!["quick".to_owned()],
            overrides: overrides.iter().map(|&setting| setting.to_owned()).collect(),
            ..LoadOptions::default()
        };
        let read = |path: &Path| fs_err::read_to_string(path).map_err(|e| e.to_string());
        let (pipeline, _) = load(&path, &options, &read).unwrap_or_else(|(wrong, _)| panic!("{name}: {wrong:?}"));
        let whole = plan(&[pipeline], &self.registry).unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        // Charts take their time, and have tests of their own.
        let plan = whole.only(&["tables".to_owned()]).unwrap();
        let store = Store::open(&self.folder.path().join("store")).unwrap();
        let options = RunOptions {
            cpus: 2,
            jobs: 2,
            ..RunOptions::for_this_machine()
        };
        let summary = run(
            &plan,
            &self.registry,
            &store,
            &options,
            &mut |_| {},
            &Interrupt::default(),
        )
        .unwrap();
        for (node, end) in plan.nodes.iter().zip(&summary.nodes) {
            assert!(end.error.is_none(), "{name}: {}: {:?}", node.name, end.error);
        }
        Played { plan, summary, store }
    }
}

impl Played {
    /// An output of a stage, by the stage's name in the plan; none if its round was pruned.
    fn output(&self, stage: &str, output: &str) -> Option<PathBuf> {
        let at = self.plan.find(stage).unwrap()[0].0;
        let record = self.summary.nodes[at].record.as_ref()?;
        Some(self.store.view(&record.outputs[output]).unwrap())
    }

    fn dataset(&self, stage: &str, output: &str) -> Dataset {
        read_dataset(&self.output(stage, output).unwrap()).unwrap()
    }

    /// How many rounds happened.
    fn rounds(&self) -> u32 {
        let of = self.plan.nodes.iter().zip(&self.summary.nodes);
        let done = of.filter(|(node, end)| node.stage == "select" && matches!(end.end, End::Ran | End::Cached));
        done.count() as u32
    }
}

fn ids(dataset: &Dataset) -> Vec<String> {
    dataset.images.iter().map(|image| image.image.id.clone()).collect()
}

/// The places that the rounds left every image in: each in one place, and none missing.
fn check_pools(name: &str, played: &Played, round: u32) -> Pool {
    let all: BTreeSet<String> = ids(&played.dataset("source", "dataset")).into_iter().collect();
    let stage = format!("round-{round}.select");
    let pool: Pool = read_json(&played.output(&stage, "pool").unwrap()).unwrap();
    pool.check().unwrap();
    assert!(pool.drawn().is_empty(), "{name}: round {round} leaves a batch out");
    let mut places: BTreeMap<String, &str> = BTreeMap::new();
    for (id, place) in pool.places() {
        places.insert(id.to_owned(), place);
    }
    let labelled = ids(&played.dataset(&stage, "labelled"));
    for (list, place) in [
        (&labelled, "labelled"),
        (&ids(&played.dataset("split", "validation")), "validation"),
    ] {
        for id in list {
            let elsewhere = places.insert(id.clone(), place);
            // topK v1 ranks images again that it has labelled.
            assert!(
                elsewhere.is_none() || elsewhere == Some("annotated images"),
                "{name}: {id} is {place} and {elsewhere:?}"
            );
        }
    }
    let placed: BTreeSet<String> = places.into_keys().collect();
    assert_eq!(placed, all, "{name}: every image is somewhere after round {round}");

    let train = ids(&played.dataset(&stage, "train"));
    let distinct: BTreeSet<&String> = train.iter().collect();
    assert_eq!(
        distinct.len(),
        train.len(),
        "{name}: an image is trained on once a round"
    );
    let apart: BTreeSet<String> = ids(&played.dataset(&format!("round-{round}.hold_out"), "evaluation"))
        .into_iter()
        .chain(ids(&played.dataset("split", "validation")))
        .collect();
    assert!(
        train.iter().all(|id| !apart.contains(id)),
        "{name}: trains on what it is judged by"
    );
    pool
}

/// What was charged up to the last round: each image and each object once.
fn check_costs(name: &str, played: &Played, rounds: u32) {
    let source = played.dataset("source", "dataset");
    let mut opened: BTreeSet<String> = ids(&played.dataset("split", "labelled")).into_iter().collect();
    opened.extend(ids(&played.dataset("split", "validation")));
    let before: Costs = read_json(&played.output("split", "costs").unwrap()).unwrap();
    let (mut images, mut human, mut accepted) = (before.images_opened, before.human_boxes, 0);
    let mut seconds = before.annotation_seconds;
    for round in 1..=rounds {
        let costs: Costs = read_json(&played.output(&format!("round-{round}.merge"), "costs").unwrap()).unwrap();
        if name != "sl_only" {
            opened.extend(ids(&played.dataset(&format!("round-{round}.batch"), "batch")));
        }
        images += costs.images_opened;
        human += costs.human_boxes;
        accepted += costs.model_boxes_accepted;
        seconds += costs.annotation_seconds;
        assert_eq!(
            (costs.total_images_opened, costs.total_human_boxes),
            (images, human),
            "{name}"
        );
        assert!((costs.total_annotation_seconds - seconds).abs() < 1e-6, "{name}");
        assert_eq!(images, opened.len() as u64, "{name}: round {round}");
    }
    let asked = source.images.iter().filter(|image| opened.contains(&image.image.id));
    let objects: usize = asked
        .map(|image| image.annotations.iter().filter(|object| !object.difficult).count())
        .sum();
    let objects = objects as u64;
    if BY_HAND.contains(&name) || name == "sl_only" {
        assert_eq!((human, accepted), (objects, 0), "{name}: each object is drawn once");
    } else {
        assert!(
            human < objects && human + accepted >= objects,
            "{name}: {human} + {accepted} of {objects}"
        );
    }
}

#[test]
fn every_strategy_keeps_every_image_in_one_place_and_charges_everything_once() {
    let world = World::new();
    for name in CHECKED.into_iter().chain(BY_HAND).chain(["sl_only"]) {
        let played = world.play(name, &["rounds=4", "take=8", "until.shift_below=0"]);
        let rounds = played.rounds();
        assert_eq!(rounds, if name == "full" { 1 } else { 4 }, "{name}");
        let mut batches = BTreeSet::new();
        for round in 1..=rounds {
            let pool = check_pools(name, &played, round);
            let keeps = !name.contains("as_published") && name != "v1";
            assert!(!keeps || pool.dropped().is_empty(), "{name} throws nothing away");
            let batch = ids(&played.dataset(&format!("round-{round}.batch"), "batch"));
            assert_eq!(
                batch.len(),
                match name {
                    "full" => 44,
                    "initial_only" => 0,
                    _ => 8,
                },
                "{name}"
            );
            batches.insert(batch);
        }
        // As published, a batch of uncertain images comes back whole.
        let stands = name == "initial_only" || name.contains("as_published");
        assert!(
            batches.len() == rounds as usize || stands,
            "{name} asks for other images each round"
        );
        check_costs(name, &played, rounds);
    }
}

#[test]
fn every_shipped_pipeline_is_among_those_that_are_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    let mut files: BTreeSet<String> = BTreeSet::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        files.insert(entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    }
    let played = CHECKED
        .into_iter()
        .chain(BY_HAND)
        .chain(["sl_only", "base", "query_base", "training"]);
    assert_eq!(files, played.map(str::to_owned).collect());
}

#[test]
fn the_presets_differ_where_they_say_so() {
    let world = World::new();
    let stats = |name: &str, overrides: &[&str]| -> Vec<Stats> {
        let overrides: Vec<&str> = ["rounds=4", "take=8", "until.shift_below=0"]
            .iter()
            .chain(overrides)
            .copied()
            .collect();
        let played = world.play(name, &overrides);
        let stats =
            (1..=4).map(|round| read_json(&played.output(&format!("round-{round}.select"), "stats").unwrap()).unwrap());
        stats.collect()
    };
    let last = |stats: Vec<Stats>| stats.into_iter().next_back().unwrap();
    let (sound, published) = (last(stats("topk_v3", &[])), last(stats("topk_v3_as_published", &[])));
    assert_eq!(sound.dropped, 0);
    assert!(published.dropped > 0, "the middle band is thrown away");
    // One choice by itself.
    let kept = last(stats("topk_v3_as_published", &["select.middle_band=label"]));
    assert_eq!(kept.dropped, 0);
    assert_eq!(
        stats("topk_v3", &["preset=as_published"]),
        stats("topk_v3_as_published", &[])
    );
    let (sound, published) = (stats("topk_v1", &[]), stats("topk_v1_as_published", &[]));
    assert_eq!(
        (sound[0].certain, published[0].certain),
        (4, 8),
        "overlapping sets in round 1"
    );
    assert_ne!(stats("topk_v1", &["rescore=false"])[2], sound[2]);
    let deploy = stats("topk_v3", &["select.score=deploy"]);
    assert_ne!(deploy, stats("topk_v3", &[]));
    assert!(
        deploy
            .iter()
            .any(|stats| stats.rank_certain_sum.is_some() && stats.rank_weakest.is_some())
    );
}

#[test]
fn rounds_end_when_ap50_stands_still_or_nothing_is_left() {
    let world = World::new();
    let still = world.play("v1_plus", &["rounds=5", "until.shift_below=1", "until.window=2"]);
    assert_eq!(still.rounds(), 2);
    assert!(still.output("round-3.select", "pool").is_none());
    // 44 images in the pool: 20, 20 and 4.
    let empty = world.play("random", &["rounds=6", "take=20", "until.shift_below=0"]);
    assert_eq!(empty.rounds(), 3);
    let pool: Pool = read_json(&empty.output("round-3.select", "pool").unwrap()).unwrap();
    assert!(pool.exhausted());
}

#[test]
fn a_growing_evaluation_set_is_paid_for_and_never_trained_on() {
    let world = World::new();
    for name in ["topk_v3", "sl_only", "entropy"] {
        let overrides = [
            "rounds=3",
            "take=10",
            "until.shift_below=0",
            "evaluate.set=growing",
            "evaluate.share=0.3",
        ];
        let played = world.play(name, &overrides);
        let mut before = 0;
        for round in 1..=3 {
            let pool = check_pools(name, &played, round);
            let evaluation = played.dataset(&format!("round-{round}.hold_out"), "evaluation");
            assert_eq!(pool.evaluation().len(), evaluation.images.len());
            assert!(evaluation.images.len() > before, "{name}: it grows");
            before = evaluation.images.len();
        }
        let table = asm_pipe::table::Table::read_parquet(&played.output("tables", "rounds").unwrap()).unwrap();
        assert_eq!(table.counts("growing_images").unwrap()[3], before as u32);
        assert!(
            table.optional_numbers("growing_ap50").unwrap()[1..]
                .iter()
                .all(Option::is_some)
        );
        assert!(table.optional_numbers("forgetting").unwrap()[1].is_some());
    }
}
