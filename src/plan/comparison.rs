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

/// Why pipelines cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// A pipeline makes nothing to compare.
    #[error("pipeline `{0}` has no stage of the kind `{TABLES}`")]
    NoTables(String),
    /// A kind that is needed is missing.
    #[error("no stage kind is called `{0}`")]
    NoKind(&'static str),
    /// A kind does not take what it is given.
    #[error("the stage kind `{kind}` cannot compare: {problem}")]
    Unfit {
        /// The kind.
        kind: &'static str,
        /// What it does not take.
        problem: String,
    },
}

/// Adds `comparison.tables` and `comparison.charts` to a plan of several pipelines. `name` is the title of the charts.
///
/// # Errors
/// When a pipeline has no tables, or the kinds that compare are not there.
pub fn add_comparison(plan: &mut Plan, registry: &Registry, name: &str) -> Result<(), ComparisonError> {
    if plan.pipelines.len() < 2 {
        return Ok(());
    }
    let mut inputs = Vec::new();
    for pipeline in &plan.pipelines {
        let is_tables = |node: &Node| node.kind == TABLES && node.pipelines.contains(pipeline);
        // The last, if there are several: what comes later sees more.
        let found = plan.iter().filter(|(_, node)| is_tables(node)).last();
        let (id, _) = found.ok_or_else(|| ComparisonError::NoTables(pipeline.clone()))?;
        inputs.push(input(pipeline, id));
    }
    let compare = kind(registry, COMPARE)?;
    let tables = node(
        plan,
        compare,
        "tables",
        params(compare, COMPARE, &json!({}))?,
        inputs.clone(),
    );
    let joined = compare.outputs.iter().any(|output| output.name == ROUNDS);
    let charts = kind(registry, CHARTS)?;
    let title = params(charts, CHARTS, &json!({ "title": name }))?;
    let drawn = if joined {
        vec![input("comparison", NodeId(plan.nodes.len()))]
    } else {
        inputs
    };
    let charts = node(plan, charts, "charts", title, drawn);
    plan.nodes.extend([tables, charts]);
    Ok(())
}

fn input(label: &str, node: NodeId) -> NodeInput {
    NodeInput {
        label: label.to_owned(),
        node,
        output: ROUNDS.to_owned(),
        ..NodeInput::default()
    }
}

fn kind<'r>(registry: &'r Registry, name: &'static str) -> Result<&'r KindInfo, ComparisonError> {
    registry
        .get(name)
        .map(|kind| &kind.info)
        .ok_or(ComparisonError::NoKind(name))
}

fn params(info: &KindInfo, kind: &'static str, given: &Value) -> Result<Value, ComparisonError> {
    let port = info.inputs.iter().find(|port| port.name == ROUNDS && port.many);
    if port.is_none() {
        let problem = format!("it has no input `{ROUNDS}` that takes a list");
        return Err(ComparisonError::Unfit { kind, problem });
    }
    decode(&info.params, given).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        ComparisonError::Unfit {
            kind,
            problem: problems.join("; "),
        }
    })
}

fn node(plan: &Plan, kind: &KindInfo, stage: &str, params: Value, inputs: Vec<NodeInput>) -> Node {
    Node {
        name: format!("comparison.{stage}"),
        stage: format!("comparison.{stage}"),
        pipelines: plan.pipelines.clone(),
        kind: kind.name.clone(),
        params,
        inputs: BTreeMap::from([(ROUNDS.to_owned(), inputs)]),
        ..Node::default()
    }
}
