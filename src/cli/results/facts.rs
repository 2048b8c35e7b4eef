//! What a reader must know of how figures came about: protocol, seeds, data, prices, pretraining, versions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::cli::figures::duration;
use crate::plan::Node;
use crate::report::{RoundRow, Trial, strategies};
use crate::store::{Digest, Record};

/// The facts in the order in which they are told.
pub(super) fn facts(nodes: &[(&Node, &Record)], rows: &[RoundRow], rounds: &Digest) -> Vec<(String, String)> {
    let total: f64 = nodes.iter().map(|(_, record)| record.seconds).sum();
    let params = |kind: &str, name: &str| -> Vec<String> {
        let of_kind = nodes.iter().filter(|(node, _)| node.kind == kind);
        let values: BTreeSet<String> = of_kind.filter_map(|(node, _)| shown(node.params.get(name)?)).collect();
        values.into_iter().collect()
    };
    let seeds: BTreeSet<i64> = rows.iter().map(|row| row.seed).collect();
    let seeds: Vec<String> = seeds.iter().map(i64::to_string).collect();
    let versions: BTreeSet<&str> = nodes.iter().map(|(_, record)| record.version.as_str()).collect();
    let cores: BTreeSet<u32> = nodes
        .iter()
        .filter(|(node, _)| node.kind == "train")
        .map(|(_, record)| record.cpus)
        .collect();
    let cores: Vec<String> = cores.iter().map(u32::to_string).collect();
    let mut weights = params("train", "weights");
    if weights.is_empty() && nodes.iter().any(|(node, _)| node.kind == "train") {
        weights.push("none: from random weights".to_owned());
    }
    let mut facts = vec![
        ("asm-pipe", versions.into_iter().collect::<Vec<_>>().join(", ")),
        ("seeds", seeds.join(", ")),
        (
            "presets of the strategies",
            presets_text(&presets(nodes.iter().map(|(node, _)| *node))),
        ),
        ("evaluation protocol", params("evaluate", "protocol").join(", ")),
        ("detector", params("train", "architecture").join(", ")),
        ("pretraining", weights.join(", ")),
        ("cost constants, in seconds", params("merge-sa", "prices").join("; ")),
        ("kinds and their versions", kinds(nodes)),
        ("cores that trainings had", cores.join(", ")),
        ("computing time, as made", duration(total)),
        ("digest of the table of rounds", rounds.to_string()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    let mut facts: Vec<(String, String)> = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    facts.extend(
        datasets(nodes)
            .into_iter()
            .map(|(stage, digest)| (format!("dataset of `{stage}`"), digest.to_string())),
    );
    facts
}

/// The datasets that come from outside or are drawn: outputs `dataset` of stages that read no other stage.
pub(super) fn datasets(nodes: &[(&Node, &Record)]) -> BTreeMap<String, Digest> {
    let sources = nodes.iter().filter(|(node, _)| node.inputs.is_empty());
    let dataset = |(node, record): &(&Node, &Record)| Some((node.name.clone(), record.outputs.get("dataset")?.digest));
    sources.filter_map(dataset).collect()
}

/// Strategies by the preset that their stages have: one that mixes both is under both.
pub(super) type Presets<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The presets of these stages.
pub(super) fn presets<'a>(nodes: impl Iterator<Item = &'a Node> + Clone) -> Presets<'a> {
    let tables = nodes.clone().filter(|node| node.kind == "tables");
    let strategies: BTreeMap<&str, &str> = tables
        .filter_map(|node| Some((node.params.get("strategy")?.as_str()?, &node.pipelines)))
        .flat_map(|(strategy, pipelines)| pipelines.iter().map(move |pipeline| (pipeline.as_str(), strategy)))
        .collect();
    let mut presets = Presets::new();
    for node in nodes {
        if let Some(preset) = node.params.get("preset").and_then(Value::as_str) {
            let its = node
                .pipelines
                .iter()
                .filter_map(|pipeline| strategies.get(pipeline.as_str()));
            presets.entry(preset).or_default().extend(its);
        }
    }
    presets.retain(|_, strategies| !strategies.is_empty());
    presets
}

/// Each preset with its strategies.
fn presets_text(presets: &Presets<'_>) -> String {
    let shown = presets.iter().map(|(preset, strategies)| {
        let strategies: Vec<&str> = strategies.iter().copied().collect();
        format!("{preset}: {}", strategies.join(", "))
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// Names that a sentence has room for.
const NAMED: usize = 10;

/// What is compared and by which preset, for the head of a page. Of many strategies, as a matrix makes them, the families are named.
pub(super) fn lead(trials: &[Trial], presets: &Presets<'_>) -> String {
    let strategies = strategies(trials);
    let mut named: Vec<&str> = strategies.clone();
    let mut of = "Active learning for object detection: ".to_owned();
    if strategies.len() > NAMED {
        named = Vec::new();
        for trial in trials {
            if !named.contains(&trial.family.as_str()) {
                named.push(&trial.family);
            }
        }
        of += &format!("{} variants of ", strategies.len());
    }
    of += &format!("{}.", named.join(", "));
    match presets.len() {
        0 => of,
        1 if strategies.len() > NAMED => match presets.first_key_value() {
            Some((preset, own)) if own.len() == strategies.len() => format!("{of} Preset {preset}: all."),
            _ => format!("{of} Preset {}.", presets_text(presets)),
        },
        1 => format!("{of} Preset {}.", presets_text(presets)),
        _ => format!("{of} Presets {}.", presets_text(presets)),
    }
}

fn kinds(nodes: &[(&Node, &Record)]) -> String {
    let kinds: BTreeSet<String> = nodes
        .iter()
        .map(|(node, record)| format!("{} {}", node.kind, record.material.version))
        .collect();
    kinds.into_iter().collect::<Vec<_>>().join(", ")
}

/// A param as people read it; none of nothing.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(map) => {
            let parts: Vec<String> = map
                .iter()
                .map(|(name, value)| format!("{name} {}", shown(value).unwrap_or_default()))
                .collect();
            Some(parts.join(", "))
        }
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::{lead, presets, presets_text};
    use crate::plan::Node;
    use crate::report::Trial;
    use serde_json::json;

    #[test]
    fn each_strategy_is_named_under_the_presets_that_its_stages_have() {
        let node = |kind: &str, params: serde_json::Value, pipelines: &[&str]| Node {
            kind: kind.into(),
            params,
            pipelines: pipelines.iter().map(|name| (*name).to_owned()).collect(),
            ..Node::default()
        };
        let nodes = [
            node("tables", json!({"strategy": "v1"}), &["v1-seed-0"]),
            node("tables", json!({"strategy": "old"}), &["old-seed-0"]),
            node("draw-batch", json!({"preset": "sound"}), &["v1-seed-0", "old-seed-0"]),
            node("select-v1", json!({"preset": "as_published"}), &["old-seed-0"]),
            node("evaluate", json!({"protocol": "coco"}), &["v1-seed-0"]),
        ];
        let found = presets(nodes.iter());
        assert_eq!(presets_text(&found), "as_published: old; sound: old, v1");
        let trials = |names: &[&str]| -> Vec<Trial> {
            let trial = |name: &&str| Trial {
                strategy: (*name).to_owned(),
                family: name.split('=').next().unwrap_or_default().to_owned(),
                ..Trial::default()
            };
            names.iter().map(trial).collect()
        };
        assert_eq!(
            lead(&trials(&["v1", "old"]), &found),
            "Active learning for object detection: v1, old. Presets as_published: old; sound: old, v1."
        );
        assert!(presets(nodes[4..].iter()).is_empty());
        assert!(lead(&trials(&["v1"]), &presets(nodes[4..].iter())).ends_with("detection: v1."));

        let many: Vec<String> = (0..12).map(|at| format!("v{}={at}", at % 2)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let all = node("draw-batch", json!({"preset": "sound"}), &[]);
        let tables: Vec<Node> = many
            .iter()
            .map(|name| node("tables", json!({"strategy": name}), &[*name]))
            .collect();
        let all = Node {
            pipelines: many.iter().map(|name| (*name).to_owned()).collect(),
            ..all
        };
        assert_eq!(
            lead(&trials(&many), &presets(tables.iter().chain([&all]))),
            "Active learning for object detection: 12 variants of v0, v1. Preset sound: all."
        );
    }
}
