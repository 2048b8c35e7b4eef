//! Two lists of stages side by side: params, metrics and outputs of those that have the same name. No store, no file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::member::Member;
use crate::store::{Digest, param_changes};

/// How two lists of stages differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Stages that only the first has.
    pub only_first: Vec<String>,
    /// Stages that only the second has.
    pub only_second: Vec<String>,
    /// Stages of another kind. Their params are not compared.
    pub kinds: Vec<Pair<String>>,
    /// Params that differ; `what` is their path.
    pub params: Vec<Pair<Value>>,
    /// All metrics.
    pub metrics: Vec<Pair<f64>>,
    /// All outputs.
    pub outputs: Vec<Pair<Digest>>,
}

/// Something of a stage, in both lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair<T> {
    /// The stage.
    pub stage: String,
    /// What it is: a param's path, a metric's or an output's name.
    pub what: String,
    /// In the first; none if it is not there or not made.
    pub first: Option<T>,
    /// In the second.
    pub second: Option<T>,
}

impl<T: PartialEq> Pair<T> {
    /// Whether both have it and it is the same.
    pub fn is_equal(&self) -> bool {
        self.first.is_some() && self.first == self.second
    }
}

/// Compares stages by name; what is told comes in the order of the first, then of the second list.
#[must_use]
pub fn compare(first: &[Member], second: &[Member]) -> Comparison {
    let names = |list: &[Member]| -> BTreeSet<String> { list.iter().map(|member| member.name.clone()).collect() };
    let only = |list: &[Member], other: &BTreeSet<String>| {
        let names = list.iter().map(|member| member.name.clone());
        names.filter(|name| !other.contains(name)).collect()
    };
    let mut found = Comparison {
        only_first: only(first, &names(second)),
        only_second: only(second, &names(first)),
        ..Comparison::default()
    };
    let by_name: BTreeMap<&str, &Member> = second.iter().map(|member| (member.name.as_str(), member)).collect();
    for one in first {
        if let Some(other) = by_name.get(one.name.as_str()) {
            found.add(one, other);
        }
    }
    found
}

impl Comparison {
    fn add(&mut self, one: &Member, other: &Member) {
        let stage = || one.name.clone();
        if one.kind == other.kind {
            let outside = one.outside.iter();
            let outside = outside.filter_map(|(name, value)| Some((name.clone(), value, other.outside.get(name)?)));
            let outside = outside.filter(|(_, one, other)| one != other);
            self.params.extend(outside.map(|(what, one, other)| Pair {
                stage: stage(),
                what,
                first: Some(one.clone()),
                second: Some(other.clone()),
            }));
            let changes = param_changes(&one.params, &other.params).into_iter();
            self.params.extend(changes.map(|change| Pair {
                stage: stage(),
                what: change.path,
                first: change.old,
                second: change.new,
            }));
        } else {
            self.kinds.push(Pair {
                stage: stage(),
                what: "uses".to_owned(),
                first: Some(one.kind.clone()),
                second: Some(other.kind.clone()),
            });
        }
        let metrics = |member: &Member| member.record.as_ref().map(|record| record.metrics.clone());
        self.metrics.extend(pairs(&one.name, metrics(one), metrics(other)));
        let outputs = |member: &Member| {
            let outputs = &member.record.as_ref()?.outputs;
            Some(
                outputs
                    .iter()
                    .map(|(name, output)| (name.clone(), output.digest))
                    .collect(),
            )
        };
        self.outputs.extend(pairs(&one.name, outputs(one), outputs(other)));
    }
}

fn pairs<T: Copy>(
    stage: &str,
    first: Option<BTreeMap<String, T>>,
    second: Option<BTreeMap<String, T>>,
) -> Vec<Pair<T>> {
    let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
    let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let pair = |name: &String| Pair {
        stage: stage.to_owned(),
        what: name.clone(),
        first: first.get(name).copied(),
        second: second.get(name).copied(),
    };
    names.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_support::{World, make, node, plan};
    use super::*;
    use crate::plan::{Node, Plan};

    fn members(world: &World, plan: &Plan) -> Vec<Member> {
        Member::of_plan(plan, &world.registry, &world.store).unwrap()
    }

    fn merge(certain: f64) -> Node {
        node("merge", "make", json!({"word": "merge", "certain": certain}), &[0])
    }

    #[test]
    fn params_metrics_and_outputs_of_stages_of_one_name_are_put_side_by_side() {
        let world = World::new();
        let one = plan([make("data", &[]), merge(0.8), make("old", &[0])]);
        let mut two = plan([make("data", &[]), merge(0.7), make("new", &[0])]);
        two.nodes[0].params["word"] = json!("other");
        world.run(&one);
        world.run(&two);
        let found = compare(&members(&world, &one), &members(&world, &two));
        assert_eq!(
            (found.only_first, found.only_second),
            (vec!["old".to_owned()], vec!["new".to_owned()])
        );
        let params: Vec<_> = found.params.iter().map(|pair| (&*pair.stage, &*pair.what)).collect();
        assert_eq!(params, [("data", "word"), ("merge", "certain")]);
        assert_eq!(
            (&found.params[1].first, &found.params[1].second),
            (&Some(json!(0.8)), &Some(json!(0.7)))
        );
        assert_eq!(found.metrics.len(), 2);
        assert!(found.metrics[0].is_equal() && found.metrics[0].what == "ap");
        assert_eq!(found.outputs.len(), 2);
        assert!(!found.outputs[0].is_equal());
    }

    #[test]
    fn a_stage_that_is_not_made_is_equal_to_nothing_and_one_of_another_kind_is_told_as_such() {
        let world = World::new();
        let one = plan([make("data", &[]), merge(0.8)]);
        world.run(&one);
        let mut two = one.clone();
        two.nodes[1].kind = "slow".to_owned();
        let found = compare(&members(&world, &one), &members(&world, &two));
        assert_eq!(found.kinds[0].second.as_deref(), Some("slow"));
        assert_eq!(found.params, []);
        assert_eq!(
            (found.outputs[0].is_equal(), found.outputs[1].is_equal()),
            (true, false)
        );
        assert_eq!(found.outputs[1].second, None);
    }

    #[test]
    fn paths_outside_are_compared_when_both_are_known() {
        let world = World::new();
        let at = |path: &str| plan([node("read", "read", json!({"path": path}), &[])]);
        let (one, two) = (members(&world, &at("/a")), members(&world, &at("/b")));
        assert_eq!(compare(&one, &two).params.len(), 1);
        let mut unknown = two;
        unknown[0].outside.clear();
        assert_eq!(compare(&one, &unknown).params, []);
    }
}
