//! The commands without libtorch: what they answer, and with which exit code.

use std::io::{BufRead, BufReader};

use asm_pipe::run::Event;

use crate::support::{DATA, Project, ends};

#[test]
fn a_second_run_is_answered_from_the_store() {
    let project = Project::with_data();
    let first = project.done("run data.yaml --format json").events();
    let second = project.done("run data.yaml --format json").events();
    assert!(ends(&first).values().all(|end| *end == "ran"));
    assert_eq!(ends(&second).len(), 3);
    assert!(ends(&second).values().all(|end| *end == "cached"));
}

#[test]
fn a_changed_param_is_named_by_the_plan_and_runs_only_what_it_reaches() {
    let project = Project::with_data();
    project.done("run data.yaml");
    let plan = project.done("plan data.yaml -S seed=1").stdout;
    assert!(plan.contains("cached  source"), "{plan}");
    assert!(plan.contains("param `seed` changed from 0 to 1"), "{plan}");
    let events = project.done("run data.yaml -S seed=1 --format json").events();
    assert_eq!(ends(&events)["source"], "cached");
    assert_eq!(ends(&events)["split"], "ran");
    let back = project.done("run data.yaml --format json").events();
    assert!(
        ends(&back).values().all(|end| *end == "cached"),
        "going back runs nothing"
    );
}

#[test]
fn a_plan_touches_nothing() {
    let project = Project::with_data();
    project.done("plan data.yaml");
    assert!(!project.path(".asm-pipe").exists());
    assert!(!project.path("results").exists());
}

#[test]
fn a_target_needs_only_what_is_before_it() {
    let project = Project::with_data();
    let events = project.done("run data.yaml --target split --format json").events();
    assert_eq!(ends(&events).into_keys().collect::<Vec<_>>(), ["source", "split"]);
}

#[test]
fn a_forced_stage_runs_though_it_is_cached() {
    let project = Project::with_data();
    project.done("run data.yaml");
    let events = project.done("run data.yaml --force split --format json").events();
    assert_eq!(ends(&events)["split"], "ran");
    let reason = events.iter().find_map(|event| match event {
        Event::StageStarted { stage, reason, .. } if stage == "split" => Some(reason.as_str()),
        _ => None,
    });
    assert_eq!(reason, Some("forced"));
    assert_eq!(ends(&events)["batch"], "cached", "the same bytes end the wave");
}

#[test]
fn pipelines_given_together_share_what_is_the_same() {
    let project = Project::with_data();
    project.file(
        "other.yaml",
        DATA.replace("name: data", "name: other").replace("take: 2", "take: 1"),
    );
    let events = project.done("run data.yaml other.yaml --format json").events();
    let names: Vec<String> = ends(&events).into_keys().collect();
    assert_eq!(names, ["data/batch", "data/source", "data/split", "other/batch"]);
}

#[test]
fn the_graph_is_drawn_in_every_format() {
    let project = Project::with_data();
    for (format, part) in [
        ("ascii", "split-pools"),
        ("mermaid", "flowchart"),
        ("dot", "digraph"),
        ("svg", "</svg>"),
    ] {
        let text = project.done(&format!("graph data.yaml --format {format}")).stdout;
        assert!(text.contains(part), "{format}: {text}");
    }
}

#[test]
fn params_prints_a_pipeline_that_runs_the_same() {
    let project = Project::with_data();
    project.done("run data.yaml -S images=9");
    let resolved = project.done("params data.yaml -S images=9").stdout;
    project.file("resolved.yaml", resolved);
    let events = project.done("run resolved.yaml --format json").events();
    assert!(ends(&events).values().all(|end| *end == "cached"), "{events:?}");
}

#[test]
fn a_params_file_and_the_command_line_win_over_the_pipeline_in_this_order() {
    let project = Project::with_data();
    project.file("mine.yaml", "images: 9\nseed: 3\n");
    let params = project
        .done("params data.yaml --params mine.yaml -S seed=4 --format json")
        .json();
    assert_eq!(params["data"], serde_json::json!({"images": 9, "seed": 4}));
}

#[test]
fn status_tells_of_the_newest_run() {
    let project = Project::with_data();
    project.done("run data.yaml");
    project.done("run data.yaml");
    let newest = project.done("status").stdout;
    assert!(newest.contains("3 cached"), "{newest}");
}

#[test]
fn stages_explains_every_kind_that_it_lists() {
    let project = Project::with_data();
    let kinds = project.done("stages --format json").json();
    let names: Vec<&str> = kinds
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["name"].as_str().unwrap())
        .collect();
    for wanted in ["train", "detect", "parse-voc", "select-topk-v3"] {
        assert!(names.contains(&wanted), "{names:?}");
    }
    for name in names {
        let text = project.done(&format!("stages {name}")).stdout;
        assert!(text.starts_with(name) && text.contains("Outputs"), "{text}");
    }
}

#[test]
fn exec_runs_one_kind_alone_on_files() {
    let project = Project::new();
    project.done("exec shapes --set images=4 --out drawn");
    project.done("exec split-pools --in dataset=drawn/dataset --set initial=1 --set validation=1 --out split");
    assert!(project.path("split/pool").exists());
    assert!(!project.path(".asm-pipe").exists(), "no store is needed");
}

#[test]
fn score_reads_coco_files_and_finds_a_perfect_result_perfect() {
    let project = Project::new();
    project.file(
        "truth.json",
        r#"{"images": [{"id": 7, "width": 50, "height": 50}], "categories": [{"id": 3, "name": "cell"}],
            "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [5, 5, 20, 20], "area": 400, "iscrowd": 0}]}"#,
    );
    project.file(
        "found.json",
        r#"[{"image_id": 7, "category_id": 3, "bbox": [5, 5, 20, 20], "score": 0.9}]"#,
    );
    for protocol in ["coco", "voc07", "voc10", "detectron2-voc07"] {
        let command =
            format!("score --ground-truth truth.json --detections found.json --protocol {protocol} --format json");
        let figures = project.done(&command).json();
        assert_eq!(figures["figures"]["ap50"], 1.0, "{protocol}: {figures}");
    }
}

#[test]
fn data_shapes_writes_a_folder_that_parse_voc_reads() {
    let project = Project::new();
    project.done("data shapes drawn --train 3 --test 2");
    project.file(
        "voc.yaml",
        "stages: {read: {uses: parse-voc, with: {roots: drawn, set: test}}}",
    );
    let events = project.done("run voc.yaml --format json").events();
    let images = events.iter().find_map(|event| match event {
        Event::StageFinished { metrics, .. } => metrics.get("images").copied(),
        _ => None,
    });
    assert_eq!(images, Some(2.0));
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let project = Project::with_data();
    project.file("wrong.yaml", "stages: {a: {uses: shaps}}");
    project.file(
        "fails.yaml",
        "stages: {read: {uses: parse-voc, with: {roots: nowhere}}}",
    );
    project.file("file", "no store");
    for (arguments, code, part) in [
        ("run data.yaml --quiet", 0, ""),
        ("run fails.yaml", 1, "nowhere"),
        ("run data.yaml --jobs 0", 2, "--jobs"),
        ("run data.yaml --target splt", 2, "split"),
        ("run data.yaml --force splt", 2, "did you mean `split`?"),
        ("run wrong.yaml", 3, "did you mean `shapes`"),
        ("run missing.yaml", 3, "no such file"),
        ("stages trian", 3, "did you mean `train`"),
        ("run data.yaml --store file", 4, "it is a file"),
    ] {
        let answer = project.run(arguments);
        assert_eq!(answer.code, code, "{arguments}\n{}", answer.stderr);
        assert!(answer.stderr.contains(part), "{arguments}\n{}", answer.stderr);
    }
}

#[test]
fn a_failure_is_told_as_json_when_that_was_asked_for() {
    let project = Project::new();
    project.file("wrong.yaml", "stages:\n  a: {uses: shaps}\n");
    let answer = project.run("run wrong.yaml --format json");
    assert_eq!(answer.code, 3);
    let error = &answer.json()["error"];
    assert_eq!(error["kind"], "invalid");
    assert_eq!(error["diagnostics"][0]["line"], 2);
}

#[test]
fn ctrl_c_ends_with_130_and_the_next_run_goes_on() {
    let project = Project::new();
    project.file("many.yaml", DATA.replace("images: 8", "images: 300"));
    let mut child = project.start("run many.yaml --format json");
    // Once the first stage has started, the program listens. The pipe stays open: what it says further is read below.
    let mut told = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("stage-started") {
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "it ended before a stage started");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    std::io::copy(&mut told, &mut std::io::sink()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(project.run("status").stdout.contains("interrupted"));
    project.done("run many.yaml -S images=8");
}

#[test]
fn the_project_file_sets_what_command_line_and_environment_leave_open() {
    let project = Project::new();
    project.file("work/pipelines/data.yaml", DATA);
    project.file("work/asm-pipe.toml", "store = 'kept'\nresults = 'told'\n");
    project.done("run work/pipelines/data.yaml --quiet");
    assert!(project.path("work/kept/records").exists());
    assert!(!project.path(".asm-pipe").exists());
    let mut command = project.command("run work/pipelines/data.yaml --quiet");
    command.env("ASM_PIPE_STORE", "by-environment");
    assert!(command.status().unwrap().success());
    assert!(project.path("by-environment/records").exists());
    let mut command = project.command("run work/pipelines/data.yaml --quiet --store by-hand");
    command.env("ASM_PIPE_STORE", "not-this");
    assert!(command.status().unwrap().success());
    assert!(project.path("by-hand/records").exists());
    assert!(!project.path("not-this").exists());
}

#[test]
fn a_wrong_project_file_is_told_with_its_line_and_stops_everything() {
    let project = Project::with_data();
    project.file("asm-pipe.toml", "# ours\n[slurm]\npartitoin = 'gpu'\n");
    for arguments in ["run data.yaml", "status"] {
        let answer = project.run(arguments);
        assert_eq!(answer.code, 3, "{arguments}");
        assert!(answer.stderr.contains("asm-pipe.toml:3:1"), "{}", answer.stderr);
        assert!(answer.stderr.contains("did you mean `partition`?"), "{}", answer.stderr);
    }
    let answer = project.run("run data.yaml --format json");
    assert_eq!(answer.json()["error"]["diagnostics"][0]["line"], 3);
}
