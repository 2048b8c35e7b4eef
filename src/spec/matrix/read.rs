//! A `matrix:` as written to its combinations: every value of each param with every value of the others, without those that
//! `exclude` names, then those that `include` adds.

use std::collections::BTreeSet;

use super::{Combination, Setting, same};
use crate::spec::{Diagnostic, Located, Node, Value, check, paths, suggest};

/// More are a mistake, not an experiment.
const MOST: usize = 1000;
const LISTS: [&str; 2] = ["include", "exclude"];

/// A param and its values.
struct Axis<'n> {
    path: &'n Located<String>,
    values: &'n [Node],
}

/// The combinations, in the order of the params' names and of the values as listed; what is included comes last. What is
/// wrong is among the diagnostics, and the combinations are then not to be used.
pub(in crate::spec) fn read_matrix(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Combination> {
    if !matches!(node.value, Value::Mapping(_)) {
        diagnostics.push(
            check::wrong("matrix", "a mapping of lists of values, by param", node)
                .help("write `matrix: {merge.certain: [0.7, 0.8], take: [20, 40]}`"),
        );
        return Vec::new();
    }
    let before = diagnostics.len();
    let axes = axes(node, diagnostics);
    let excluded = parts("exclude", node, diagnostics);
    for part in &excluded {
        check_exclusion(part, &axes, diagnostics);
    }
    let included = parts("include", node, diagnostics);
    if diagnostics.len() > before {
        return Vec::new();
    }
    let count = axes
        .iter()
        .try_fold(1_usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > MOST) {
        let message = format!("the matrix has more than {MOST} combinations");
        diagnostics.push(Diagnostic::error(node.span, message));
        return Vec::new();
    }
    let mut combinations = product(&axes);
    combinations.retain(|combination| !excluded.iter().any(|part| combination.has(&part.value)));
    let mut known: BTreeSet<String> = combinations.iter().map(Combination::key).collect();
    for part in included {
        let combination = Combination { settings: part.value };
        if !known.insert(combination.key()) {
            diagnostics.push(
                Diagnostic::error(part.span, "the matrix has this combination already")
                    .note("`include` adds to the combinations of the lists"),
            );
        }
        combinations.push(combination);
    }
    if combinations.is_empty() {
        let message = match axes.is_empty() {
            true => "the matrix varies nothing",
            false => "every combination of the matrix is excluded",
        };
        diagnostics.push(Diagnostic::error(node.span, message));
    }
    combinations
}

/// Every combination; the last param changes fastest. No params: none.
fn product(axes: &[Axis]) -> Vec<Combination> {
    if axes.is_empty() {
        return Vec::new();
    }
    let mut all = vec![Combination::default()];
    for axis in axes {
        let with = |combination: &Combination, value: &Node| {
            let mut next = combination.clone();
            next.settings.push((axis.path.clone(), value.clone()));
            next
        };
        let grown = all.iter();
        all = grown
            .flat_map(|combination| axis.values.iter().map(|value| with(combination, value)))
            .collect();
    }
    all
}

/// The params that vary, sorted.
fn axes<'n>(node: &'n Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Axis<'n>> {
    let mut axes = Vec::new();
    for (path, values) in node.entries() {
        if LISTS.contains(&path.value.as_str()) {
            continue;
        }
        let Value::Sequence(items) = &values.value else {
            diagnostics.push(no_list(path, values));
            continue;
        };
        let all_mappings = items.iter().all(|item| matches!(item.value, Value::Mapping(_)));
        if let (true, Some(meant)) = (all_mappings, suggest(&path.value, LISTS)) {
            let message = format!("`{}` is no param with values", path.value);
            diagnostics.push(Diagnostic::error(path.span, message).did_you_mean(Some(meant)));
            continue;
        }
        if items.is_empty() {
            diagnostics.push(Diagnostic::error(
                values.span,
                format!("`{}` has no values", path.value),
            ));
        }
        for (at, item) in items.iter().enumerate() {
            if let Some(first) = items[..at].iter().find(|first| same(first, item)) {
                diagnostics.push(
                    Diagnostic::error(item.span, "the value is listed twice")
                        .label("again here")
                        .context(first.span, "first here"),
                );
            }
        }
        axes.push(Axis { path, values: items });
    }
    axes.sort_by(|a, b| a.path.value.cmp(&b.path.value));
    axes
}

fn no_list(path: &Located<String>, found: &Node) -> Diagnostic {
    let wrong = check::wrong(&path.value, "a list of values", found);
    match &found.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            wrong.help(format!("write `{}.{}: [...]`", path.value, entries[0].0.value))
        }
        _ => wrong,
    }
}

/// The entries of `include` or `exclude`, each sorted by path.
fn parts(key: &str, matrix: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Located<Vec<Setting>>> {
    let Some(node) = matrix.get(key).filter(|node| !node.is_null()) else {
        return Vec::new();
    };
    let Value::Sequence(items) = &node.value else {
        diagnostics.push(
            check::wrong(key, "a list of combinations", node).help(format!("write `{key}: [{{merge.certain: 0.7}}]`")),
        );
        return Vec::new();
    };
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        match &item.value {
            Value::Mapping(entries) if entries.is_empty() => {
                let message = format!("a combination in `{key}` is empty");
                diagnostics.push(Diagnostic::error(item.span, message));
            }
            Value::Mapping(entries) => {
                let mut settings = entries.clone();
                settings.sort_by(|a, b| a.0.value.cmp(&b.0.value));
                parts.push(Located::new(settings, item.span));
            }
            _ => diagnostics.push(check::wrong(key, "a list of mappings from params to values", item)),
        }
    }
    parts
}

/// What is excluded must be there: a value that is nowhere is a slip of the pen.
fn check_exclusion(part: &Located<Vec<Setting>>, axes: &[Axis], diagnostics: &mut Vec<Diagnostic>) {
    for (path, value) in &part.value {
        let Some(axis) = axes.iter().find(|axis| axis.path.value == path.value) else {
            let names = || axes.iter().map(|axis| axis.path.value.as_str());
            let listed: Vec<String> = names().map(|name| format!("`{name}`")).collect();
            diagnostics.push(
                Diagnostic::error(path.span, format!("the matrix does not vary `{}`", path.value))
                    .did_you_mean(suggest(&path.value, names()).or_else(|| by_ending(&path.value, names())))
                    .note(match listed.as_slice() {
                        [] => "it varies nothing".to_owned(),
                        listed => format!("it varies {}", listed.join(", ")),
                    }),
            );
            continue;
        };
        if !axis.values.iter().any(|own| same(own, value)) {
            let texts = axis.values.iter().filter_map(Node::as_str);
            diagnostics.push(
                Diagnostic::error(value.span, format!("`{}` never has this value", path.value))
                    .did_you_mean(value.as_str().and_then(|given| suggest(given, texts)))
                    .context(axis.path.span, "its values"),
            );
        }
    }
}

/// `merge.certain` for `certain`.
fn by_ending<'n>(given: &str, mut names: impl Iterator<Item = &'n str>) -> Option<String> {
    names.find(|name| paths::ends_with(name, given)).map(str::to_owned)
}
