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
