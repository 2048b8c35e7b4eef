//! Short names for combinations: only what varies, each param by as much of its path as tells it from the others.
//!
//! The names are good for folders, for command lines without quotes, and for people: `certain=0.7,take=40`.

use std::collections::BTreeMap;

use super::{Combination, canonical, same};
use crate::spec::{Node, Value, paths};

/// Longer values are cut off.
const LONGEST: usize = 32;

/// A name for each combination, all different; all empty if nothing varies.
pub(in crate::spec) fn label_combinations(combinations: &[Combination]) -> Vec<String> {
    let mut names = vec![Vec::new(); combinations.len()];
    let varying = varying(combinations);
    for path in &varying {
        let label = plain(shortest(path, &varying));
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for (combination, name) in combinations.iter().zip(&mut names) {
            if let Some(value) = combination.get(path) {
                name.push(format!("{label}={}", text_of(value, &mut known)));
            }
        }
    }
    names.into_iter().map(|parts| parts.join(",")).collect()
}

/// The params that are not the same in all combinations, sorted.
fn varying(combinations: &[Combination]) -> Vec<&str> {
    let mut all: Vec<&str> = combinations
        .iter()
        .flat_map(|combination| combination.settings.iter().map(|(path, _)| path.value.as_str()))
        .collect();
    all.sort_unstable();
    all.dedup();
    let is_fixed = |path: &str| {
        let first = combinations.first().and_then(|first| first.get(path));
        let is_first = |value: &Node| first.is_some_and(|first| same(first, value));
        combinations.iter().all(|other| other.get(path).is_some_and(is_first))
    };
    all.retain(|path| !is_fixed(path));
    all
}

/// The shortest ending of a path that no other has; the whole path if there is none.
fn shortest<'p>(path: &'p str, all: &[&str]) -> &'p str {
    let starts = path.match_indices('.').map(|(at, _)| at + 1).rev();
    let is_own = |ending: &&str| {
        all.iter()
            .all(|other| *other == path || !paths::ends_with(other, ending))
    };
    starts.map(|at| &path[at..]).find(is_own).unwrap_or(path)
}

/// A value's text, other than that of each other value.
fn text_of(value: &Node, known: &mut BTreeMap<String, String>) -> String {
    let canonical = canonical(value);
    if let Some(text) = known.get(&canonical) {
        return text.clone();
    }
    let short: String = plain(&words(value)).chars().take(LONGEST).collect();
    let mut text = short.clone();
    let mut number = 2;
    while known.values().any(|other| *other == text) {
        text = format!("{short}_{number}");
        number += 1;
    }
    known.insert(canonical, text.clone());
    text
}

fn words(value: &Node) -> String {
    match &value.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::String(text) => text.clone(),
        Value::Sequence(items) => items.iter().map(words).collect::<Vec<_>>().join("-"),
        Value::Mapping(entries) => {
            let parts = entries
                .iter()
                .map(|(key, value)| format!("{}-{}", key.value, words(value)));
            parts.collect::<Vec<_>>().join("-")
        }
    }
}

/// A text in letters that need no quotes.
fn plain(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+');
    let plain: String = text
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '-' })
        .collect();
    if plain.is_empty() { "none".to_owned() } else { plain }
}
