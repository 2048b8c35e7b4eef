//! What pipelines and kinds offer: names of stages, profiles, params with their values. Functions on data.

use serde_json::Value;

use crate::spec::{Node, Pipeline, StageSpec, Value as SpecValue};
use crate::stage::KindInfo;
use crate::stage::params::describe;

/// Something that may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) value: String,
    pub(super) help: String,
}

impl Candidate {
    pub(super) fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            help: help.into(),
        }
    }
}

/// Names that `--target` and `--force` take. The stages of single rounds only once `round-` is there.
pub(super) fn stages(pipelines: &[Pipeline], current: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for pipeline in pipelines {
        let inside = in_rounds(pipeline);
        let all: Vec<Candidate> = pipeline
            .stages
            .iter()
            .map(stage)
            .chain(inside.iter().cloned())
            .collect();
        if pipelines.len() == 1 {
            found.extend(all);
            found.extend(of_rounds(pipeline, &inside, "", current));
        } else {
            let prefix = format!("{}/", pipeline.name.value);
            // All members of a family, all seeds of a strategy, one member.
            for owner in [&pipeline.family, &pipeline.strategy, &pipeline.name.value] {
                let own = |each: &Candidate| Candidate::new(format!("{owner}/{}", each.value), each.help.clone());
                found.extend(all.iter().map(own));
            }
            found.extend(all);
            found.extend(of_rounds(pipeline, &inside, &prefix, current));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|candidate| seen.insert(candidate.value.clone()));
    found
}

fn stage(stage: &StageSpec) -> Candidate {
    let help = stage.doc.clone().unwrap_or_else(|| stage.uses.value.clone());
    Candidate::new(stage.name.value.clone(), help)
}

fn in_rounds(pipeline: &Pipeline) -> Vec<Candidate> {
    let Some(rounds) = &pipeline.rounds else {
        return Vec::new();
    };
    let test = rounds
        .until
        .iter()
        .map(|_| Candidate::new("until", "The stop test of a round"));
    rounds.stages.iter().map(stage).chain(test).collect()
}

fn of_rounds(pipeline: &Pipeline, inside: &[Candidate], prefix: &str, current: &str) -> Vec<Candidate> {
    let Some(rounds) = &pipeline.rounds else {
        return Vec::new();
    };
    let begin = format!("{prefix}round-");
    if !current.starts_with(&begin) {
        return vec![Candidate::new(begin, "A stage of one round")];
    }
    let in_round = |round: u32| {
        inside
            .iter()
            .map(move |stage| Candidate::new(format!("{prefix}round-{round}.{}", stage.value), stage.help.clone()))
    };
    (1..=rounds.max.value).flat_map(in_round).collect()
}

/// The profiles of any of the pipelines.
pub(super) fn profiles(pipelines: &[Pipeline]) -> Vec<Candidate> {
    let names: std::collections::BTreeSet<&String> = pipelines.iter().flat_map(|pipeline| &pipeline.profiles).collect();
    names.into_iter().map(|name| Candidate::new(name, "")).collect()
}

/// `path=` for every param that is no mapping, and `path=value` as it is once the `=` is there.
pub(super) fn params(pipelines: &[Pipeline], current: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for pipeline in pipelines {
        leaves(&pipeline.params, "", &mut found);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|(path, _)| seen.insert(path.clone()));
    let now = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match current.split_once('=') {
        None => found
            .iter()
            .map(|(path, value)| Candidate::new(format!("{path}="), format!("now {}", now(value))))
            .collect(),
        Some((path, _)) => {
            let Some((_, value)) = found.iter().find(|(name, _)| name == path) else {
                return Vec::new();
            };
            let values = match value {
                Value::Bool(_) => vec!["false".to_owned(), "true".to_owned()],
                value => vec![now(value)],
            };
            // A shell would cut others, or make something else of them.
            let plain = |value: &String| value.chars().all(|c| c.is_alphanumeric() || "._-+/".contains(c));
            let values = values.into_iter().filter(plain);
            values
                .map(|value| Candidate::new(format!("{path}={value}"), ""))
                .collect()
        }
    }
}

fn leaves(node: &Node, path: &str, found: &mut Vec<(String, Value)>) {
    match &node.value {
        SpecValue::Mapping(entries) if path.is_empty() || !entries.is_empty() => {
            for (key, value) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(value, &format!("{path}{dot}{}", key.value), found);
            }
        }
        _ => found.push((path.to_owned(), node.to_json())),
    }
}

/// `path=` for every param of a kind.
pub(super) fn params_of_kind(kind: Option<&KindInfo>) -> Vec<Candidate> {
    let docs = kind.map(|kind| describe(&kind.params)).unwrap_or_default();
    let candidate = |doc: &crate::stage::params::ParamDoc| Candidate::new(format!("{}=", doc.path), doc.doc.clone());
    docs.iter().map(candidate).collect()
}

/// `port=` for every input of a kind.
pub(super) fn ports(kind: Option<&KindInfo>) -> Vec<Candidate> {
    let ports = kind.map(|kind| kind.inputs.as_slice()).unwrap_or_default();
    ports
        .iter()
        .map(|port| Candidate::new(format!("{}=", port.name), port.doc.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{LoadOptions, load_text};
    use crate::stage::Registry;

    const PIPELINE: &str = "
params: {images: 8, keep: {flip: true, note: a b}, more: {}}
profiles: {small: {}, large: }
stages:
  source: {uses: shapes, doc: Scenes, with: {images: \"${images}\"}}
  split: {uses: split-pools, in: {dataset: source.dataset}, with: {initial: 2, validation: 1}}
rounds:
  max: 2
  carry: {pool: [split.pool, batch.pool]}
  stages:
    batch: {uses: draw-batch, in: {pool: carry.pool, dataset: source.dataset}}
";

    fn pipeline(name: &str) -> Pipeline {
        let text = format!("name: {name}\n{PIPELINE}");
        load_text(&text, &LoadOptions::default()).unwrap().0
    }

    fn values(candidates: Vec<Candidate>) -> Vec<String> {
        candidates.into_iter().map(|candidate| candidate.value).collect()
    }

    #[test]
    fn every_stage_that_is_offered_is_found_in_the_plan() {
        let mut registry = Registry::new();
        for stage in crate::stages::built_in() {
            registry.register(stage).unwrap();
        }
        let two = [pipeline("one"), pipeline("two")];
        for pipelines in [&two[..1], &two[..]] {
            let plan = crate::plan::plan(pipelines, &registry).unwrap();
            for current in ["", "round-", "two/round-"] {
                let offered = values(stages(pipelines, current));
                for name in offered.iter().filter(|name| !name.ends_with("round-")) {
                    assert!(plan.find(name).is_ok(), "{name}");
                }
            }
        }
    }

    #[test]
    fn the_stages_of_single_rounds_come_when_they_are_asked_for() {
        let one = [pipeline("one")];
        assert_eq!(values(stages(&one, "")), ["source", "split", "batch", "round-"]);
        assert!(values(stages(&one, "round-")).contains(&"round-2.batch".to_owned()));
        let two = [pipeline("one"), pipeline("two")];
        assert!(values(stages(&two, "two/round-1")).contains(&"two/round-1.batch".to_owned()));
    }

    #[test]
    fn params_are_offered_by_path_and_then_with_their_value() {
        let one = [pipeline("one")];
        assert_eq!(
            params(&one, "")[..2],
            [
                Candidate::new("images=", "now 8"),
                Candidate::new("keep.flip=", "now true")
            ]
        );
        assert_eq!(values(params(&one, "images=")), ["images=8"]);
        assert_eq!(
            values(params(&one, "keep.flip=")),
            ["keep.flip=false", "keep.flip=true"]
        );
        assert!(values(params(&one, "keep.note=")).is_empty(), "a blank would cut it");
        assert!(values(params(&one, "nothing=")).is_empty());
    }

    #[test]
    fn profiles_of_all_pipelines_are_offered_once() {
        assert_eq!(
            values(profiles(&[pipeline("one"), pipeline("two")])),
            ["large", "small"]
        );
    }
}
