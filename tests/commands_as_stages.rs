//! `uses: command`: any program as a stage, with time limits and repetitions.

use std::time::{Duration, Instant};

use asm_pipe::run::Event;
use serde_json::json;

use crate::support::{Project, ends};

#[test]
fn a_program_reads_inputs_and_writes_outputs_that_are_cached() {
    let project = Project::new();
    project.file(
        "double.py",
        "import sys\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read() * 2)\n",
    );
    project.file(
        "p.yaml",
        r#"stages:
  word: {uses: command, with: {run: "printf '%s' \"$WORD\" > {out.text}", env: {WORD: abc}, out: {text: text}}}
  twice: {uses: command, in: {text: word}, with: {run: [python3, double.py, "{in.text}", "{out.text}"], files: [double.py], out: {text: text}}}
"#,
    );
    let first = project.done("run p.yaml --format json").events();
    assert!(ends(&first).values().all(|end| *end == "ran"));
    project.done("run p.yaml");
    let again = project.done("run p.yaml --format json").events();
    assert!(ends(&again).values().all(|end| *end == "cached"));
    // A script counts by its content.
    project.file(
        "double.py",
        "import sys\nopen(sys.argv[2], 'w').write(open(sys.argv[1]).read() * 3)\n",
    );
    let changed = project.done("run p.yaml --format json").events();
    assert_eq!((ends(&changed)["word"], ends(&changed)["twice"]), ("cached", "ran"));
}

#[test]
fn datasets_go_out_as_json_and_detections_come_back_checked() {
    let project = Project::new();
    let script = r#"
import json, sys
data = json.load(open(sys.argv[1]))
found = [{"id": i["id"], "boxes": [{"box": b["box"], "class": b["class"], "score": 0.5} for b in i["boxes"]]} for i in data["images"]]
json.dump({"classes": data["classes"], "images": found}, open(sys.argv[2], "w"))
print(json.dumps({"event": "done", "metrics": {"images": len(found)}}))
"#;
    project.file("oracle.py", script);
    project.file(
        "p.yaml",
        r#"stages:
  source: {uses: shapes, with: {set: test, images: 4}}
  detect:
    uses: command
    in: {dataset: source.dataset}
    with: {run: [python3, oracle.py, "{in.dataset:json}", "{out.detections}"], files: [oracle.py], out: {detections: detections}}
  evaluate: {uses: evaluate, in: {detections: detect, dataset: source.dataset}}
"#,
    );
    let events = project.done("run p.yaml --format json").events();
    let ap50 = |stage_name: &str, metric: &str| {
        events.iter().find_map(|event| match event {
            Event::StageFinished { stage, metrics, .. } if stage == stage_name => metrics.get(metric).copied(),
            _ => None,
        })
    };
    assert_eq!(ap50("evaluate", "ap50"), Some(1.0));
    assert_eq!(ap50("detect", "images"), Some(4.0));
    project.file(
        "oracle.py",
        "import sys\nopen(sys.argv[2], 'w').write('{\"classes\": []}')\n",
    );
    let answer = project.run("run p.yaml");
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("output `detections` is no `detections`"),
        "{}",
        answer.stderr
    );
}

#[test]
fn what_goes_wrong_is_told_with_the_end_of_the_log() {
    let project = Project::new();
    let pipeline = |run: &str| format!("stages: {{a: {{uses: command, with: {{run: {run}, out: {{x: text}}}}}}}}");
    for (run, part) in [
        ("'echo about to fail; exit 3'", "exit status 3"),
        ("'echo about to fail; exit 3'", "about to fail"),
        ("'true'", "did not write its output `x`"),
        ("[no-such-program]", "cannot start `no-such-program`"),
        ("'kill -SEGV $$'", "SIGSEGV"),
    ] {
        project.file("p.yaml", pipeline(run));
        let answer = project.run("run p.yaml");
        assert_eq!(answer.code, 1, "{run}");
        assert!(answer.stderr.contains(part), "{run}\n{}", answer.stderr);
    }
    project.file("p.yaml", pipeline("'echo {out.y}'"));
    let answer = project.run("run p.yaml");
    assert_eq!(answer.code, 3);
    assert!(answer.stderr.contains("there is `{out.x}`"), "{}", answer.stderr);
}

#[test]
fn a_stage_that_takes_too_long_is_ended_with_all_that_it_started() {
    let project = Project::new();
    project.file(
        "p.yaml",
        r#"stages: {a: {uses: command, timeout: 0.4, with: {run: "sleep 71 & echo $! > {keep}/pid; wait", out: {x: text}}}}"#,
    );
    let answer = project.run("run p.yaml");
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("took longer than its `timeout`"),
        "{}",
        answer.stderr
    );
    let scratch = fs_err::read_dir(project.path(".asm-pipe/scratch"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let pid = fs_err::read_to_string(scratch.path().join("keep/pid")).unwrap();
    // It may be a moment until the kernel has done what it was told.
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let status = fs_err::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        if status.is_empty() || status.contains(") Z ") {
            break;
        }
        assert!(Instant::now() < end, "the child still runs: {status}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_stage_that_fails_is_tried_again_as_often_as_it_may_be() {
    let project = Project::new();
    project.file(
        "p.yaml",
        r#"stages: {a: {uses: command, retries: 1, with: {run: "echo x >> {keep}/tries; test $(wc -l < {keep}/tries) -ge ${needed}; echo ok > {out.x}", out: {x: text}}}}
params: {needed: 2}"#,
    );
    let events = project.done("run p.yaml --format json").events();
    assert!(events.iter().any(|event| matches!(
        event,
        Event::StageRetried {
            attempt: 1,
            retries: 1,
            ..
        }
    )));
    assert_eq!(project.run("run p.yaml -S needed=9").code, 1);
}

#[test]
fn what_a_stage_may_take_is_checked_and_does_not_count_into_its_key() {
    let project = Project::new();
    let pipeline = |limits: &str| {
        format!(
            "stages: {{a: {{uses: command, {limits}with: {{run: 'echo $ASM_PIPE_CPUS > {{out.x}}', out: {{x: text}}}}}}}}"
        )
    };
    project.file("p.yaml", pipeline(""));
    project.done("run p.yaml");
    project.file("p.yaml", pipeline("cpus: 2, memory: 1GiB, timeout: 2h, retries: 3, "));
    let events = project.done("run p.yaml --format json").events();
    assert_eq!(ends(&events)["a"], "cached");
    for (limits, part) in [
        ("memory: much", "`memory` must be a size"),
        ("timeout: -1", "`timeout` must be a time"),
        ("retries: x", "`retries`"),
    ] {
        project.file("p.yaml", pipeline(&format!("{limits}, ")));
        let answer = project.run("run p.yaml");
        assert_eq!(
            (answer.code, answer.stderr.contains(part)),
            (3, true),
            "{limits}\n{}",
            answer.stderr
        );
    }
}

#[test]
fn exec_runs_a_command_alone() {
    let project = Project::new();
    project.file("in.txt", "abc");
    let answer = project
        .command("exec command --in text=in.txt --out made --format json")
        .args([
            "--set",
            "run=tr a-z A-Z < {in.text} > {out.upper}",
            "--set",
            "out={upper: text}",
        ])
        .output()
        .unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    assert_eq!(fs_err::read_to_string(project.path("made/upper")).unwrap(), "ABC");
    assert_ne!(
        json!(null),
        serde_json::from_slice::<serde_json::Value>(&answer.stdout).unwrap()
    );
}

#[test]
fn the_example_provider_of_the_documentation_serves_its_kind() {
    let project = Project::new();
    project.file("p.yaml", "stages:\n  list: {uses: command, with: {run: \"printf 'a\\\\nb\\\\na\\\\n' > {out.list}\", out: {list: text}}}\n  count: {uses: count-classes, in: {list: list}, with: {least: 2}}\n");
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let output = project
        .command("run p.yaml --format json")
        .env("ASM_PIPE_PROVIDERS", docs)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let events = crate::support::Answer::of(output).events();
    let classes = events.iter().find_map(|event| match event {
        Event::StageFinished { stage, metrics, .. } if stage == "count" => metrics.get("classes").copied(),
        _ => None,
    });
    assert_eq!(classes, Some(1.0));
}
