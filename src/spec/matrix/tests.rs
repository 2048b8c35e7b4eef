use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Combination, label_combinations, read_matrix};
use crate::spec::{Diagnostic, Sources, emit, parse, render};

fn read(text: &str) -> (Vec<Combination>, Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let file = sources.add("m.yaml", text);
    let (node, mut diagnostics) = parse(&sources, file);
    let combinations = read_matrix(&node.unwrap(), &mut diagnostics);
    (combinations, diagnostics, sources)
}

fn combinations(text: &str) -> Vec<Combination> {
    let (combinations, diagnostics, sources) = read(text);
    assert!(diagnostics.is_empty(), "{}", render(&sources, &diagnostics, false));
    combinations
}

/// Each combination as `path=value` in a line.
fn lines(combinations: &[Combination]) -> Vec<String> {
    let setting = |(path, value): &super::Setting| format!("{}={}", path.value, emit(value).trim_end());
    combinations
        .iter()
        .map(|combination| combination.settings.iter().map(setting).collect::<Vec<_>>().join(" "))
        .collect()
}

fn labels(text: &str) -> Vec<String> {
    label_combinations(&combinations(text))
}

/// Message and help of each mistake, after what it is about.
fn mistakes(text: &str) -> Vec<String> {
    let (_, diagnostics, sources) = read(text);
    let said = diagnostics.iter().map(|diagnostic| {
        let help = diagnostic
            .help
            .iter()
            .map(|help| format!(" ({help})"))
            .collect::<String>();
        format!(
            "{}: {}{help}",
            sources.slice(diagnostic.span.unwrap()),
            diagnostic.message
        )
    });
    said.collect()
}

#[test]
fn every_value_meets_every_other_but_for_what_is_excluded_and_with_what_is_included() {
    let text = "
take: [20, 40]
merge.certain: [0.7, 0.8]
exclude: [{take: 40.0, merge.certain: 0.7}]
include: [{take: 80, merge.judge_iou: 0.6}, {merge.certain: 0.7, take: 40}]
";
    assert_eq!(
        lines(&combinations(text)),
        [
            "merge.certain=0.7 take=20",
            "merge.certain=0.8 take=20",
            "merge.certain=0.8 take=40",
            "merge.judge_iou=0.6 take=80",
            "merge.certain=0.7 take=40",
        ]
    );
}

#[test]
fn a_matrix_may_have_nothing_but_inclusions() {
    assert_eq!(
        lines(&combinations("include: [{b: 1, a: 2}, {a: 3}]")),
        ["a=2 b=1", "a=3"]
    );
}

#[test]
fn names_say_what_varies_by_as_little_of_each_path_as_is_needed() {
    assert_eq!(
        labels("merge.certain: [0.7, 0.8]\ntake: [20]"),
        ["certain=0.7", "certain=0.8"]
    );
    assert_eq!(
        labels(
            "merge.certain: [1]\nselect.certain: [2, 3]\nmerge.other: [4, 5]\nexclude: [{select.certain: 2, merge.other: 5}]"
        ),
        ["other=4,certain=2", "other=4,certain=3", "other=5,certain=3"]
    );
    assert_eq!(
        labels("merge.certain: [1, 2]\nselect.certain: [3]\ninclude: [{select.certain: 4}]"),
        [
            "merge.certain=1,select.certain=3",
            "merge.certain=2,select.certain=3",
            "select.certain=4"
        ]
    );
    assert_eq!(labels("take: [20]"), [""]);
}

#[test]
fn names_need_no_quotes_and_differ_where_values_do() {
    assert_eq!(
        labels("root: [data/a b, data/a-b, \"$(x)\", '', ~, -1, 1.0e-7, [1, 2], {architecture: tiny, epochs: 3}]"),
        [
            "root=data-a-b",
            "root=data-a-b_2",
            "root=--x-",
            "root=none",
            "root=null",
            "root=-1",
            "root=1e-7",
            "root=1-2",
            "root=architecture-tiny-epochs-3"
        ]
    );
    let long = "x".repeat(40);
    assert_eq!(
        labels(&format!("k: [{long}a, {long}b]")),
        [format!("k={}", &long[..32]), format!("k={}_2", &long[..32])]
    );
}

#[test]
fn every_mistake_is_told_at_its_place() {
    assert_eq!(
        mistakes(
            "
merge: {certain: [0.7]}
take: 20
none: []
twice: [1, 2, 1.0]
modes: [strict, seed]
excludes: [{take: 20}]
exclude: [{tak: 20}, {twice: 3}, {modes: sed}, {}, 7, {odes: seed}]
include: {take: 80}
"
        ),
        [
            "{certain: [0.7]}: `merge` must be a list of values, found a mapping (write `merge.certain: [...]`)",
            "20: `take` must be a list of values, found the number `20`",
            "[]: `none` has no values",
            "1.0: the value is listed twice",
            "excludes: `excludes` is no param with values (did you mean `exclude`?)",
            "{}: a combination in `exclude` is empty",
            "7: `exclude` must be a list of mappings from params to values, found the number `7`",
            "tak: the matrix does not vary `tak`",
            "3: `twice` never has this value",
            "sed: `modes` never has this value (did you mean `seed`?)",
            "odes: the matrix does not vary `odes` (did you mean `modes`?)",
            "{take: 80}: `include` must be a list of combinations, found a mapping (write `include: [{merge.certain: 0.7}]`)",
        ]
    );
    let one = |text: &str| {
        let found = mistakes(text);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].split(": ").last().unwrap().to_owned()
    };
    assert_eq!(one("{}"), "the matrix varies nothing");
    assert_eq!(
        one("{a: [1], exclude: [{a: 1}]}"),
        "every combination of the matrix is excluded"
    );
    assert_eq!(
        one("{a: [1, 2], include: [{a: 2}]}"),
        "the matrix has this combination already"
    );
    assert_eq!(
        one("{merge.certain: [1, 2], exclude: [{certain: 2}]}"),
        "the matrix does not vary `certain` (did you mean `merge.certain`?)"
    );
    let tens = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"));
    assert_eq!(one(&tens.join("\n")), "the matrix has more than 1000 combinations");
    assert!(
        mistakes("[{a: 1}]")[0]
            .starts_with("[{a: 1}]: `matrix` must be a mapping of lists of values, by param, found a list")
    );
}

type Part = BTreeMap<String, i64>;
type Axes = BTreeMap<String, BTreeSet<i64>>;
type Places = Vec<(usize, usize)>;

/// Values by param; exclusions, each a value's place by param; inclusions. Values are below 9, included params are new.
fn matrices() -> impl Strategy<Value = (Axes, Vec<Places>, BTreeSet<Part>)> {
    let name = || proptest::sample::select(vec!["a", "b.c", "b.d", "take", "e.f.c"]).prop_map(str::to_owned);
    let axes = prop::collection::btree_map(name(), prop::collection::btree_set(0..9_i64, 1..4), 1..4);
    let excluded = prop::collection::vec(prop::collection::vec((0..4_usize, 0..4_usize), 1..4), 0..4);
    let included = prop::collection::btree_set(prop::collection::btree_map(name(), 10..13_i64, 1..4), 0..4);
    (axes, excluded, included)
}

fn flow(part: &Part, turned: bool) -> String {
    let mut entries: Vec<String> = part.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    if turned {
        entries.reverse();
    }
    format!("{{{}}}", entries.join(", "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn the_combinations_are_the_product_without_exclusions_with_inclusions((axes, places, included) in matrices()) {
        let excluded: Vec<Part> = places.iter().map(|part| {
            part.iter().map(|&(axis, value)| {
                let (name, values) = axes.iter().nth(axis % axes.len()).unwrap();
                (name.clone(), *values.iter().nth(value % values.len()).unwrap())
            }).collect()
        }).collect();
        let mut expected: Vec<Part> = vec![Part::new()];
        for (name, values) in &axes {
            expected = expected.iter().flat_map(|part| values.iter().map(move |value| {
                let mut part = part.clone();
                part.insert(name.clone(), *value);
                part
            })).collect();
        }
        expected.retain(|part| !excluded.iter().any(|other| other.iter().all(|(name, value)| part[name] == *value)));
        expected.extend(included.iter().cloned());

        let text = |turned: bool| {
            let list = |parts: Vec<&Part>| parts.iter().map(|part| flow(part, turned)).collect::<Vec<_>>().join(", ");
            let mut lines: Vec<String> = axes.iter().map(|(name, values)| format!("{name}: {:?}", values.iter().collect::<Vec<_>>())).collect();
            lines.push(format!("exclude: [{}]", list(excluded.iter().collect())));
            lines.push(format!("include: [{}]", list(included.iter().collect())));
            if turned {
                lines.reverse();
            }
            lines.join("\n")
        };
        let (found, diagnostics, _) = read(&text(false));
        prop_assert_eq!(diagnostics.is_empty(), !expected.is_empty());
        let found_parts: Vec<Part> = found.iter().map(|combination| {
            combination.settings.iter().map(|(path, value)| (path.value.clone(), value.to_json().as_i64().unwrap())).collect()
        }).collect();
        prop_assert_eq!(&found_parts, &expected);
        prop_assert_eq!(lines(&read(&text(true)).0), lines(&found), "whatever the order of keys");
        let names: BTreeSet<String> = label_combinations(&found).into_iter().collect();
        prop_assert_eq!(names.len(), found.len(), "{:?}", names);
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-+,=".contains(letter);
        prop_assert!(names.iter().all(|name| name.chars().all(is_plain)));
    }
}
