//! The main job with real trainings, small: `--profile quick`. The trainings need `asm-pipe-torch` beside the program.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use asm_pipe::run::{Event, Moment};

use crate::support::{Answer, Project, digests, ends};

const RUN: &str = "run pipelines/topk_v3.yaml --profile quick --format json";

#[test]
fn it_trains_writes_results_and_is_answered_from_the_store_the_second_time() {
    let project = Project::new();
    let first = project.done(RUN).events();
    // The evaluation set that could grow does not, so that the second round's is the first's.
    let mut not_run = ends(&first);
    not_run.retain(|stage, end| *end != "ran" && stage != "round-2.evaluate_growing");
    assert!(not_run.is_empty(), "{not_run:?}");
    for file in [
        "rounds.csv",
        "rounds.parquet",
        "summary.csv",
        "index.html",
        "charts/ap50_over_rounds.svg",
        "charts/ap50_over_rounds.png",
        "tensorboard/initial/events.out.tfevents.0.asm-pipe",
        "tensorboard/retrain-2/events.out.tfevents.0.asm-pipe",
    ] {
        assert!(project.path("results/topk_v3").join(file).is_file(), "{file}");
    }
    let rounds = fs_err::read_to_string(project.path("results/topk_v3/rounds.csv")).unwrap();
    assert_eq!(
        rounds.lines().count(),
        4,
        "a head, the initial model and two rounds\n{rounds}"
    );
    let events =
        fs_err::read(project.path("results/topk_v3/tensorboard/rounds/events.out.tfevents.0.asm-pipe")).unwrap();
    let tags = [
        "test/AP_75",
        "detections/2",
        "retrain/images_per_second",
        "annotations/SL_to_AL",
        "detections/3",
    ];
    let counts = tags.map(|tag| events.windows(tag.len()).filter(|part| *part == tag.as_bytes()).count());
    assert_eq!(counts, [3, 3, 2, 2, 0]);
    let page = fs_err::read_to_string(project.path("results/topk_v3/index.html")).unwrap();
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(outside), "the page needs `{outside}`");
    }

    let second = project.done(RUN).events();
    assert!(
        ends(&second).values().all(|end| *end == "cached"),
        "{:?}",
        ends(&second)
    );

    // Another strategy shares everything up to its first selection.
    let other = "pipelines/topk_v2.yaml --profile quick --format json";
    let plan = project.done(&format!("plan {other}")).json();
    let hit = |stage: &str| {
        let rows = plan.as_array().unwrap();
        let row = rows.iter().find(|row| row["stage"] == stage).unwrap();
        row["forecast"].to_string().contains("hit")
    };
    assert!(hit("initial") && hit("round-1.merge") && !hit("round-1.select"));
    let ran = ends(&project.done(&format!("run {other}")).events());
    assert_eq!((ran["initial"], ran["round-1.detect"]), ("cached", "cached"));
    assert_eq!(ran["round-1.select"], "ran");

    // A threshold of the merge does not detect again, and is the reason for all that runs.
    let plan = project
        .done("plan pipelines/topk_v3.yaml --profile quick -S merge.certain=0.7")
        .stdout;
    for line in plan.lines().filter(|line| line.starts_with("run ")) {
        assert!(line.contains("param `certain` changed from 0.8 to 0.7"), "{line}");
    }
    assert!(plan.contains("cached  round-1.detect"), "{plan}");
    let changed = project.done(&format!("{RUN} -S merge.certain=0.7")).events();
    assert_eq!(ends(&changed)["round-1.detect"], "cached");
    assert_eq!(ends(&changed)["round-1.merge"], "ran");
}

#[test]
fn the_digests_are_the_same_one_by_one_and_after_a_kill_in_the_middle_of_a_training() {
    let whole = Project::new();
    let expected = digests(&whole.done(&format!("{RUN} --jobs 1")).events());
    assert!(expected.len() > 20);

    let cut = Project::new();
    let mut command = cut.command(RUN);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut made = BTreeMap::new();
    for line in lines {
        let moment: Moment = serde_json::from_str(&line.unwrap()).unwrap();
        match moment.what {
            // The second of two epochs has begun: there is a checkpoint to go on from.
            Event::StageProgress { stage, progress } if stage == "initial" && progress.done > 12 => break,
            other => made.extend(digests(&[other])),
        }
    }
    let group = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    child.wait().unwrap();
    let status = cut.done("status").stdout;
    assert!(status.contains("died"), "{status}");

    let rest = cut.done(&format!("{RUN} --jobs 2")).events();
    assert!(!made.contains_key("initial.model"), "the training was cut off");
    made.extend(digests(&rest));
    assert_eq!(made, expected);
}

#[test]
fn two_runs_at_once_share_one_store_and_compute_nothing_twice() {
    let project = Project::new();
    let arguments = "run pipelines/topk_v3.yaml --profile quick --target round-1.merge --format json";
    let children = [project.start(arguments), project.start(arguments)];
    let mut times_made: BTreeMap<String, u32> = BTreeMap::new();
    for child in children {
        let answer = Answer::of(child.wait_with_output().unwrap());
        assert_eq!(answer.code, 0, "{}", answer.stdout);
        for (stage, end) in ends(&answer.events()) {
            let times = times_made.entry(stage).or_default();
            *times += u32::from(end == "ran");
        }
    }
    assert!(times_made.values().all(|times| *times == 1), "{times_made:?}");
}

#[test]
fn a_training_with_its_own_number_of_cores_is_the_same_whatever_the_run_has() {
    let model = |cores: u32| {
        let run = format!("{RUN} --target initial --cpus {cores} -S cpus=1");
        digests(&Project::new().done(&run).events())["initial.model"].clone()
    };
    assert_eq!(model(1), model(2));
}
