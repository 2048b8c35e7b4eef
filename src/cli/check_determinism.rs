//! `asm-pipe check-determinism`: runs stages a second time and compares.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::cache::arguments::CheckDeterminism;
use super::failure::{Failure, FailureKind};
use super::load::{load, unknown_stages};
use super::progress::Display;
use super::run::{interruptible, options, verdict};
use super::terminal::{self, DIM, Format, GREEN, RED, RESET};
use super::workspace::Workspace;
use crate::plan::{NodeId, Plan};
use crate::run::recheck::{Recheck, Rechecker};
use crate::store::{How, Unlike};
use crate::table::{Table, TableDifference};

pub(super) fn check_determinism(arguments: &CheckDeterminism) -> Result<(), Failure> {
    let workspace = Workspace::open(&arguments.store)?;
    let pipelines = arguments.changes.of(std::slice::from_ref(&arguments.pipeline));
    let whole = load(&pipelines, &[], &workspace.registry)?.plan;
    let unknown = |unknown: Vec<_>| unknown_stages("STAGE", &unknown);
    let plan = &match &arguments.stages[..] {
        [] => whole,
        stages => whole.only(stages).map_err(unknown)?,
    };
    let chosen = chosen(plan, &arguments.stages);
    let human = arguments.output.format == Format::Human;
    let interrupt = interruptible();
    let mut display = Display::new(Format::Human, !human);
    let summary = crate::run::run(
        plan,
        &workspace.registry,
        &workspace.store,
        &options(None, None, None),
        &mut |moment| display.show(moment),
        &interrupt,
    )
    .map_err(|e| Failure::environment(e.to_string()))?;
    verdict(&summary)?;
    drop(display);
    let records: Vec<_> = summary.nodes.into_iter().map(|node| node.record).collect();
    let mut rechecker = Rechecker::new(plan, &workspace.registry, &workspace.store, &records, &interrupt);
    let mut answers = Vec::new();
    for id in chosen {
        let name = &plan.nodes[id.0].name;
        if let Some(recheck) = rechecker.recheck(id, &first_different_value) {
            if human {
                terminal::print(&line(name, &recheck))?;
            }
            let stopped = recheck == Recheck::Stopped;
            answers.push((name.clone(), recheck));
            if stopped {
                return Err(Failure::new(FailureKind::Interrupted, "interrupted"));
            }
        }
    }
    if !human {
        let rows: Vec<Value> = answers.iter().map(|(name, recheck)| as_json(name, recheck)).collect();
        terminal::print_json(&rows)?;
    }
    let wrong = answers.iter().filter(|(_, recheck)| *recheck != Recheck::Same).count();
    match wrong {
        0 if human => terminal::print(&format!("{} gave the same bytes twice\n", count(answers.len()))),
        0 => Ok(()),
        wrong => Err(Failure::new(
            FailureKind::Stage,
            format!("{wrong} of {} did not give the same again", count(answers.len())),
        )
        .hint("a kind must draw from its seed alone, and must not depend on time, paths or the order of threads")),
    }
}

/// The nodes to run twice: all, or those of these names and not what they need.
fn chosen(plan: &Plan, names: &[String]) -> BTreeSet<NodeId> {
    if names.is_empty() {
        return plan.iter().map(|(id, _)| id).collect();
    }
    names.iter().filter_map(|name| plan.find(name).ok()).flatten().collect()
}

fn count(stages: usize) -> String {
    format!("{stages} stage{}", if stages == 1 { "" } else { "s" })
}

fn line(name: &str, recheck: &Recheck) -> String {
    match recheck {
        Recheck::Same => format!("{GREEN}same{RESET}       {name}\n"),
        Recheck::Failed(error) => format!("{RED}failed{RESET}     {name}: {error}\n"),
        Recheck::Stopped => format!("stopped    {name}\n"),
        Recheck::Different { output, unlike, values } => {
            let values = values
                .as_ref()
                .map_or_else(String::new, |values| format!(" {DIM}{values}{RESET}"));
            format!("{RED}different{RESET}  {name}: {}{values}\n", place(output, unlike))
        }
    }
}

/// Where it is different: output, file, byte.
fn place(output: &str, unlike: &Unlike) -> String {
    let file = match unlike.file.as_str() {
        "" => format!("output `{output}`"),
        file => format!("output `{output}`, file `{file}`"),
    };
    match unlike.how {
        How::Bytes { offset } => format!("{file}, from byte {offset} on"),
        How::Missing => format!("{file}, which is not written the second time"),
        How::Extra => format!("{file}, which is written only the second time"),
        How::Kind => format!("{file}, which is a file one time and a folder the other"),
    }
}

fn as_json(name: &str, recheck: &Recheck) -> Value {
    match recheck {
        Recheck::Same => json!({ "stage": name, "result": "same" }),
        Recheck::Stopped => json!({ "stage": name, "result": "stopped" }),
        Recheck::Failed(error) => json!({ "stage": name, "result": "failed", "error": error }),
        Recheck::Different { output, unlike, values } => json!({
            "stage": name, "result": "different", "output": output, "where": unlike, "values": values,
        }),
    }
}

/// The first value that is different, where both files are JSON or both are tables.
fn first_different_value(unlike: &Unlike) -> Option<String> {
    let (before, after) = unlike.files.as_ref()?;
    let read = |path: &Path| serde_json::from_slice::<Value>(&fs_err::read(path).ok()?).ok();
    if let (Some(before), Some(after)) = (read(before), read(after)) {
        return different_json("", &before, &after);
    }
    let read = |path: &Path| Table::read_parquet(path).ok();
    Some(match read(before)?.first_difference(&read(after)?)? {
        TableDifference::Columns => "other columns".to_owned(),
        TableDifference::Height { one, other } => format!("{one} rows and then {other}"),
        TableDifference::Value {
            row,
            column,
            one,
            other,
        } => format!("row {row}, column `{column}`: {one} and then {other}"),
    })
}

fn different_json(at: &str, before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => a
            .iter()
            .find_map(|(key, value)| different_json(&format!("{at}/{key}"), value, &b[key])),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(place, (a, b))| different_json(&format!("{at}/{place}"), a, b))
        }
        _ if before == after => None,
        _ => {
            let short = |value: &Value| value.to_string().chars().take(40).collect::<String>();
            Some(format!(
                "{}: {} and then {}",
                if at.is_empty() { "/" } else { at },
                short(before),
                short(after)
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_different_is_named_by_its_place() {
        let before = json!({"rounds": [{"ap50": 0.5}, {"ap50": 0.6}], "stop": false});
        let mut after = before.clone();
        assert_eq!(different_json("", &before, &after), None);
        after["rounds"][1]["ap50"] = json!(0.7);
        after["stop"] = json!(true);
        assert_eq!(
            different_json("", &before, &after).unwrap(),
            "/rounds/1/ap50: 0.6 and then 0.7"
        );
        assert!(
            different_json("", &json!([1]), &json!([1, 2]))
                .unwrap()
                .starts_with("/: ")
        );
    }
}
