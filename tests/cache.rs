//! Looking after the store: size, health, repair, collection, archives, and whether stages give the same bytes twice.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Answer, DATA, Project, digests, ends};

/// Runs the pipeline; the digests of all outputs.
fn made(project: &Project) -> BTreeMap<String, String> {
    digests(&project.done("run data.yaml --format json").events())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn object(project: &Project, digest: &str) -> PathBuf {
    project.path(".asm-pipe/objects").join(&digest[..2]).join(&digest[2..])
}

fn overwrite(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs_err::read(path).unwrap();
    change(&mut bytes);
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(path, bytes).unwrap();
}

/// The record file of a stage.
fn record(project: &Project, stage: &str) -> PathBuf {
    let named = format!("\"stage\":\"{stage}\"");
    let mut found = files(&project.path(".asm-pipe/records")).into_iter();
    found
        .find(|path| fs_err::read_to_string(path).unwrap().contains(&named))
        .unwrap()
}

fn all_cached(project: &Project, arguments: &str) -> bool {
    let events = project
        .done(&format!("run data.yaml {arguments} --format json"))
        .events();
    ends(&events).values().all(|end| *end == "cached")
}

#[test]
fn size_tells_of_every_part_and_of_the_largest_outputs_with_their_stage() {
    let project = Project::with_data();
    made(&project);
    let text = project.done("cache size").stdout;
    for part in [
        "objects",
        "records",
        "scratch",
        "runs",
        "source.images",
        "gc` would free",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = project.done("cache size --format json").json();
    assert_eq!(json["parts"]["records"]["count"], 3);
    assert_eq!(json["parts"]["runs"]["count"], 1);
    assert_eq!(
        json["parts"]["objects"]["count"],
        files(&project.path(".asm-pipe/objects")).len()
    );
    assert_eq!(json["largest"][0]["output"], "source.images");
    assert_eq!(json["gc"]["frees"], 0);
}

#[test]
fn commands_that_need_a_store_say_that_there_is_none_and_make_none() {
    let project = Project::with_data();
    for command in ["size", "verify", "gc", "export out", "repair data.yaml"] {
        let answer = project.run(&format!("cache {command}"));
        assert_eq!(answer.code, 4, "{command}");
        assert!(
            answer.stderr.contains("there is no store"),
            "{command}: {}",
            answer.stderr
        );
    }
    assert!(!project.path(".asm-pipe").exists());
}

#[test]
fn verify_names_the_stage_and_the_output_of_what_is_lost_and_says_what_to_do() {
    let project = Project::with_data();
    let digests = made(&project);
    assert!(project.done("cache verify").stdout.contains("all is as it should be"));
    overwrite(&object(&project, &digests["batch.batch"]), |bytes| bytes[3] ^= 1);
    fs_err::remove_file(object(&project, &digests["split.pool"])).unwrap();
    let answer = project.run("cache verify");
    assert_eq!(answer.code, 4, "{}", answer.stderr);
    assert!(answer.stdout.contains("damaged  batch.batch"), "{}", answer.stdout);
    assert!(answer.stdout.contains("missing  split.pool"), "{}", answer.stdout);
    assert!(answer.stderr.contains("cache repair"), "{}", answer.stderr);
    let json: serde_json::Value = {
        let answer = project.run("cache verify --format json");
        let mut values = serde_json::Deserializer::from_str(&answer.stdout).into_iter();
        values.next().unwrap().unwrap()
    };
    assert_eq!(json["good"], false);
    assert_eq!(json["found"]["missing"].as_array().unwrap().len(), 2);
}

/// Spoils a store, given the digests of the outputs in it.
type Loss = fn(&Project, &BTreeMap<String, String>);

#[test]
fn repair_heals_every_kind_of_loss_with_the_same_digests_and_runs_nothing_else() {
    let losses: [(&str, Loss, &[&str]); 5] = [
        (
            "a flipped bit",
            |project, digests| overwrite(&object(project, &digests["split.pool"]), |bytes| bytes[1] ^= 4),
            &["split"],
        ),
        (
            "a cut file",
            |project, digests| overwrite(&object(project, &digests["batch.batch"]), |bytes| bytes.truncate(2)),
            &["batch"],
        ),
        (
            "a missing object",
            |project, digests| fs_err::remove_file(object(project, &digests["source.dataset"])).unwrap(),
            &["source"],
        ),
        (
            "a missing record",
            |project, _| fs_err::remove_file(record(project, "split")).unwrap(),
            &["split"],
        ),
        (
            "a damaged record and a missing object behind it",
            |project, digests| {
                overwrite(&record(project, "source"), |bytes| bytes.truncate(40));
                fs_err::remove_file(object(project, &digests["batch.batch"])).unwrap();
            },
            &["source", "batch"],
        ),
    ];
    for (loss, lose, healed) in losses {
        let project = Project::with_data();
        let before = made(&project);
        lose(&project, &before);
        // A stage that never ran is not lost.
        project.file("more.yaml", format!("{DATA}  other: {{uses: draw-batch, in: {{pool: split.pool, dataset: source.dataset}}, with: {{take: 1}}}}\n"));
        let json = project.done("cache repair more.yaml --format json").json();
        let repaired = json["repair"]["repaired"].as_array().unwrap();
        let stages: Vec<&str> = repaired
            .iter()
            .map(|repaired| repaired["stage"].as_str().unwrap())
            .collect();
        assert_eq!(stages, healed, "{loss}");
        for repaired in repaired {
            assert_eq!(repaired["changed"].as_array().unwrap().len(), 0, "{loss}");
            for output in repaired["outputs"].as_array().unwrap() {
                let name = format!(
                    "{}.{}",
                    repaired["stage"].as_str().unwrap(),
                    output[0].as_str().unwrap()
                );
                assert_eq!(output[1].as_str(), Some(before[&name].as_str()), "{loss}: {name}");
            }
        }
        assert_eq!(project.run("cache verify").code, 0, "{loss}");
        assert!(all_cached(&project, ""), "{loss}");
        let again = project.done("cache repair data.yaml").stdout;
        assert!(again.contains("0 stages repaired"), "{loss}: {again}");
    }
}

#[test]
fn what_other_pipelines_have_lost_is_told_and_left() {
    let project = Project::with_data();
    let digests = made(&project);
    project.file(
        "other.yaml",
        "name: other\nstages: {lone: {uses: shapes, with: {set: test, images: 2}}}\n",
    );
    fs_err::remove_file(object(&project, &digests["split.pool"])).unwrap();
    let text = project.done("cache repair other.yaml").stdout;
    assert!(text.contains("split.pool: these pipelines do not need it"), "{text}");
    assert_eq!(project.run("cache verify").code, 4);
}

#[test]
fn gc_keeps_what_kept_runs_used_and_removes_the_rest() {
    let project = Project::with_data();
    project.done("run data.yaml -S seed=1");
    project.done("run data.yaml -S seed=2");
    project.done("run data.yaml -S seed=3");
    let dry = project.done("cache gc --keep-runs 2 --dry-run").stdout;
    assert!(
        dry.contains("keeping 2 runs") && dry.contains("split ") && dry.contains("dry run"),
        "{dry}"
    );
    assert!(
        !dry.contains("source"),
        "what a kept run found in the store is kept: {dry}"
    );
    assert_eq!(files(&project.path(".asm-pipe/records")).len(), 7);
    let json = project.done("cache gc --keep-runs 2 --format json").json();
    assert_eq!(json["removed"], json["garbage"]);
    assert_eq!(json["removed"]["records"], 2);
    assert_eq!(json["removed"]["by_stage"]["split"]["count"], 1);
    assert_eq!(files(&project.path(".asm-pipe/records")).len(), 5);
    assert_eq!(project.done("runs --format json").json().as_array().unwrap().len(), 2);
    assert!(all_cached(&project, "-S seed=2") && all_cached(&project, "-S seed=3"));
    let gone = project.done("run data.yaml -S seed=1 --format json").events();
    assert_eq!((ends(&gone)["source"], ends(&gone)["split"]), ("cached", "ran"));
    assert_eq!(project.run("cache verify").code, 0);
}

#[test]
fn gc_without_runs_to_keep_leaves_an_empty_store_that_works() {
    let project = Project::with_data();
    let before = made(&project);
    overwrite(&object(&project, &before["batch.batch"]), |bytes| bytes[0] ^= 1);
    project.run("cache verify");
    project.done("cache gc --keep-runs 0");
    for part in [
        "objects", "records", "views", "scratch", "runs", "damaged", "tmp", "history",
    ] {
        assert_eq!(
            files(&project.path(".asm-pipe").join(part)),
            Vec::<PathBuf>::new(),
            "{part}"
        );
    }
    let text = project.done("cache gc").stdout;
    assert!(text.contains("nothing to remove"), "{text}");
    assert_eq!(made(&project), before);
}

#[test]
fn a_largest_size_removes_the_runs_that_were_not_used_for_longest_and_keeps_the_latest() {
    let project = Project::with_data();
    project.done("run data.yaml -S seed=1");
    project.done("run data.yaml -S images=20");
    project.done("run data.yaml -S seed=2");
    let size = |arguments: &str| {
        project
            .done(&format!("cache gc --dry-run --format json {arguments}"))
            .json()
    };
    assert_eq!(size("--max-size 1TiB")["kept_runs"].as_array().unwrap().len(), 3);
    let latest = size("--max-size 1")["kept_bytes"].as_u64().unwrap();
    let two = size("--keep-runs 2")["kept_bytes"].as_u64().unwrap();
    assert!(two > latest && latest > 1);
    assert_eq!(
        size(&format!("--max-size {}", two - 1))["kept_runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        size(&format!("--max-size {two}"))["kept_runs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let text = project.done("cache gc --max-size 1").stdout;
    assert!(text.contains("more than was asked for"), "{text}");
    assert!(all_cached(&project, "-S seed=2"));
    assert_eq!(project.run("cache gc --max-size lots").code, 2);
}

#[test]
fn what_a_cut_off_stage_has_kept_stays_as_long_as_its_run() {
    let project = Project::with_data();
    made(&project);
    let journal = files(&project.path(".asm-pipe/runs"));
    let journal = journal.iter().find(|path| path.ends_with("journal.jsonl")).unwrap();
    let key = "ab".repeat(32);
    let line =
        format!(r#"{{"at":1,"what":{{"event":"stage-started","stage":"x","kind":"k","key":"{key}","reason":""}}}}"#);
    overwrite(journal, |text| text.extend(format!("{line}\n").bytes()));
    let kept = project.path(".asm-pipe/scratch").join(&key).join("keep/epoch");
    let stray = project
        .path(".asm-pipe/scratch")
        .join("cd".repeat(32))
        .join("keep/epoch");
    for path in [&kept, &stray] {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "1").unwrap();
    }
    project.done("cache gc");
    assert!(kept.exists() && !stray.exists());
    project.done("cache gc --keep-runs 0");
    assert!(!kept.exists());
}

#[test]
fn a_run_that_goes_on_keeps_what_it_has_found_and_what_it_may_still_come_to() {
    let project = Project::with_data();
    project.file("asm-pipe-wait", WAITS);
    fs_err::set_permissions(project.path("asm-pipe-wait"), std::fs::Permissions::from_mode(0o755)).unwrap();
    project.file(
        "waits.yaml",
        "name: waits\nstages:\n  first: {uses: shapes, with: {set: test, images: 2}}\n  wait: {uses: wait, in: {one: first.dataset}}\n  \
         last: {uses: shapes, with: {set: test, images: 3}}\n",
    );
    let with_provider = |arguments: &str| {
        let mut command = project.command(arguments);
        command.env("ASM_PIPE_PROVIDERS", project.path("."));
        command
    };
    made(&project);
    // Made by another run under the name of a stage that the waiting run has before it.
    project.file(
        "last.yaml",
        "name: x\nstages: {wait: {uses: shapes, with: {set: test, images: 4}}}\n",
    );
    project.done("run last.yaml");
    let mut child = with_provider("run waits.yaml --quiet").spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !project.path("started").exists() {
        assert!(std::time::Instant::now() < until, "the provider was not started");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let json = project.done("cache gc --keep-runs 0 --format json").json();
    assert_eq!(json["living_runs"].as_array().unwrap().len(), 1, "{json}");
    let stages: Vec<&String> = json["removed"]["by_stage"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["batch", "source", "split"], "{json}");
    project.file("go", "");
    assert!(child.wait().unwrap().success());
    let answer = Answer::of(with_provider("run waits.yaml --format json").output().unwrap());
    assert!(
        ends(&answer.events()).values().all(|end| *end == "cached"),
        "{}",
        answer.stdout
    );
    assert_eq!(project.run("cache verify").code, 0);
}

/// A provider whose stage says that it has been started and waits until it may go on.
const WAITS: &str = r#"#!/usr/bin/env python3
import json, os, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
if sys.argv[1] == "describe":
    port = {"artifact": "text", "doc": ""}
    print(json.dumps({"format": 1, "kinds": [{
        "name": "wait", "version": 1, "summary": "", "params": {},
        "inputs": [dict(port, name="one", artifact="dataset")], "outputs": [dict(port, name="out")]}]}))
    sys.exit()
for line in sys.stdin:
    with open(line.rstrip("\n") + "/job.json") as file:
        job = json.load(file)
    open(HERE + "/started", "w").close()
    while not os.path.exists(HERE + "/go"):
        time.sleep(0.02)
    # What it was given is still there.
    assert os.listdir(job["inputs"]["one"][0]["path"])
    with open(job["outputs"]["out"], "w") as file:
        file.write("done")
    print(json.dumps({"event": "done"}), flush=True)
"#;

#[test]
fn collections_and_runs_at_the_same_time_do_each_other_no_harm() {
    let project = Project::with_data();
    // The same work under other names: a name alone does not protect what the other run has made.
    let renamed = [("source", "a"), ("split", "b"), ("batch", "c")];
    let renamed = renamed.iter().fold(
        DATA.replace("draw-batch", "DRAW").replace("split-pools", "SPLIT"),
        |text, (from, to)| {
            text.replace(&format!("  {from}:"), &format!("  {to}:"))
                .replace(&format!("{from}."), &format!("{to}."))
                .replace(&format!("dataset: {from}}}"), &format!("dataset: {to}}}"))
        },
    );
    project.file(
        "renamed.yaml",
        renamed.replace("DRAW", "draw-batch").replace("SPLIT", "split-pools"),
    );
    made(&project);
    let over = AtomicBool::new(false);
    let (runs, collections) = std::thread::scope(|scope| {
        let runs = ["data.yaml", "renamed.yaml"].map(|pipeline| {
            let project = &project;
            scope.spawn(move || {
                let run = |turn: usize| project.run(&format!("run {pipeline} --quiet -S seed={}", turn % 3));
                (0..12).map(run).collect::<Vec<_>>()
            })
        });
        let collections = scope.spawn(|| {
            let mut answers = Vec::new();
            while !over.load(Ordering::SeqCst) {
                answers.push(project.run("cache gc --keep-runs 0 --format json"));
            }
            answers
        });
        let runs: Vec<Answer> = runs.into_iter().flat_map(|run| run.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        (runs, collections.join().unwrap())
    });
    for answer in runs.iter().chain(&collections) {
        assert_eq!(answer.code, 0, "{answer:?}");
    }
    let removed = |answer: &Answer| answer.json()["removed"]["records"].as_u64().unwrap();
    assert!(
        collections.iter().any(|answer| removed(answer) > 0),
        "nothing was ever removed"
    );
    let verified = project.run("cache verify");
    assert_eq!(verified.code, 0, "{}", verified.stdout);
}

#[test]
fn an_archive_makes_a_run_elsewhere_a_cached_one_and_is_kept_by_the_collector() {
    let (here, there) = (Project::with_data(), Project::with_data());
    made(&here);
    here.file(
        "other.yaml",
        "name: other\nstages: {lone: {uses: shapes, with: {set: test, images: 2}}}\n",
    );
    here.done("run other.yaml");
    let archive = there.path("archive").display().to_string();
    let exported = here
        .done(&format!("cache export {archive} data.yaml --format json"))
        .json();
    assert_eq!(exported["records"], 3);
    let again = here.run(&format!("cache export {archive}"));
    assert_eq!(again.code, 2, "{}", again.stderr);
    let text = there.done("cache import archive").stdout;
    assert!(text.contains("imported 3 records"), "{text}");
    there.done("cache gc");
    assert!(all_cached(&there, ""));
    let everything = here.done("cache export all --format json").json();
    assert_eq!(everything["records"], 4);
}

#[test]
fn an_archive_that_is_damaged_is_taken_in_part_and_one_that_is_none_not_at_all() {
    let (here, there) = (Project::with_data(), Project::with_data());
    let digests = made(&here);
    let archive = there.path("archive");
    here.done(&format!("cache export {}", archive.display()));
    let pool = &digests["split.pool"];
    overwrite(&archive.join("objects").join(&pool[..2]).join(&pool[2..]), |bytes| {
        bytes[0] ^= 1;
    });
    let answer = there.run("cache import archive");
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(answer.stdout.contains("imported 2 records"), "{}", answer.stdout);
    assert!(
        answer.stderr.contains("`split` is refused") && answer.stderr.contains("damaged"),
        "{}",
        answer.stderr
    );
    assert_eq!(there.run("cache verify").code, 0);
    let events = there.done("run data.yaml --format json").events();
    assert_eq!(ends(&events)["split"], "ran");
    assert_eq!(there.run("cache import .").code, 3);
}

#[test]
fn stages_that_give_the_same_bytes_twice_are_told_so_and_nothing_is_recorded() {
    let project = Project::with_data();
    let answer = project.done("check-determinism data.yaml");
    assert!(
        answer.stdout.contains("3 stages gave the same bytes twice"),
        "{}",
        answer.stdout
    );
    assert_eq!(files(&project.path(".asm-pipe/records")).len(), 3);
    assert_eq!(files(&project.path(".asm-pipe/scratch")), Vec::<PathBuf>::new());
    let json = project.done("check-determinism data.yaml split --format json").json();
    assert_eq!(json, serde_json::json!([{ "stage": "split", "result": "same" }]));
    let wrong = project.run("check-determinism data.yaml splt");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("did you mean `split`?"), "{}", wrong.stderr);
}

#[test]
fn a_stage_that_depends_on_something_else_is_named_with_the_place_and_the_value() {
    let project = Project::new();
    project.file("asm-pipe-clock", CLOCK);
    fs_err::set_permissions(project.path("asm-pipe-clock"), std::fs::Permissions::from_mode(0o755)).unwrap();
    project.file(
        "clock.yaml",
        "name: clock\nstages:\n  tick: {uses: clock}\n  still: {uses: shapes, with: {images: 2}}\n",
    );
    let check = |arguments: &str| {
        let mut command = project.command(&format!("check-determinism clock.yaml {arguments}"));
        Answer::of(command.env("ASM_PIPE_PROVIDERS", project.path(".")).output().unwrap())
    };
    let answer = check("");
    assert_eq!(answer.code, 1, "{}", answer.stderr);
    assert!(answer.stdout.contains("same       still"), "{}", answer.stdout);
    let line = answer
        .stdout
        .lines()
        .find(|line| line.starts_with("different"))
        .unwrap();
    let expected = "different  tick: output `out`, file `b.json`, from byte 23 on /time: 1 and then 2";
    assert_eq!(line, expected);
    assert!(answer.stderr.contains("1 of 2 stages"), "{}", answer.stderr);
    assert_eq!(check("still").code, 0);
}

/// A provider whose stage counts how often it was run, and writes that.
const CLOCK: &str = r#"#!/usr/bin/env python3
import json, os, sys

COUNT = os.path.dirname(os.path.abspath(__file__)) + "/count"
if sys.argv[1] == "describe":
    print(json.dumps({"format": 1, "kinds": [{
        "name": "clock", "version": 1, "summary": "", "params": {},
        "inputs": [], "outputs": [{"name": "out", "artifact": "text", "doc": ""}]}]}))
    sys.exit()
for line in sys.stdin:
    with open(line.rstrip("\n") + "/job.json") as file:
        job = json.load(file)
    with open(COUNT, "a") as file:
        file.write("x")
    times = os.path.getsize(COUNT)
    out = job["outputs"]["out"]
    os.mkdir(out)
    for name, values in [("a.json", {"fine": 1}), ("b.json", {"fine": True, "time": times}), ("c.json", times)]:
        with open(out + "/" + name, "w") as file:
            json.dump(values, file)
    print(json.dumps({"event": "done"}), flush=True)
"#;
