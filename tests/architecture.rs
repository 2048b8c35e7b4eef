//! Who may know whom, and which outside crate is named where: ARCHITECTURE.md's tables, held against the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules with the modules that they may use. `random` may be used by all.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("random", &[]),
    ("spec", &[]),
    ("project", &["spec"]),
    ("stage", &[]),
    ("plan", &["spec", "stage"]),
    ("store", &[]),
    ("remote", &["store"]),
    ("run", &["project", "plan", "store", "remote", "stage"]),
    ("table", &[]),
    ("weights", &[]),
    ("detection", &[]),
    ("learning", &["detection"]),
    ("statistics", &[]),
    ("artifact", &["stage", "table", "detection", "learning"]),
    ("report", &["table", "run", "statistics"]),
    (
        "stages",
        &["stage", "artifact", "table", "detection", "learning", "report"],
    ),
    (
        "cli",
        &[
            "spec",
            "project",
            "stage",
            "plan",
            "store",
            "remote",
            "run",
            "table",
            "weights",
            "detection",
            "learning",
            "artifact",
            "statistics",
            "report",
            "stages",
        ],
    ),
    ("main", &["cli"]),
];

/// Outside crates with the modules that may name them.
const OWNERS: [(&str, &[&str]); 20] = [
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli"]),
    ("anstream", &["cli"]),
    ("serde_yaml", &["spec"]),
    ("annotate_snippets", &["spec"]),
    ("strsim", &["spec"]),
    ("toml", &["project"]),
    ("petgraph", &["plan"]),
    ("blake3", &["store", "random", "detection"]),
    ("polars", &["table"]),
    ("plotters", &["report"]),
    ("askama", &["report"]),
    ("roxmltree", &["detection"]),
    ("statrs", &["statistics"]),
    ("safetensors", &["weights"]),
    ("zip", &["weights"]),
    ("object_store", &["remote"]),
    ("tokio", &["remote"]),
];

#[test]
fn modules_use_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        let allowed = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .map_or(&[][..], |(_, allowed)| allowed);
        for used in names_after(&text, "crate::") {
            let known = MAY_USE.iter().any(|(name, _)| *name == used);
            if known && used != module && used != "random" && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{module}` must not use `{used}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_is_in_the_table() {
    let modules: BTreeSet<String> = sources().into_iter().map(|(module, _, _)| module).collect();
    let known: BTreeSet<String> = MAY_USE
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .chain(["lib".to_owned()])
        .collect();
    assert_eq!(modules, known);
}

#[test]
fn outside_crates_are_named_by_their_owners_only() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources() {
        for (name, owners) in OWNERS {
            if text.contains(&format!("{name}::")) && !owners.contains(&module.as_str()) {
                wrong.push(format!("{}: `{name}` belongs to {owners:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_prints() {
    for (module, path, text) in sources() {
        let prints = ["println!(", "eprintln!(", "print!(", "eprint!("]
            .iter()
            .any(|macro_name| text.contains(macro_name));
        assert!(!prints || module == "cli", "{} prints", path.display());
    }
}

/// Each source file of the root package: its module, its path, its text without comments and tests.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let module = inside.components().next().unwrap().as_os_str().to_str().unwrap();
                let is_test = inside
                    .file_stem()
                    .is_some_and(|stem| stem.to_str().is_some_and(|s| s.ends_with("tests")));
                if !is_test {
                    let text = fs_err::read_to_string(&path).unwrap();
                    found.push((module.trim_end_matches(".rs").to_owned(), path.clone(), code(&text)));
                }
            }
        }
    }
    found.sort();
    assert!(found.len() > 50, "the source files were not found");
    found
}

/// The text up to its tests, without comment lines.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The names that follow a prefix such as `crate::`, also inside `crate::{a, b}`.
fn names_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        let list = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |inside| {
                inside
                    .split('}')
                    .next()
                    .unwrap_or("")
                    .split(',')
                    .map(str::trim)
                    .collect()
            },
        );
        for item in list {
            let name: String = item
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            names.insert(name);
        }
    }
    names
}
