//! Experiments from outside: members as one graph, their names, tables and pages. A scripted provider stands for the detector.

use std::collections::{BTreeMap, BTreeSet};

use asm_pipe::run::Event;

use crate::support::{Answer, Project, ends};

/// The usual loop without a network, and without charts of single pipelines, which take their time.
const LOOP: &str = "
name: NAME
params: {seed: 0, take: 2, base: 0.25, rounds: 2, fail: false, evaluate: {base: 0.5}}
profiles: {short: {params: {rounds: 1}}}
stages:
  source: {uses: shapes, with: {set: trainval, images: 14}}
  split: {uses: split-pools, in: {dataset: source}, with: {initial: 3, validation: 2, seed: \"${seed}\"}}
  initial: {uses: measure, in: {dataset: split.labelled}, with: {base: \"${base}\", seed: \"${seed}\"}}
  tables:
    uses: tables
    in: {initial: initial, evaluations: rounds.all.evaluate.metrics}
    with: {strategy: \"${name}\", seed: \"${seed}\", varied: \"${matrix}\"}
rounds:
  max: \"${rounds}\"
  stages:
    batch: {uses: draw-batch, in: {pool: split.pool, dataset: source.dataset}, with: {take: \"${take}\"}}
    evaluate:
      uses: measure
      in: {dataset: batch.batch}
      with: [\"${evaluate}\", {seed: \"${seed}\", round: \"${round}\", fail: \"${fail}\"}]
";

const EXPERIMENT: &str = "
pipelines: [a.yaml, b.yaml]
seeds: [1, 3]
overrides: {b: {base: 0.3}}
matrix:
  evaluate.base: [0.5, 0.6]
  take: [2, 4]
  exclude: [{take: 4, evaluate.base: 0.6}]
";

fn project() -> Project {
    let project = Project::new();
    for name in ["a", "b"] {
        project.file(&format!("{name}.yaml"), LOOP.replace("NAME", name));
    }
    project.file("x.yaml", EXPERIMENT);
    project
}

fn run(project: &Project, arguments: &str) -> Answer {
    let providers = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/providers");
    let mut command = project.command(arguments);
    Answer::of(command.env("ASM_PIPE_PROVIDERS", providers).output().unwrap())
}

fn done(project: &Project, arguments: &str) -> Answer {
    let answer = run(project, arguments);
    assert_eq!(answer.code, 0, "{arguments}\n{}\n{}", answer.stdout, answer.stderr);
    answer
}

/// The lines of a table in CSV, each by column.
fn rows(project: &Project, path: &str) -> Vec<BTreeMap<String, String>> {
    let text = fs_err::read_to_string(project.path(path)).unwrap();
    let mut lines = text.lines();
    // Names of strategies with several params hold commas, and stand in quotes.
    let cells = |line: &str| {
        let mut cells = vec![String::new()];
        let mut quoted = false;
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                letter => cells.last_mut().unwrap().push(letter),
            }
        }
        cells
    };
    let heads = cells(lines.next().unwrap());
    lines
        .map(|line| heads.iter().cloned().zip(cells(line)).collect())
        .collect()
}

fn folders(project: &Project, path: &str) -> BTreeSet<String> {
    let entries = fs_err::read_dir(project.path(path)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn members_share_what_is_the_same_and_are_strategies_over_seeds() {
    let project = project();
    let events = done(&project, "run x.yaml --format json").events();
    let told = events.iter().find_map(|event| match event {
        Event::RunStarted { pipelines, .. } => Some(pipelines),
        _ => None,
    });
    assert_eq!(
        told.map(|pipelines| (pipelines.len(), pipelines[0].as_str())),
        Some((12, "a-base=0.5,take=2-seed-1"))
    );
    let ends = ends(&events);
    assert!(ends.values().all(|end| *end == "ran"), "{ends:?}");
    let count = |stage: &str| ends.keys().filter(|name| name.ends_with(stage)).count();
    assert_eq!((count("/source"), count("/split")), (1, 2), "a split for each seed");
    assert_eq!(count("/round-1.batch"), 4, "a batch for each seed and `take`");
    assert_eq!(count("/tables"), 12);

    let summary = rows(&project, "results/x/summary.csv");
    let of = |name: &str| -> Vec<&str> { summary.iter().map(|row| row[name].as_str()).collect() };
    assert_eq!(
        of("strategy"),
        [
            "a-base=0.5,take=2",
            "a-base=0.5,take=4",
            "a-base=0.6,take=2",
            "b-base=0.5,take=2",
            "b-base=0.5,take=4",
            "b-base=0.6,take=2",
        ]
    );
    assert!(of("seeds").iter().all(|seeds| *seeds == "2"), "{summary:?}");
    assert_eq!(of("params.take"), ["2.0", "4.0", "2.0", "2.0", "4.0", "2.0"]);
    let number = |row: usize, name: &str| summary[row][name].parse::<f64>().unwrap();
    // Seeds 1 and 3 add 0.1 and 0.3, round 2 adds 0.02.
    assert!((number(0, "final_ap50") - 0.72).abs() < 1e-9);
    assert!((number(2, "final_ap50") - 0.82).abs() < 1e-9);
    assert!((number(0, "final_ap50_deviation") - 0.02_f64.sqrt()).abs() < 1e-9);
    assert!((number(0, "initial_ap50") - 0.45).abs() < 1e-9);
    assert!(
        (number(3, "initial_ap50") - 0.5).abs() < 1e-9,
        "overrides of one pipeline"
    );

    let rounds = rows(&project, "results/x/rounds.csv");
    assert_eq!(rounds.len(), 12 * 3);
    let mut last = rounds.last().unwrap().clone();
    last.retain(|name, _| ["strategy", "seed", "round", "params.evaluate.base"].contains(&name.as_str()));
    let expected = [
        ("strategy", "b-base=0.6,take=2"),
        ("seed", "3"),
        ("round", "2"),
        ("params.evaluate.base", "0.6"),
    ];
    assert_eq!(
        last,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );

    let caption = fs_err::read_to_string(project.path("results/x/charts/ap50_over_rounds.txt")).unwrap();
    assert!(caption.contains("Mean of 2 seeds"), "{caption}");
    let member = "results/b-base=0.6,take=2-seed-3";
    assert!(
        project.path(&format!("{member}/index.html")).exists(),
        "{:?}",
        folders(&project, "results")
    );
}

#[test]
fn a_changed_matrix_runs_only_what_is_new() {
    let project = project();
    done(&project, "run x.yaml");
    project.file("x.yaml", EXPERIMENT.replace("[0.5, 0.6]", "[0.5, 0.6, 0.7]"));
    let events = done(&project, "run x.yaml --format json").events();
    let ran: Vec<String> = ends(&events)
        .into_iter()
        .filter(|(_, end)| *end == "ran")
        .map(|(name, _)| name)
        .collect();
    let stays = |name: &&String| !name.contains("base=0.7") && !name.starts_with("comparison.");
    assert_eq!(ran.iter().find(stays), None);
    // For each seed and `take`, the two rounds' `evaluate`, which the pipelines share, and the tables of each pipeline.
    assert_eq!(ran.len(), 2 * 2 * (2 + 2) + 2, "{ran:?}");
}

#[test]
fn a_matrix_in_a_pipeline_is_an_experiment_of_its_own() {
    let project = Project::new();
    let charts = "stages:\n  charts: {uses: charts, in: {rounds: tables.rounds}}\n  source";
    let text = LOOP.replace("NAME", "a").replace("stages:\n  source", charts);
    project.file("a.yaml", text + "matrix: {take: [2, 3], seed: [0, 1]}\n");
    done(&project, "run a.yaml");
    let expected = [
        "a",
        "a-take=2-seed-0",
        "a-take=2-seed-1",
        "a-take=3-seed-0",
        "a-take=3-seed-1",
    ];
    assert_eq!(folders(&project, "results"), expected.map(str::to_owned).into());
    let summary = rows(&project, "results/a/summary.csv");
    let of: Vec<_> = summary
        .iter()
        .map(|row| (row["strategy"].as_str(), row["seeds"].as_str()))
        .collect();
    assert_eq!(of, [("a-take=2", "2"), ("a-take=3", "2")]);
    let events = done(&project, "run a.yaml -S take=2 -S seed=0 --format json").events();
    assert_eq!(ends(&events)["charts"], "ran", "one member needs no name of its own");
    assert_eq!(ends(&events)["round-2.evaluate"], "cached");
}

#[test]
fn a_target_may_name_all_members_or_all_seeds() {
    let project = project();
    let made = |target: &str| {
        let events = done(&project, &format!("run x.yaml --target {target} --format json")).events();
        ends(&events)
            .into_keys()
            .filter(|name| name.ends_with("/initial"))
            .count()
    };
    assert_eq!(made("b/initial"), 2);
    assert_eq!(made("initial"), 4);
    assert_eq!(made("a-base=0.6,take=2/initial"), 2);
    assert_eq!(made("a-base=0.6,take=2-seed-3/initial"), 1);
    let wrong = run(&project, "run x.yaml --target a-base=0.6,take=2-seed-2/initial");
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("did you mean `a-base=0.6,take=2-seed-"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn of_many_members_there_is_one_page_and_a_table_each() {
    let project = project();
    project.file("x.yaml", EXPERIMENT.replace("seeds: [1, 3]", "seeds: [1, 3, 5]"));
    let answer = done(&project, "run x.yaml");
    assert_eq!(folders(&project, "results"), BTreeSet::from(["x".to_owned()]));
    assert_eq!(folders(&project, "results/x/members").len(), 18);
    assert_eq!(
        rows(&project, "results/x/members/a-base=0.5,take=4-seed-5.csv").len(),
        3
    );
    assert!(
        answer.stdout.contains("a-base=0.5,take=4      3  "),
        "{}",
        answer.stdout
    );
    let page = fs_err::read_to_string(project.path("results/x/index.html")).unwrap();
    assert!(page.contains("a-base=0.5,take=4, the first of 3 seeds"));

    let written = |path: &str| fs_err::metadata(project.path(path)).unwrap().modified().unwrap();
    let before = written("results/x/members/a-base=0.5,take=4-seed-5.csv");
    done(&project, "run x.yaml");
    assert_eq!(
        written("results/x/members/a-base=0.5,take=4-seed-5.csv"),
        before,
        "nothing is written again"
    );
    project.file("x.yaml", EXPERIMENT.replace("seeds: [1, 3]", "seeds: [1, 3, 7]"));
    done(&project, "run x.yaml");
    assert!(!project.path("results/x/members/a-base=0.5,take=4-seed-5.csv").exists());
}

#[test]
fn what_is_done_of_many_members_has_tables_though_others_failed() {
    let project = project();
    let text = EXPERIMENT
        .replace("seeds: [1, 3]", "seeds: [1, 3, 5]")
        .replace("{base: 0.3}", "{fail: true}");
    project.file("x.yaml", text);
    let answer = run(&project, "run x.yaml --keep-going");
    assert_eq!(answer.code, 1);
    assert_eq!(folders(&project, "results/x"), BTreeSet::from(["members".to_owned()]));
    assert_eq!(folders(&project, "results/x/members").len(), 9);
    assert!(answer.stdout.contains("results/x/members"), "{}", answer.stdout);
}

#[test]
fn the_graph_folds_members_and_rounds_in_every_format() {
    let project = project();
    for format in ["ascii", "mermaid", "dot", "svg"] {
        let folded = done(&project, &format!("graph x.yaml --format {format}")).stdout;
        assert!(
            folded.contains("a/evaluate ×6") && !folded.contains("seed-1"),
            "{format}: {folded}"
        );
        let expanded = done(&project, &format!("graph x.yaml --format {format} --expand")).stdout;
        assert!(
            expanded.contains("a-base=0.6,take=2-seed-3/round-2.evaluate"),
            "{format}: {expanded}"
        );
    }
}

#[test]
fn the_command_line_wins_over_the_experiment() {
    let project = project();
    project.file("x.yaml", format!("{EXPERIMENT}profile: short\nparams: {{base: 0.1}}\n"));
    let params = done(&project, "params x.yaml -S take=3 --format json").json();
    let names: Vec<&String> = params.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 8, "{names:?}");
    let of = |name: &str| {
        (
            params[name]["rounds"].clone(),
            params[name]["take"].clone(),
            params[name]["base"].clone(),
        )
    };
    assert_eq!(of("a-base=0.6-seed-1"), (1.into(), 3.into(), 0.1.into()));
    assert_eq!(of("b-base=0.6-seed-1"), (1.into(), 3.into(), 0.3.into()));
}

#[test]
fn mistakes_of_all_members_are_told_once() {
    let project = project();
    project.file("x.yaml", EXPERIMENT.replace("  take:", "  tkae: [1, 2]\n  take:"));
    let answer = run(&project, "plan x.yaml --format json");
    assert_eq!(answer.code, 3);
    let told = answer.json()["error"]["diagnostics"].as_array().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["file"], &told[0]["line"]), (&"x.yaml".into(), &7.into()));
    assert_eq!(told[0]["help"][0], "did you mean `take`?");
}

#[test]
fn an_experiment_is_not_called_as_one_of_its_pipelines() {
    let project = project();
    project.file("a_and_b.yaml", "name: a\npipelines: [a.yaml, b.yaml]\n");
    let answer = run(&project, "plan a_and_b.yaml");
    assert_eq!(answer.code, 3);
    assert!(answer.stderr.contains("are called `a`"), "{}", answer.stderr);
}

#[test]
fn the_shipped_experiments_are_planned_and_their_members_share_the_initial_model_of_a_seed() {
    let project = Project::new();
    // Of the optimizers each member has a training of its own.
    for (name, members, trainings) in [
        ("strategies", 21, 3),
        ("references", 18, 3),
        ("initial_size", 32, 8),
        ("presets", 30, 3),
        ("queries", 30, 3),
        ("thresholds", 12, 2),
        ("optimizers", 20, 20),
    ] {
        let plan = project
            .done(&format!("plan experiments/{name}.yaml --format json"))
            .json();
        let stages: Vec<&str> = plan
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["stage"].as_str().unwrap())
            .collect();
        let count = |ending: &str| stages.iter().filter(|stage| stage.ends_with(ending)).count();
        assert_eq!(count("/tables"), members, "{name}");
        assert_eq!(count("/initial"), trainings, "{name}");
        assert!(stages.contains(&"comparison.charts"), "{name}");
    }
}
