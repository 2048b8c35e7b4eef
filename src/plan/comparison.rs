//! Stages that compare pipelines, after the last stages of each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Node, NodeId, NodeInput, Plan};
use crate::stage::params::decode;
use crate::stage::{KindInfo, Registry};

/// The kind whose tables are compared, and its output.
const TABLES: &str = "tables";
const ROUNDS: &str = "rounds";
/// The kind that joins the tables of several pipelines.
const COMPARE: &str = "compare";
/// The kind that draws tables.
const CHARTS: &str = "charts";

/// A kind that comparing needs is not there, or needs params.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pipelines cannot be compared: the stage kind `{0}` is missing or needs params")]
pub struct ComparisonError(&'static str);

/// Adds `comparison.tables` and `comparison.charts` to a plan in which several pipelines have tables. Answers with the
/// pipelines that have none, which are left out.
///
/// # Errors
/// When a kind that compares is not there.
pub fn add_comparison(plan: &mut Plan, registry: &Registry) -> Result<Vec<String>, ComparisonError> {
    let mut tables: BTreeMap<&str, NodeId> = BTreeMap::new();
    for (id, node) in plan.iter().filter(|(_, node)| node.kind == TABLES) {
        // The last, if there are several: what comes later sees more.
        tables.extend(node.pipelines.iter().map(|pipeline| (pipeline.as_str(), id)));
    }
    let (mut inputs, mut left_out) = (Vec::new(), Vec::new());
    for pipeline in &plan.pipelines {
        match tables.get(pipeline.as_str()) {
            Some(id) => inputs.push(input(pipeline, *id)),
            None => left_out.push(pipeline.clone()),
        }
    }
    if inputs.len() > 1 {
        let (compare, charts) = (kind(registry, COMPARE)?, kind(registry, CHARTS)?);
        let joined = input("", NodeId(plan.nodes.len()));
        let tables = node(plan, COMPARE, "tables", compare, inputs);
        let charts = node(plan, CHARTS, "charts", charts, vec![joined]);
        plan.nodes.extend([tables, charts]);
    }
    Ok(left_out)
}

fn input(label: &str, node: NodeId) -> NodeInput {
    NodeInput {
        label: label.to_owned(),
        node,
        output: ROUNDS.to_owned(),
        ..NodeInput::default()
    }
}

/// The params of a kind when none are given.
fn kind(registry: &Registry, name: &'static str) -> Result<Value, ComparisonError> {
    let info: Option<&KindInfo> = registry.get(name).map(|kind| &kind.info);
    let params = info.and_then(|info| decode(&info.params, &json!({})).ok());
    params.ok_or(ComparisonError(name))
}

fn node(plan: &Plan, kind: &str, stage: &str, params: Value, inputs: Vec<NodeInput>) -> Node {
    Node {
        name: format!("comparison.{stage}"),
        stage: format!("comparison.{stage}"),
        pipelines: plan.pipelines.clone(),
        kind: kind.to_owned(),
        params,
        inputs: BTreeMap::from([(ROUNDS.to_owned(), inputs)]),
        ..Node::default()
    }
}
