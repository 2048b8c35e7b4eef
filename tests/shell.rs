//! What makes the program pleasant in an editor, a shell and a notebook.

use std::path::{Path, PathBuf};

use asm_pipe::spec;
use serde_json::Value;

use crate::support::schema::mistakes;
use crate::support::{Answer, Project};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files of a folder of the repository.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    files
}

/// What a file holds; none if it is no YAML.
fn document(path: &Path) -> Option<Value> {
    let mut sources = spec::Sources::default();
    let file = sources.add("file.yaml", fs_err::read_to_string(path).unwrap());
    let (node, diagnostics) = spec::parse(&sources, file);
    node.filter(|_| diagnostics.is_empty()).map(|node| node.to_json())
}

/// The schema that the program prints when it sees only the providers beside it.
fn printed(of: &str) -> Value {
    let project = Project::new();
    let mut command = project.command(&format!("schema {of}"));
    Answer::of(command.env("PATH", "").output().unwrap()).json()
}

#[test]
fn the_shipped_schemas_are_those_that_the_program_prints() {
    for of in ["pipeline", "experiment"] {
        let path = root().join(format!("schema/{of}.schema.json"));
        let shipped: Value = serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        assert!(
            shipped == printed(of),
            "make it again: asm-pipe schema {of} > {}",
            path.display()
        );
    }
}

#[test]
fn shipped_files_name_their_schema_and_keep_to_it() {
    for (folder, of) in [("pipelines", "pipeline"), ("experiments", "experiment")] {
        let schema = printed(of);
        for path in files(folder) {
            let text = fs_err::read_to_string(&path).unwrap();
            let line = text.lines().next().unwrap();
            let named = line.strip_prefix("# yaml-language-server: $schema=").unwrap();
            assert!(path.parent().unwrap().join(named).is_file(), "{}", path.display());
            let mistakes = mistakes(&schema, &document(&path).unwrap());
            assert!(mistakes.is_empty(), "{}: {mistakes:#?}", path.display());
        }
    }
}

#[test]
fn the_structure_of_valid_pipelines_keeps_to_the_schema() {
    let schema = spec::pipeline_schema();
    for path in files("tests/pipelines/valid") {
        let mistakes = mistakes(&schema, &document(&path).unwrap());
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", path.display());
    }
}

/// Mistakes that only show when files are put together and `${}` is replaced.
const MISTAKES_OF_MEANING: [&str; 15] = [
    "extends_a_file_that_is_not_there",
    "extends_in_a_circle",
    "extends_itself",
    "mapping_inside_of_text",
    "max_from_a_param_that_is_text",
    "params_in_a_cycle",
    "profiles_extend_each_other",
    "removes_a_stage_that_is_not_there",
    "round_outside_of_the_rounds",
    "stage_inside_and_outside_of_the_rounds",
    "unknown_default_profile",
    "unknown_param",
    "unknown_profile_on_the_command_line",
    "uses_from_a_param_that_is_a_list",
    "wrong_overrides",
];

#[test]
fn the_structure_of_invalid_pipelines_does_not() {
    let schema = spec::pipeline_schema();
    let is_accepted = |path: &PathBuf| document(path).is_some_and(|document| mistakes(&schema, &document).is_empty());
    let accepted: Vec<PathBuf> = files("tests/pipelines/invalid")
        .into_iter()
        .filter(is_accepted)
        .collect();
    let names: Vec<&str> = accepted
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, MISTAKES_OF_MEANING);
}

#[test]
fn a_stage_is_held_against_its_kind() {
    let schema = printed("pipeline");
    let stage = |text: &str| {
        let mut sources = spec::Sources::default();
        let file = sources.add("file.yaml", format!("stages: {{a: {text}}}"));
        mistakes(&schema, &spec::parse(&sources, file).0.unwrap().to_json()).is_empty()
    };
    for right in [
        "{uses: shapes, with: {images: 4}}",
        "{uses: shapes, with: {images: \"${images}\"}}",
        "{uses: shapes, with: [\"${all}\", {images: 4}]}",
        "{uses: shapes, with: \"${all}\"}",
        "{uses: \"${kind}\", with: {anything: 1}}",
        "{uses: parse-voc, with: {roots: [a, \"${b}\"]}}",
        "{uses: parse-voc, with: [{set: test}, {roots: a}]}",
        "{uses: split-pools, in: {dataset: b}}",
        "{uses: split-pools, in: {dataset: [b.dataset]}}",
        "{uses: train, in: {dataset: b, images: b.images}, with: {early_stop: {window: 3}}}",
        "{uses: train, in: {dataset: b, images: b.images}, with: {early_stop: \"${none}\"}}",
        "{uses: tables, in: {initial: b, evaluations: rounds.all.c}, with: {strategy: s}}",
    ] {
        assert!(stage(right), "{right}");
    }
    for wrong in [
        "{uses: shaps}",
        "{uses: shapes, with: {images: many}}",
        "{uses: shapes, with: {imags: 4}}",
        "{uses: shapes, with: [{images: many}]}",
        "{uses: parse-voc}",
        "{uses: parse-voc, with: {set: test}}",
        "{uses: parse-voc, with: {roots: a, on_error: stop}}",
        "{uses: split-pools}",
        "{uses: split-pools, in: {datset: b}}",
        "{uses: split-pools, in: {dataset: [b, c]}}",
        "{uses: train, in: {dataset: b, images: b.images}, with: {early_stop: {window: 1}}}",
    ] {
        assert!(!stage(wrong), "{wrong}");
    }
}

/// What bash offers at the end of a line: its completion function, called as bash calls it.
fn offered(project: &Project, line: &str) -> Vec<String> {
    // Bash cuts words at blanks, = and :, and the last is empty where a blank or = stands before the cursor.
    let spaced = line.replace('=', " = ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    if line.ends_with([' ', '=']) {
        words.push("");
    }
    let script = "set -u; source <(asm-pipe completions bash); COMP_LINE=$1; COMP_POINT=${#1}; shift
        COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _asm_pipe; printf '%s\\n' \"${COMPREPLY[@]-}\"";
    let program = PathBuf::from(env!("CARGO_BIN_EXE_asm-pipe"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut bash = std::process::Command::new("bash");
    bash.args(["--norc", "-c", script, "bash", line])
        .args(words)
        .env("PATH", path);
    let answer = Answer::of(bash.current_dir(project.path("")).output().unwrap());
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{line}");
    answer.stdout.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_what_the_pipelines_on_the_line_have() {
    let project = Project::new();
    project.done("init .");
    for (line, wanted) in [
        ("asm-pipe pl", "plan"),
        ("asm-pipe run pipelines/topk_v3.", "pipelines/topk_v3.yaml"),
        ("asm-pipe run pipelines/topk_v3.yaml --prof", "--profile"),
        ("asm-pipe run pipelines/topk_v3.yaml --profile qu", "quick"),
        ("asm-pipe run pipelines/topk_v3.yaml --target merg", "merge"),
        ("asm-pipe run pipelines/topk_v3.yaml --target=merg", "merge"),
        (
            "asm-pipe run pipelines/topk_v3.yaml --force round-2.merg",
            "round-2.merge",
        ),
        ("asm-pipe run pipelines/topk_v3.yaml -S merge.cert", "merge.certain="),
        ("asm-pipe run pipelines/topk_v3.yaml -S merge.certain=", "0.8"),
        ("asm-pipe run pipelines/topk_v3.yaml -S seed=1 --target merg", "merge"),
        (
            "asm-pipe run pipelines/topk_v3.yaml --profile none --target merg",
            "merge",
        ),
        (
            "asm-pipe plan experiments/strategies.yaml --target topk_v3/merg",
            "topk_v3/merge",
        ),
        ("asm-pipe stages merg", "merge-sa"),
        ("asm-pipe exec merge-sa --in ledg", "ledger="),
        ("asm-pipe exec merge-sa -S certai", "certain="),
        ("asm-pipe completions z", "zsh"),
    ] {
        assert_eq!(offered(&project, line), [wanted], "{line}");
    }
    project.file("wrong.yaml", "stages: [");
    assert!(offered(&project, "asm-pipe run wrong.yaml --target ").is_empty());
}

#[test]
fn every_shell_has_a_script_that_asks_the_program() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = project.done(&format!("completions {shell}")).stdout;
        assert!(script.contains("complete -- "), "{script}");
    }
    let help = project.done("--help").stdout;
    assert!(
        !help.contains("\n  complete "),
        "the command that scripts call is not for people: {help}"
    );
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let project = Project::new();
    let pages = project.done("man pages --format json").json();
    let pages: Vec<&str> = pages["pages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|page| page.as_str().unwrap())
        .collect();
    for command in ["", "-run", "-plan", "-data", "-data-shapes", "-init", "-man"] {
        assert!(
            pages.contains(&format!("pages/asm-pipe{command}.1").as_str()),
            "{command}: {pages:?}"
        );
    }
    let run = fs_err::read_to_string(project.path("pages/asm-pipe-run.1")).unwrap();
    assert!(run.contains(r"\-\-keep\-going"), "{run}");
    assert!(!project.path("pages/asm-pipe-complete.1").exists());
}

#[test]
fn a_new_project_runs_and_depends_on_nothing_outside_of_it() {
    let project = Project::new();
    project.done("init .");
    for file in ["topk_v3.yaml", "v1.yaml"] {
        let plan = project.run(&format!("plan ./pipelines/{file}"));
        assert_eq!(plan.code, 0, "{}", plan.stderr);
        assert!(plan.stdout.contains("round-5.retrain"), "{}", plan.stdout);
    }
    project.done("plan ./experiments/strategies.yaml");
    project.done("run ./pipelines/topk_v3.yaml --profile quick --target split");
    let params = project.done("params ./pipelines/topk_v3.yaml --format json").json();
    assert_eq!(params["topk_v3"]["initial"], 120);
    let schema = printed("pipeline");
    for name in ["base", "loop", "topk_v3"] {
        let mistakes = mistakes(
            &schema,
            &document(&project.path(&format!("pipelines/{name}.yaml"))).unwrap(),
        );
        assert!(mistakes.is_empty(), "{name}: {mistakes:#?}");
    }
}

#[test]
fn a_new_project_for_a_voc_folder_knows_its_sets_and_sizes() {
    let project = Project::new();
    project.done("data shapes data/drawn --train 60 --test 9");
    let said = project.done("init . --data data/drawn --format json").json();
    assert_eq!(said["data"]["images"], 60);
    assert_eq!(said["data"]["root"], "data/drawn");
    let params = project.done("params ./pipelines/v1.yaml --format json").json();
    let sizes: Vec<i64> = ["initial", "validation", "take", "rounds"]
        .map(|key| params["v1"][key].as_i64().unwrap())
        .into();
    assert_eq!(sizes, [12, 4, 5, 5]);
    let plan = project.done("plan ./pipelines/v1.yaml").stdout;
    assert!(plan.contains("round-5.retrain") && !plan.contains("fail"), "{plan}");
    project.done("run ./pipelines/v1.yaml --target split --target test");
}

#[test]
fn a_new_project_overwrites_nothing_and_says_what_data_it_cannot_use() {
    let project = Project::new();
    project.file("mine/pipelines/v1.yaml", "mine");
    let answer = project.run("init mine");
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("pipelines/v1.yaml"), "{}", answer.stderr);
    assert!(!project.path("mine/README.md").exists());

    project.done("data shapes drawn --train 2 --test 1");
    let answer = project.run("init few --data drawn");
    assert_eq!(
        (answer.code, answer.stderr.contains("too few")),
        (3, true),
        "{}",
        answer.stderr
    );
    fs_err::remove_file(project.path("drawn/ImageSets/Main/test.txt")).unwrap();
    let answer = project.run("init untested --data drawn");
    assert_eq!(
        (answer.code, answer.stderr.contains("trainval")),
        (3, true),
        "{}",
        answer.stderr
    );
    let answer = project.run("init nowhere --data nowhere");
    assert_eq!(answer.code, 3, "{}", answer.stderr);
    assert!(!project.path("few").exists() && !project.path("untested").exists());
}
