//! Pipelines as files: the valid ones load, the invalid ones say what is wrong with them.

use std::path::{Path, PathBuf};

use asm_pipe::spec::{self, LoadOptions};

type Loaded = Result<(spec::Pipeline, spec::Sources), (Vec<spec::Diagnostic>, spec::Sources)>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pipelines").join(name)
}

fn files(name: &str) -> Vec<String> {
    let entries = fs_err::read_dir(folder(name)).unwrap();
    let mut files: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
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
        match line.split_once(' ').unwrap() {
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
    insta::assert_snapshot!(pipeline.to_yaml(), @"");
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
    insta::assert_snapshot!(spec::render(&sources, &diagnostics, false), @"");
}

#[test]
fn an_experiment_lists_pipelines_and_seeds() {
    let text =
        "pipelines: [../pipelines/v1.yaml, topk.yaml]\nseeds: [1, 2]\nparams: {merge: {certain: 0.7}, root: 'a: b'}\n";
    let read = |_: &Path| Ok(text.to_owned());
    let (experiment, _) = spec::load_experiment(Path::new("experiments/x.yaml"), &read).unwrap();
    assert_eq!(experiment.name.value, "x");
    let paths: Vec<&Path> = experiment.pipelines.iter().map(|path| path.value.as_path()).collect();
    assert_eq!(
        paths,
        [
            Path::new("experiments/../pipelines/v1.yaml"),
            Path::new("experiments/topk.yaml")
        ]
    );
    assert_eq!(
        experiment.overrides_for(Some(2)),
        ["merge={certain: 0.7}", "root=\"a: b\"", "seed=2"]
    );
}

#[test]
fn the_mistakes_of_an_experiment_are_all_reported() {
    let text = "pipelines: [a.yaml, a.yaml, 3]\nseed: [1]\nseeds: [1, x, 1]\nparams: 3\n";
    let read = |_: &Path| Ok(text.to_owned());
    let (diagnostics, sources) = spec::load_experiment(Path::new("x.yaml"), &read).unwrap_err();
    insta::assert_snapshot!(spec::render(&sources, &diagnostics, false), @"");
}
