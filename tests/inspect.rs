//! The commands that look at runs and reasons.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Answer, Project};

/// The id of the newest run.
fn newest(project: &Project) -> String {
    let runs = project.done("runs --format json").json();
    runs[0]["run"].as_str().unwrap().to_owned()
}

#[test]
fn explain_tells_every_difference_and_the_stage_that_a_changed_input_comes_from() {
    let project = Project::with_data();
    project.done("run data.yaml");
    project.done("run data.yaml -S images=9 --target source");
    let text = project.done("explain data.yaml -S images=9 -S seed=1").stdout;
    assert!(text.contains("hit      source"), "{text}");
    let explained = project
        .done("explain data.yaml split -S images=9 -S seed=1 --format json")
        .json();
    assert_eq!(
        explained.as_array().unwrap().len(),
        1,
        "only the stage that was asked for"
    );
    let causes = &explained[0]["causes"];
    assert_eq!(
        causes[0]["what"],
        json!({"reason": "param-changed", "path": "seed", "old": 0, "new": 1})
    );
    assert_eq!(causes[1]["what"]["port"], "dataset");
    assert_eq!(
        causes[1]["from"],
        json!({"source": "stage", "stage": "source", "output": "dataset"})
    );
    let digests = [&causes[1]["what"]["old"], &causes[1]["what"]["new"]];
    assert!(digests[0].is_string() && digests[1].is_string() && digests[0] != digests[1]);
    assert_eq!(explained[0]["record"]["stage"], "split");
}

#[test]
fn explain_names_the_files_of_an_outside_folder_that_changed() {
    let project = Project::new();
    project.done("data shapes drawn --train 3 --test 2");
    project.file(
        "voc.yaml",
        "stages: {read: {uses: parse-voc, with: {roots: drawn, set: all}}}",
    );
    project.done("run voc.yaml");
    assert!(project.done("explain voc.yaml").stdout.starts_with("hit"));
    let mut names: Vec<String> = fs_err::read_dir(project.path("drawn/Annotations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let name = format!("Annotations/{}", names[1]);
    let text = fs_err::read_to_string(project.path("drawn").join(&name)).unwrap();
    project.file(&format!("drawn/{name}"), text + "\n");
    project.file("drawn/Annotations/new.xml", "<annotation/>");
    let files = &project.done("explain voc.yaml --format json").json()[0]["causes"][0]["files"];
    assert_eq!(files["changed"], json!([name]));
    assert_eq!(files["added"], json!(["Annotations/new.xml"]));
    let told = project.done("explain voc.yaml").stdout;
    assert!(told.contains(&format!("{name}, Annotations/new.xml (new)")), "{told}");
}

#[test]
fn runs_lists_each_run_with_its_end_and_counts() {
    let project = Project::with_data();
    project.done("run data.yaml");
    project.done("run data.yaml");
    project.file(
        "fails.yaml",
        "stages: {read: {uses: parse-voc, with: {roots: nowhere}}}",
    );
    project.run("run fails.yaml");
    let runs = project.done("runs --format json").json();
    let told = |at: usize| (runs[at]["state"].clone(), runs[at]["counts"].clone());
    let (state, counts) = told(0);
    assert_eq!((state, &counts["failed"]), (json!("failed"), &json!(1)));
    assert_eq!((told(1).0, &told(1).1["cached"]), (json!("finished"), &json!(3)));
    assert_eq!((told(2).0, &told(2).1["ran"]), (json!("finished"), &json!(3)));
    assert_eq!(runs[0]["command"], json!(["run", "fails.yaml"]));
    let newest = project.done("runs -n 1").stdout;
    assert!(
        newest.lines().count() == 2 && newest.ends_with("run fails.yaml\n"),
        "{newest}"
    );
}

#[test]
fn show_finds_a_stage_by_pipeline_by_run_and_by_key() {
    let project = Project::with_data();
    project.done("run data.yaml");
    let shown = project.done("show data.yaml batch --format json").json();
    let stage = &shown[0];
    assert_eq!(stage["params"]["take"], 2);
    assert_eq!(stage["inputs"][1]["port"], "pool");
    assert_eq!(stage["inputs"][1]["from"]["stage"], "split");
    assert_eq!(stage["metrics"]["batch"], 2.0);
    let path = stage["outputs"]["pool"]["path"].as_str().unwrap();
    assert_eq!(fs_err::metadata(path).unwrap().len(), stage["outputs"]["pool"]["bytes"]);
    let run = newest(&project);
    assert_eq!(project.done(&format!("show {run} batch --format json")).json(), shown);
    let key = stage["key"].as_str().unwrap();
    let by_key = project.done(&format!("show {} --format json", &key[..8])).json();
    assert_eq!(by_key[0]["outputs"], stage["outputs"]);
    let text = project.done("show data.yaml batch").stdout;
    assert!(text.contains(key) && text.contains("from `split.pool`"), "{text}");
}

#[test]
fn what_cannot_be_shown_is_told_with_a_hint() {
    let project = Project::with_data();
    for (arguments, code, part) in [
        ("show data.yaml batch", 3, "asm-pipe run"),
        ("show data.yaml btch", 2, "did you mean `batch`?"),
        ("show data.yaml", 2, "source split batch"),
        ("show missing.yaml batch", 3, "no such file"),
        ("show 20000101 batch", 3, "asm-pipe runs"),
        ("explain data.yaml btch", 2, "did you mean `batch`?"),
        ("runs", 4, "asm-pipe run"),
        ("log batch", 4, "asm-pipe run"),
    ] {
        let answer = project.run(arguments);
        assert_eq!(answer.code, code, "{arguments}\n{}", answer.stderr);
        assert!(answer.stderr.contains(part), "{arguments}\n{}", answer.stderr);
    }
    assert!(!project.path(".asm-pipe").exists());
}

#[test]
fn get_copies_an_output_and_replaces_nothing_unless_told_to() {
    let project = Project::with_data();
    project.done("run data.yaml");
    project.done("get data.yaml split.pool copy");
    let shown = project.done("show data.yaml split --format json").json();
    let path = shown[0]["outputs"]["pool"]["path"].as_str().unwrap();
    assert_eq!(fs_err::read(project.path("copy")).unwrap(), fs_err::read(path).unwrap());
    project.file("copy", "mine");
    let refused = project.run("get data.yaml split.pool copy");
    assert_eq!(
        (
            refused.code,
            fs_err::read_to_string(project.path("copy")).unwrap().as_str()
        ),
        (2, "mine")
    );
    project.done("get data.yaml split.pool copy --force");
    assert_eq!(fs_err::read(project.path("copy")).unwrap(), fs_err::read(path).unwrap());
    project.done(&format!("get {} source.dataset folder", newest(&project)));
    assert!(project.path("folder/images.parquet").exists());
    for (what, part) in [
        ("split", "split.pool"),
        ("split.pol", "split.pool"),
        ("splt.pool", "`split`"),
    ] {
        let answer = project.run(&format!("get data.yaml {what} other"));
        assert!(
            answer.code == 2 && answer.stderr.contains(part),
            "{what}: {}",
            answer.stderr
        );
    }
    assert!(!project.path("other").exists());
}

#[test]
fn diff_puts_two_runs_or_a_run_and_a_pipeline_side_by_side() {
    let project = Project::with_data();
    project.done("run data.yaml");
    let first = newest(&project);
    project.done("run data.yaml -S seed=1 -S images=9");
    let second = newest(&project);
    let found = project.done(&format!("diff {first} {second} --format json")).json();
    let comparison = &found["comparison"];
    let pair = |list: &Value, stage: &str, what: &str| -> Value {
        let list = list.as_array().unwrap().iter();
        let found = list.clone().find(|pair| pair["stage"] == stage && pair["what"] == what);
        json!([found.unwrap()["first"], found.unwrap()["second"]])
    };
    assert_eq!(comparison["params"].as_array().unwrap().len(), 2);
    assert_eq!(pair(&comparison["params"], "split", "seed"), json!([0, 1]));
    assert_eq!(pair(&comparison["metrics"], "source", "images"), json!([8.0, 9.0]));
    let outputs = pair(&comparison["outputs"], "split", "pool");
    assert_ne!(outputs[0], outputs[1]);
    let same = project
        .done(&format!("diff {second} data.yaml -S seed=1 -S images=9"))
        .stdout;
    assert!(
        same.contains("no param differs") && same.contains("equal outputs: 12"),
        "{same}"
    );
    assert!(!same.contains("different"), "{same}");
}

/// A provider whose kind says something, waits for the file `go` beside it, says something more and ends.
const TALK: &str = r#"#!/usr/bin/env python3
import json, os, sys, time

def tell(**message):
    print(json.dumps(message), flush=True)

if sys.argv[1] == "describe":
    kind = {"name": "talk", "version": 1, "summary": "talks", "inputs": [],
            "params": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
            "outputs": [{"name": "text", "artifact": "text", "doc": "what it said"}]}
    print(json.dumps({"format": 1, "kinds": [kind]}))
    sys.exit()
for line in sys.stdin:
    with open(line.rstrip("\n") + "/job.json") as file:
        job = json.load(file)
    tell(event="log", line="begun")
    tell(event="progress", done=3, total=10, unit="epoch", fields={"loss": 0.25})
    beside = os.path.dirname(os.path.abspath(sys.argv[0]))
    while os.path.exists(beside) and not os.path.exists(beside + "/go"):
        time.sleep(0.02)
    tell(event="log", line="ended " + job["params"]["word"])
    open(job["outputs"]["text"], "w").close()
    tell(event="done", metrics={}, notes=[])
"#;

/// A project with that provider, and a pipeline with a stage of its kind.
struct Talking(Project);

impl Talking {
    fn new() -> Self {
        let project = Project::new();
        project.file(
            "talk.yaml",
            "params: {word: one}\nstages: {saying: {uses: talk, with: {word: \"${word}\"}}}",
        );
        fs_err::create_dir_all(project.path("providers")).unwrap();
        // By another process: a program that is open for writing here while another test forks could not be started.
        let mut shell = Command::new("sh")
            .args(["-c", "cat > \"$1\"; chmod 755 \"$1\"", "sh"])
            .arg(project.path("providers/asm-pipe-talk"))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        shell.stdin.take().unwrap().write_all(TALK.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        Self(project)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = self.0.command(arguments);
        command.env("ASM_PIPE_PROVIDERS", self.0.path("providers"));
        command
    }

    fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn done(&self, arguments: &str) -> Answer {
        let answer = Answer::of(self.command(arguments).output().unwrap());
        assert_eq!(answer.code, 0, "{arguments}\n{}", answer.stderr);
        answer
    }

    fn let_go(&self) {
        self.0.file("providers/go", "");
    }
}

#[test]
fn the_log_is_that_of_the_newest_run_that_has_one_by_name_or_its_beginning() {
    let project = Talking::new();
    project.let_go();
    project.done("run talk.yaml");
    let first = newest(&project.0);
    project.done("run talk.yaml -S word=two");
    project.done("run talk.yaml");
    assert_eq!(project.done("log saying").stdout, "begun\nended two\n");
    assert_eq!(project.done("log say").stdout, "begun\nended two\n");
    let by_run = project.done(&format!("log saying --run {first} --format json")).json();
    assert_eq!(by_run["lines"], json!(["begun", "ended one"]));
    let missing = project.0.run("log sayin-g");
    assert!(
        missing.code == 3 && missing.stderr.contains("did you mean `saying`?"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_run_can_be_watched_from_another_terminal() {
    let project = Talking::new();
    let run = project.start("run talk.yaml");
    let mut status = Value::Null;
    while status["stages"]["saying"]["reached"].is_null() {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let answer = project.0.run("status --format json");
        if answer.code == 0 {
            status = answer.json();
            assert_eq!(status["state"]["state"], "running", "it waits for the test: {status}");
        }
    }
    assert_eq!(status["stages"]["saying"]["state"], "running");
    assert_eq!(status["stages"]["saying"]["reached"]["progress"]["done"], 3);
    let told = project.0.done("status").stdout;
    assert!(
        told.contains("running for") && told.contains("3/10 epochs  loss 0.250"),
        "{told}"
    );
    assert_eq!(project.0.done("runs --format json").json()[0]["state"], "running");
    let follower = project.start("log saying --follow");
    project.let_go();
    let followed = Answer::of(follower.wait_with_output().unwrap());
    assert_eq!(
        (followed.code, followed.stdout.as_str()),
        (0, "begun\nended one\n"),
        "{}",
        followed.stderr
    );
    assert_eq!(Answer::of(run.wait_with_output().unwrap()).code, 0);
    assert_eq!(project.0.done("runs --format json").json()[0]["state"], "finished");
}
