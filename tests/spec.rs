//! Pipelines as files: the valid ones load, the invalid ones say what is wrong with them.

use std::path::{Path, PathBuf};

use asm_pipe::spec::{self, LoadOptions};
use proptest::prelude::*;

type Loaded = Result<(spec::Pipeline, spec::Sources), (Vec<spec::Diagnostic>, spec::Sources)>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pipelines").join(name)
}

fn files(name: &str) -> Vec<String> {
    let entries = fs_err::read_dir(folder(name)).expect("the folder of fixtures");
    let mut files: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("plain names"))
        .filter(|file| file.ends_with(".yaml"))
        .collect();
    files.sort();
    files
}

fn load(folder_name: &str, file: &str, options: &LoadOptions) -> Loaded {
    let folder = folder(folder_name);
    let read = |path: &Path| fs_err::read_to_string(folder.join(path)).map_err(|_| "no such file".to_owned());
    spec::load(Path::new(file), options, &read)
}

/// The command line of an invalid pipeline: its lines that begin with `#!`.
fn options(text: &str) -> LoadOptions {
    let mut options = LoadOptions::default();
    for line in text.lines().filter_map(|line| line.strip_prefix("#! ")) {
        match line.split_once(' ').expect("an option and its value") {
            ("-S", value) => options.overrides.push(value.to_owned()),
            ("--profile", value) => options.profile.push(value.to_owned()),
            ("--params", value) => options.params_files.push(value.into()),
            other => panic!("{other:?}"),
        }
    }
    options
}

fn valid(file: &str, options: &LoadOptions) -> spec::Pipeline {
    match load("valid", file, options) {
        Ok((pipeline, _)) => pipeline,
        Err((diagnostics, sources)) => panic!("{}", spec::render(&sources, &diagnostics, false)),
    }
}

fn with_profile(profile: &str) -> LoadOptions {
    LoadOptions {
        profile: vec![profile.to_owned()],
        ..LoadOptions::default()
    }
}

#[test]
fn every_mistake_is_drawn_with_its_place() {
    let files = files("invalid");
    assert!(files.len() > 30);
    for file in files {
        let text = fs_err::read_to_string(folder("invalid").join(&file)).unwrap();
        let (diagnostics, sources) = load("invalid", &file, &options(&text)).expect_err(&file);
        for diagnostic in &diagnostics {
            let json = diagnostic.to_json(&sources);
            let reads_no_file = diagnostic.message.contains("cannot read the params file");
            assert!(json["line"].is_u64() || reads_no_file, "{file}: {json}");
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("pipelines/invalid");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            insta::assert_snapshot!(
                file.trim_end_matches(".yaml"),
                spec::render(&sources, &diagnostics, false)
            );
        });
    }
}

#[test]
fn every_valid_pipeline_reads_the_same_after_it_was_printed() {
    for file in files("valid") {
        let first = valid(&file, &LoadOptions::default());
        let printed = first.to_yaml();
        let (second, _) = spec::load_text(&printed, &LoadOptions::default()).expect(&printed);
        assert_eq!(second.to_yaml(), printed);
        assert_eq!(second.params_json(), first.params_json());
        let stages = |pipeline: &spec::Pipeline| -> Vec<serde_json::Value> {
            let rounds = pipeline.rounds.iter().flat_map(|rounds| &rounds.stages);
            let in_rounds = rounds.map(|stage| stage.with_for_round(2).to_json());
            pipeline
                .stages
                .iter()
                .map(|stage| stage.with.to_json())
                .chain(in_rounds)
                .collect()
        };
        assert_eq!(stages(&second), stages(&first));
    }
}

#[test]
fn a_pipeline_that_extends_another_is_printed_resolved() {
    let options = LoadOptions {
        overrides: vec!["merge.certain=0.7".into()],
        ..with_profile("quick")
    };
    let pipeline = valid("topk_v3.yaml", &options);
    assert_eq!(pipeline.profile, ["quick"]);
    assert_eq!(pipeline.profiles, ["bccd", "bccd_quick", "quick", "shapes"]);
    insta::assert_snapshot!(pipeline.to_yaml(), @r##"
    name: topk_v3
    params:
      seed: 0
      dataset: {train: 400, test: 100}
      initial: 20
      take: 5
      rounds: 2
      train: {architecture: tiny, epochs: 1, seed: 0}
      merge: {certain: 0.7, uncertain: 0.3}
      select: {certain: 0.5, note: "$${kept} of topk_v3"}
    stages:
      source:
        doc: Scenes that are drawn.
        uses: shapes
        with: {train: 400, test: 100}
      split:
        uses: split-pools
        in: {dataset: source.train}
        with: {initial: 20, seed: 0}
      initial:
        uses: train
        in: {dataset: split.labelled, images: source.images}
        with: {architecture: tiny, epochs: 1, seed: 0}
      tables:
        uses: tables
        in: {evals: rounds.all.evaluate, costs: rounds.all.merge.costs}
        with: {title: "topk_v3, seed 0"}
    rounds:
      max: 2
      until: {metric: evaluate.ap50, shift_below: 0.001, window: 5}
      carry:
        model: [initial.model, retrain.model]
        labelled: [split.labelled, select.labelled]
        pool: [split.pool, select.pool]
      stages:
        batch:
          uses: draw-batch
          in: {pool: carry.pool, dataset: source.train}
          with: {take: 5}
        detect:
          uses: detect
          in: {model: carry.model, dataset: batch.batch, images: source.images}
        merge:
          uses: merge-sa
          in: {detections: detect, batch: batch}
          with: {certain: 0.7, uncertain: 0.3, round: "${round}"}
        select:
          uses: select-topk-v3
          in:
            annotations: merge.annotations
            scores: merge.scores
            pool: batch.pool
            labelled: carry.labelled
          with: {certain: 0.5, note: "$${kept} of topk_v3", round: "${round}", stream: "r${round}-0"}
        retrain:
          uses: train
          in: {model: carry.model, dataset: select.train, images: source.images}
          with: {architecture: tiny, epochs: 2, seed: 0}
        evaluate:
          uses: evaluate
          in: {detections: detect, dataset: source.test}
    "##);
}

#[test]
fn profiles_replace_stages_and_extend_profiles() {
    let pipeline = valid("topk_v3.yaml", &with_profile("bccd_quick"));
    let names: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.value.as_str()).collect();
    assert_eq!(names, ["source", "split", "initial", "tables", "test"]);
    assert_eq!(pipeline.stages[0].uses.value, "parse-voc");
    assert_eq!(
        pipeline.stages[0].with.to_json(),
        serde_json::json!({"roots": "data/bccd", "set": "trainval"})
    );
    let rounds = pipeline.rounds.unwrap();
    assert_eq!(rounds.max.value, 1);
    assert!(rounds.until.is_none());
}

#[test]
fn several_profiles_are_applied_in_order() {
    let options = LoadOptions {
        profile: vec!["bccd".into(), "quick".into()],
        ..LoadOptions::default()
    };
    let pipeline = valid("base.yaml", &options);
    assert_eq!(
        pipeline.params_json()["dataset"],
        serde_json::json!({"train": 400, "test": 100, "root": "data/bccd"})
    );
    assert_eq!(pipeline.params_json()["initial"], 20);
    let default = valid("base.yaml", &LoadOptions::default());
    assert_eq!(default.profile, ["shapes"]);
}

#[test]
fn a_value_of_the_command_line_keeps_its_place() {
    let options = LoadOptions {
        overrides: vec!["merge.certain=0.7".into()],
        ..LoadOptions::default()
    };
    let (pipeline, sources) = load("valid", "topk_v3.yaml", &options).unwrap();
    let rounds = pipeline.rounds.unwrap();
    let merge = rounds.stages.iter().find(|stage| stage.name.value == "merge").unwrap();
    let found = spec::locate(&merge.with_for_round(1), &spec::steps("certain"));
    let place = sources.place(found.value);
    assert_eq!((place.file, place.line, place.column), ("-S", 1, 15));
    assert_eq!(sources.name(found.key.unwrap().file), "base.yaml");
}

#[test]
fn yes_010_and_1_000_are_text() {
    let pipeline = valid("yes_and_010_are_text.yaml", &LoadOptions::default());
    assert_eq!(
        pipeline.params_json(),
        serde_json::json!({"flag": "yes", "code": "010", "number": "1_000", "truth": true})
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = "\u{feff}stages:\r\n  a: {uses: x}\r\n  b: {use: y}\r\n";
    let (diagnostics, sources) = spec::load_text(text, &LoadOptions::default()).unwrap_err();
    insta::assert_snapshot!(spec::render(&sources, &diagnostics, false), @r##"
    error: unknown key `use` in stage `b`
     --> pipeline.yaml:3:7
      |
    3 |   b: {use: y}
      |       ^^^
      |
      = note: the keys are `uses`, `in`, `with`, `doc`, `cpus`, `memory`, `gpus`, `timeout`, `retries`
      = help: did you mean `uses`?
    "##);
}

/// Loads the members of `x.yaml`, beside which lie `topk.yaml` and `v1.yaml`.
fn members(experiment: &str, options: &LoadOptions) -> spec::Members {
    let texts = [
        ("x.yaml", experiment),
        (
            "topk.yaml",
            "matrix: {take: [3, 4]}
profiles: {quick: {params: {rounds: 1}}, slow: {params: {rounds: 9}}}
params: {seed: 0, take: 2, rounds: 5, merge: {certain: 0.8, judge_iou: 0.5}, select: {}}
stages: {a: {uses: x, with: {name: \"${name}\", matrix: \"${matrix}\", seed: \"${seed}\"}}}
",
        ),
        ("v1.yaml", "extends: topk.yaml\nname: v1\n"),
    ];
    let read = |path: &Path| {
        let found = texts.iter().find(|(name, _)| Path::new(name) == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| "no such file".to_owned())
    };
    spec::load_members(Path::new("x.yaml"), options, &read)
}

/// What is wrong with an experiment, each mistake once.
fn mistakes(experiment: &str, options: &LoadOptions) -> String {
    let mut drawn: Vec<String> = Vec::new();
    for (diagnostics, sources) in members(experiment, options).members.into_iter().filter_map(Result::err) {
        for diagnostic in diagnostics {
            let text = spec::render(&sources, &[diagnostic], false);
            if !drawn.contains(&text) {
                drawn.push(text);
            }
        }
    }
    drawn.join("\n")
}

/// Each member's name, strategy and `with` of its stage.
fn loaded(experiment: &str, options: &LoadOptions) -> Vec<(String, String, serde_json::Value)> {
    let members = members(experiment, options).members;
    let member = |loaded: spec::Loaded| {
        let (pipeline, _) = loaded.unwrap_or_else(|(said, sources)| panic!("{}", spec::render(&sources, &said, false)));
        let mut params = pipeline.params_json();
        params["with"] = pipeline.stages[0].with.to_json();
        (pipeline.name.value, pipeline.strategy, params)
    };
    members.into_iter().map(member).collect()
}

fn names(experiment: &str, options: &LoadOptions) -> Vec<String> {
    loaded(experiment, options).into_iter().map(|(name, ..)| name).collect()
}

fn overridden(text: &str) -> LoadOptions {
    LoadOptions {
        overrides: vec![text.to_owned()],
        ..LoadOptions::default()
    }
}

#[test]
fn an_experiment_is_every_pipeline_with_every_combination_and_every_seed() {
    let text = "pipelines: [topk.yaml, v1.yaml]\nseeds: [1, 2]\nmatrix: {merge.certain: [0.7, 0.9]}\n";
    let members = loaded(text, &LoadOptions::default());
    let names: Vec<&str> = members.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "topk-certain=0.7-seed-1",
            "topk-certain=0.7-seed-2",
            "topk-certain=0.9-seed-1",
            "topk-certain=0.9-seed-2",
            "v1-certain=0.7-seed-1",
            "v1-certain=0.7-seed-2",
            "v1-certain=0.9-seed-1",
            "v1-certain=0.9-seed-2",
        ]
    );
    let (_, strategy, params) = &members[3];
    assert_eq!(strategy, "topk-certain=0.9");
    assert_eq!(
        params["with"],
        serde_json::json!({"name": "topk-certain=0.9", "matrix": {"merge.certain": 0.9}, "seed": 2})
    );
    assert_eq!(params["take"], 2, "the pipeline's own matrix gives way");
}

#[test]
fn a_matrix_in_a_pipeline_is_the_experiment_of_this_one_and_is_not_inherited() {
    let own = names(
        "extends: topk.yaml\nmatrix: {seed: [5, 6], take: [3, 4]}\n",
        &LoadOptions::default(),
    );
    assert_eq!(
        own,
        [
            "x-take=3-seed-5",
            "x-take=4-seed-5",
            "x-take=3-seed-6",
            "x-take=4-seed-6"
        ]
    );
    let listed = names("pipelines: [topk.yaml, v1.yaml]\n", &LoadOptions::default());
    assert_eq!(listed, ["topk-take=3", "topk-take=4", "v1"]);
}

#[test]
fn params_then_overrides_then_matrix_then_the_command_line() {
    let text = "pipelines: [topk.yaml, v1.yaml]
profile: quick
params: {take: 10, merge: {certain: 0.1}, select: {preset: late}}
overrides: {v1: {take: 20, select: {certain: 0.4}}}
matrix: {merge.judge_iou: [0.6, 0.7]}
";
    let members = loaded(text, &overridden("merge.certain=0.2"));
    let (_, _, topk) = &members[0];
    let (_, _, v1) = &members[3];
    assert_eq!((&topk["take"], &topk["rounds"]), (&10.into(), &1.into()));
    assert_eq!(v1["take"], 20);
    assert_eq!(v1["select"], serde_json::json!({"preset": "late", "certain": 0.4}));
    assert_eq!(v1["merge"], serde_json::json!({"certain": 0.2, "judge_iou": 0.7}));
    let slow = loaded(text, &with_profile("slow"));
    assert_eq!(
        slow[0].2["rounds"], 9,
        "the command line's profile replaces that of the experiment"
    );
}

#[test]
fn what_the_command_line_sets_does_not_vary() {
    let text = "pipelines: [v1.yaml]\nseeds: [1, 2]\nmatrix: {merge.certain: [0.7, 0.9], take: [3, 4]}\n";
    assert_eq!(names(text, &overridden("seed=7")).len(), 4);
    assert_eq!(
        names(text, &overridden("merge={certain: 0.5}")),
        [
            "v1-take=3-seed-1",
            "v1-take=3-seed-2",
            "v1-take=4-seed-1",
            "v1-take=4-seed-2"
        ]
    );
    let members = loaded("pipelines: [v1.yaml]\nseeds: [1, 2]\n", &overridden("seed=7"));
    assert_eq!((members.len(), members[0].0.as_str()), (1, "v1"));
    assert_eq!(members[0].2["seed"], 7);
}

#[test]
fn a_member_reads_the_same_after_it_was_printed() {
    let text = "pipelines: [v1.yaml]\nseeds: [1, 2]\nmatrix: {merge.certain: [0.7, 0.9]}\n";
    for loaded in members(text, &LoadOptions::default()).members {
        let (pipeline, _) = loaded.unwrap();
        let (again, _) = spec::load_text(&pipeline.to_yaml(), &LoadOptions::default()).unwrap();
        assert_eq!(again.name.value, pipeline.name.value);
        assert_eq!(again.stages[0].with.to_json(), pipeline.stages[0].with.to_json());
    }
}

#[test]
fn the_mistakes_of_an_experiment_are_all_reported() {
    let text = "pipelines: [topk.yaml, topk.yaml, 3]\nseed: [1]\nseeds: [1, x, 1]\nparams: 3\noverrides: {topk: 3}\nmatrix: {seed: [1], take: 3}\n";
    insta::assert_snapshot!(mistakes(text, &LoadOptions::default()), @r##"
    error: the pipeline is listed twice
     --> x.yaml:1:24
      |
    1 | pipelines: [topk.yaml, topk.yaml, 3]
      |             ---------  ^^^^^^^^^ again here
      |             |
      |             first here

    error: `pipelines` must be text, found the number `3`
     --> x.yaml:1:35
      |
    1 | pipelines: [topk.yaml, topk.yaml, 3]
      |                                   ^

    error: unknown key `seed` in the experiment
     --> x.yaml:2:1
      |
    2 | seed: [1]
      | ^^^^
      |
      = note: the keys are `name`, `description`, `pipelines`, `seeds`, `matrix`, `profile`, `params`, `overrides`
      = help: did you mean `seeds`?

    error: `seeds` must be a list of whole numbers, found the text "x"
     --> x.yaml:3:12
      |
    3 | seeds: [1, x, 1]
      |            ^

    error: the seed is listed twice
     --> x.yaml:3:15
      |
    3 | seeds: [1, x, 1]
      |         -     ^ again here
      |         |
      |         first here

    error: `params` must be a mapping of params, found the number `3`
     --> x.yaml:4:9
      |
    4 | params: 3
      |         ^

    error: `topk` must be a mapping of params, found the number `3`
     --> x.yaml:5:19
      |
    5 | overrides: {topk: 3}
      |                   ^

    error: `take` must be a list of values, found the number `3`
     --> x.yaml:6:27
      |
    6 | matrix: {seed: [1], take: 3}
      |                           ^
    "##);
}

#[test]
fn what_an_experiment_gives_to_a_pipeline_is_wrong_where_it_stands() {
    let text = "pipelines: [topk.yaml, v1.yaml]
seeds: [1]
profile: quik
params: {tkae: 3}
overrides: {v2: {take: 3}, v1: {take: {a: 1}, merge.sure: 2}}
matrix:
  merge.certian: [0.7, 0.8]
  include: [{take: 3}]
";
    insta::assert_snapshot!(mistakes(text, &overridden("tak=3")), @r##"
    error: the experiment has no pipeline `v2`
     --> x.yaml:5:13
      |
    5 | overrides: {v2: {take: 3}, v1: {take: {a: 1}, merge.sure: 2}}
      |             ^^
      |
      = note: its pipelines are `topk`, `v1`
      = help: did you mean `v1`?

    error: there is no profile `quik`
     --> x.yaml:3:10
      |
    3 | profile: quik
      |          ^^^^
      |
      = note: the profiles are `quick`, `slow`
      = help: did you mean `quick`?

    error: there is no param `tkae`
     --> x.yaml:4:10
      |
    4 | params: {tkae: 3}
      |          ^^^^
      |
      = note: known here: `seed`, `take`, `rounds`, `merge`, `select`
      = help: did you mean `take`?

    error: there is no param `merge.certian`
     --> x.yaml:7:9
      |
    7 |   merge.certian: [0.7, 0.8]
      |         ^^^^^^^
      |
      = note: `merge` has `certain`, `judge_iou`
      = help: did you mean `merge.certain`?

    error: there is no param `tak`
     --> -S:1:1
      |
    1 | tak=3
      | ^^^
      |
      = note: the params are `seed`, `take`, `rounds`, `merge`, `select`
      = help: did you mean `take`?

    error: there is no param `merge.sure`
     --> x.yaml:5:47
      |
    5 | overrides: {v2: {take: 3}, v1: {take: {a: 1}, merge.sure: 2}}
      |                                               ^^^^^^^^^^
      |
      = note: known here: `seed`, `take`, `rounds`, `merge`, `select`
      = help: did you mean `merge`?
    "##);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_the_loader_panic(
        at in any::<proptest::sample::Index>(),
        length in 0usize..6,
        insert in prop_oneof!["[ -~]{0,4}", any::<String>(), "[\\[\\]{}:,&*!|>\"'$\n\t -]{0,5}"],
        over in "[a-z.]{0,9}=?.{0,9}",
    ) {
        let valid = include_str!("pipelines/valid/base.yaml");
        let start = valid.floor_char_boundary(at.index(valid.len()));
        let end = valid.floor_char_boundary(start + length);
        let text = format!("{}{insert}{}", &valid[..start], &valid[end..]);
        let options = LoadOptions { overrides: vec![over], ..LoadOptions::default() };
        if let Err((diagnostics, sources)) = spec::load_text(&text, &options) {
            prop_assert!(!diagnostics.is_empty());
            let drawn = spec::render(&sources, &diagnostics, false);
            prop_assert!(drawn.contains("error: "), "{drawn}");
            for diagnostic in &diagnostics {
                diagnostic.to_json(&sources);
            }
        }
    }
}
