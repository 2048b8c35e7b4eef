//! `asm-pipe diff`: two runs or pipelines side by side.

use std::collections::BTreeMap;

use serde_json::json;

use super::arguments::Diff;
use super::failure::Failure;
use super::figures::short;
use super::subject::Subject;
use super::terminal::{self, Format};
use super::workspace::Untouched;
use crate::plan::stage_in;
use crate::report::page::Grid;
use crate::run::{Comparison, Pair, compare};

pub(super) fn diff(arguments: &Diff) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let of = |at: usize| {
        Subject::of(
            &arguments.subjects.pipelines[at],
            &arguments.subjects,
            &opened.workspace,
        )
    };
    let (first, second) = (of(0)?, of(1)?);
    let found = compare(&first.members, &second.members);
    match arguments.output.format {
        Format::Json => terminal::print_json(&json!({
            "first": first.title, "second": second.title, "comparison": found,
        })),
        Format::Human => terminal::print(&format!(
            "A  {}\nB  {}\n{}",
            first.title,
            second.title,
            text(&found, arguments.all)
        )),
    }
}

fn text(found: &Comparison, all: bool) -> String {
    let kinds = rows(&found.kinds, String::clone);
    let params = rows(&found.params, ToString::to_string);
    let mut text = table("param", kinds.into_iter().chain(params));
    if text.is_empty() {
        text += "\nno param differs\n";
    }
    let (metrics, equal) = differing(&found.metrics, all);
    let metrics = metrics.into_iter().map(|pair| {
        let mut row = vec![format!("{}.{}", pair.stage, pair.what)];
        row.extend([pair.first, pair.second].map(|value| value.map_or_else(|| "–".to_owned(), short)));
        let change = pair.first.zip(pair.second).map(|(first, second)| second - first);
        row.push(change.map_or_else(String::new, signed));
        row
    });
    text += &table("metric", metrics);
    text += &left_out("metrics", equal);
    let (outputs, equal) = differing(&found.outputs, all);
    let outputs = outputs.into_iter().map(|pair| {
        let digest =
            |digest: Option<crate::store::Digest>| digest.map_or_else(|| "–".to_owned(), |digest| digest.short());
        let word = if pair.is_equal() { "equal" } else { "different" };
        let name = format!("{}.{}", pair.stage, pair.what);
        vec![name, digest(pair.first), digest(pair.second), word.to_owned()]
    });
    text += &table("output", outputs);
    text += &left_out("outputs", equal);
    for (names, side) in [(&found.only_first, 'A'), (&found.only_second, 'B')] {
        if !names.is_empty() {
            text += &format!("\nonly in {side}: {}\n", names.join(" "));
        }
    }
    text
}

/// What differs once for each stage and value, with the number of rounds.
fn rows<T>(pairs: &[Pair<T>], shown: impl Fn(&T) -> String) -> Vec<Vec<String>> {
    let mut rounds: BTreeMap<[String; 3], (usize, usize)> = BTreeMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        let value = |value: &Option<T>| value.as_ref().map_or_else(|| "–".to_owned(), &shown);
        let row = [
            format!("{}.{}", stage_in(&pair.stage), pair.what),
            value(&pair.first),
            value(&pair.second),
        ];
        rounds.entry(row).or_insert((at, 0)).1 += 1;
    }
    let mut rows: Vec<_> = rounds.into_iter().collect();
    rows.sort_by_key(|(_, (at, _))| *at);
    let row = |(cells, (_, count)): ([String; 3], (usize, usize))| {
        let times = if count > 1 {
            format!("{count} times")
        } else {
            String::new()
        };
        cells.into_iter().chain([times]).collect()
    };
    rows.into_iter().map(row).collect()
}

/// Those that differ, or all, and how many were left out.
fn differing<T: PartialEq>(pairs: &[Pair<T>], all: bool) -> (Vec<&Pair<T>>, usize) {
    let told: Vec<&Pair<T>> = pairs.iter().filter(|pair| all || !pair.is_equal()).collect();
    let left = pairs.len() - told.len();
    (told, left)
}

fn left_out(what: &str, count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    format!("equal {what}: {count} (`--all` lists them)\n")
}

fn signed(value: f64) -> String {
    if value > 0.0 {
        format!("+{}", short(value))
    } else {
        short(value)
    }
}

fn table(head: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = [head, "A", "B", ""].map(str::to_owned).to_vec();
    "\n".to_owned() + &Grid { heads, rows }.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(stage: &str, first: f64, second: Option<f64>) -> Pair<f64> {
        Pair {
            stage: stage.to_owned(),
            what: "certain".to_owned(),
            first: Some(first),
            second,
        }
    }

    #[test]
    fn what_differs_alike_in_many_rounds_is_told_once_and_in_order() {
        let pairs = [
            pair("split", 0.1, None),
            pair("round-1.merge", 0.8, Some(0.7)),
            pair("round-2.merge", 0.8, Some(0.7)),
            pair("round-3.merge", 0.8, Some(0.6)),
        ];
        let rows = rows(&pairs, ToString::to_string);
        assert_eq!(rows[0], ["split.certain", "0.1", "–", ""]);
        assert_eq!(rows[1], ["merge.certain", "0.8", "0.7", "2 times"]);
        assert_eq!(rows[2], ["merge.certain", "0.8", "0.6", ""]);
    }

    #[test]
    fn equal_metrics_are_counted_and_others_told_with_their_change() {
        let found = Comparison {
            metrics: vec![pair("a", 0.5, Some(0.5)), pair("b", 0.5, Some(0.75))],
            ..Comparison::default()
        };
        let told = text(&found, false);
        assert!(told.contains("b.certain  0.500  0.750  +0.250"), "{told}");
        assert!(
            told.contains("equal metrics: 1") && !told.contains("a.certain"),
            "{told}"
        );
        assert!(text(&found, true).contains("a.certain"));
    }
}
