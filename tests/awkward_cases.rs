//! The cases in which runners give stale or damaged results: three stages, a to b to c, each a program that leaves its letter in
//! a list. What stands at the end of a name is what happens.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use asm_pipe::run::Event;

use crate::support::{Answer, Project, ends};

/// `a` copies the source, `b` its first line only, `c` the rest of the way. `slow_a`, `slow_b` and `fail_b` are files that make them so.
const PIPELINE: &str = r#"
stages:
  a: {uses: command, with: {files: [source.txt], out: {text: text}, run: "
      echo a >> ROOT/ran; cat source.txt > {out.text}.part; if test -e ROOT/slow_a; then sleep 1; fi; mv {out.text}.part {out.text}"}}
  b: {uses: command, in: {text: a}, with: {out: {text: text}, run: "
      echo b >> ROOT/ran; printf half > {out.text}; if test -e ROOT/slow_b; then sleep 30; fi; head -n 1 {in.text} > {out.text}; test ! -e ROOT/fail_b"}}
  c: {uses: command, in: {text: b}, with: {out: {text: text}, run: "echo c >> ROOT/ran; cat {in.text} > {out.text}"}}
"#;

fn project() -> Project {
    let project = Project::new();
    let root = project.path("").display().to_string();
    project.file("p.yaml", PIPELINE.replace("ROOT/", &root));
    project.file("source.txt", "first\nsecond\n");
    project
}

/// Runs; answers with the letters that ran, sorted.
fn run(project: &Project) -> String {
    let answer = project.run("run p.yaml --format json");
    assert!([0, 1].contains(&answer.code), "{}", answer.stderr);
    ran(project)
}

fn ran(project: &Project) -> String {
    let text = fs_err::read_to_string(project.path("ran")).unwrap_or_default();
    let _ = fs_err::remove_file(project.path("ran"));
    let mut letters: Vec<&str> = text.lines().collect();
    letters.sort_unstable();
    letters.concat()
}

/// The object in the store that holds what a stage made, as the journal of the newest run tells it.
fn object(project: &Project, stage: &str) -> PathBuf {
    let events = project.done("run p.yaml --format json").events();
    let key = events.iter().find_map(|event| match event {
        Event::StageCached { stage: name, key } if name == stage => Some(key.clone()),
        _ => None,
    });
    let key = key.unwrap();
    let record = fs_err::read_to_string(project.path(&format!(".asm-pipe/records/{}/{key}.json", &key[..2]))).unwrap();
    let record: serde_json::Value = serde_json::from_str(record.lines().next().unwrap()).unwrap();
    let digest = record["outputs"]["text"]["digest"].as_str().unwrap();
    project.path(&format!(".asm-pipe/objects/{}/{}", &digest[..2], &digest[2..]))
}

/// What `c` made is right, whatever happened before.
fn assert_right(project: &Project, expected: &str) {
    let path = object(project, "c");
    assert_eq!(fs_err::read_to_string(path).unwrap(), expected);
    ran(project);
}

/// Changes content in place, as somebody with an editor or a failing disk does, and puts the time of change back.
fn overwrite(path: &PathBuf, text: &str) {
    let before = fs_err::metadata(path).unwrap();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(path, text).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    fs_err::set_permissions(path, before.permissions()).unwrap();
}

#[test]
fn times_of_change_alone_run_nothing() {
    let project = project();
    assert_eq!(run(&project), "abc");
    let file = std::fs::File::options()
        .write(true)
        .open(project.path("source.txt"))
        .unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(5000))
        .unwrap();
    assert_eq!(run(&project), "");
}

#[test]
fn early_cutoff_runs_a_and_b_but_not_c() {
    let project = project();
    run(&project);
    project.file("source.txt", "first\nother\n");
    assert_eq!(run(&project), "ab");
    assert_right(&project, "first\n");
}

#[test]
fn the_last_output_deleted_is_made_again() {
    let project = project();
    run(&project);
    // Equal content is one object: give `c` one of its own.
    fs_err::remove_file(object(&project, "c")).unwrap();
    ran(&project);
    run(&project);
    assert_right(&project, "first\n");
}

#[test]
fn a_middle_output_deleted_is_noticed_and_made_again() {
    let project = project();
    run(&project);
    fs_err::remove_file(object(&project, "a")).unwrap();
    ran(&project);
    assert_eq!(run(&project), "a");
    assert_right(&project, "first\n");
}

#[test]
fn a_source_changed_and_changed_back_is_restored_without_running() {
    let project = project();
    run(&project);
    project.file("source.txt", "other\n");
    assert_eq!(run(&project), "abc");
    project.file("source.txt", "first\nsecond\n");
    assert_eq!(run(&project), "");
    assert_right(&project, "first\n");
}

#[test]
fn a_middle_output_edited_by_hand_is_repaired() {
    let project = project();
    run(&project);
    let object = object(&project, "a");
    ran(&project);
    fs_err::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).unwrap();
    fs_err::write(&object, "edited\n").unwrap();
    assert_eq!(run(&project), "a");
    assert_eq!(fs_err::read_to_string(&object).unwrap(), "first\nsecond\n");
    assert_right(&project, "first\n");
}

#[test]
fn a_kill_in_the_middle_of_b_leaves_nothing_that_is_taken_for_good() {
    let project = project();
    project.file("slow_b", "");
    let mut child = project.start("run p.yaml --format json");
    let begun = || fs_err::read_to_string(project.path("ran")).is_ok_and(|text| text.contains('b'));
    wait_until(begun);
    child.kill().unwrap();
    child.wait().unwrap();
    fs_err::remove_file(project.path("slow_b")).unwrap();
    ran(&project);
    assert_eq!(run(&project), "bc");
    assert_right(&project, "first\n");
}

#[test]
fn b_that_fails_after_writing_its_output_runs_again() {
    let project = project();
    project.file("fail_b", "");
    assert_eq!(run(&project), "ab");
    fs_err::remove_file(project.path("fail_b")).unwrap();
    assert_eq!(run(&project), "bc");
    assert_right(&project, "first\n");
}

#[test]
fn a_source_that_changes_after_a_has_read_it_is_never_recorded() {
    let project = project();
    project.file("slow_a", "");
    let child = project.start("run p.yaml --format json");
    wait_until(|| project.path("ran").exists());
    std::thread::sleep(Duration::from_millis(200));
    project.file("source.txt", "newer\n");
    let answer = Answer::of(child.wait_with_output().unwrap());
    assert_eq!((answer.code, ends(&answer.events())["a"]), (1, "failed"));
    fs_err::remove_file(project.path("slow_a")).unwrap();
    ran(&project);
    assert_eq!(run(&project), "abc");
    assert_right(&project, "newer\n");
}

#[test]
fn a_damaged_object_of_the_same_size_and_time_is_noticed_and_made_again() {
    let project = project();
    run(&project);
    let object = object(&project, "a");
    ran(&project);
    overwrite(&object, "fXrst\nsecond\n");
    let answer = project.done("run p.yaml --format json");
    let reason = answer.events().into_iter().find_map(|event| match event {
        Event::StageStarted { stage, reason, .. } if stage == "a" => Some(reason),
        _ => None,
    });
    assert_eq!(reason.as_deref(), Some("output `text` was damaged in the store"));
    assert_right(&project, "first\n");
}

#[test]
fn a_second_run_started_meanwhile_shares_what_the_first_is_making() {
    let project = project();
    project.file("slow_a", "");
    let children = [
        project.start("run p.yaml --format json"),
        project.start("run p.yaml --format json"),
    ];
    for child in children {
        let answer = Answer::of(child.wait_with_output().unwrap());
        assert_eq!(answer.code, 0, "{}", answer.stdout);
    }
    assert_eq!(ran(&project), "abc");
}

#[test]
fn a_misspelt_key_is_told_with_line_column_caret_and_suggestion() {
    let project = project();
    project.file("p.yaml", "stages:\n  a: {uses: shapes, wiht: {images: 3}}\n");
    let output = project.command("run p.yaml").stdout(Stdio::null()).output().unwrap();
    let answer = Answer::of(output);
    assert_eq!(answer.code, 3);
    for part in ["p.yaml:2:21", "wiht", "^^^^", "did you mean `with`?"] {
        assert!(answer.stderr.contains(part), "{part}\n{}", answer.stderr);
    }
}

/// Waits for something that happens soon; fails if it does not.
fn wait_until(happened: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}
