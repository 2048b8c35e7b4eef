//! Kinds and pipelines for tests.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Node, Plan, plan};
use crate::spec::{LoadOptions, Pipeline, load_text, render};
use crate::stage::{InputPort, KindInfo, OutputPort, Registry};

/// `ports("images:images model:model? rounds:table*")`: `?` may be left out, `*` takes a list.
fn ports(text: &str) -> Vec<InputPort> {
    let port = |text: &str| {
        let (name, artifact) = text.split_once(':').unwrap();
        InputPort {
            name: name.to_owned(),
            artifact: artifact.trim_end_matches(['?', '*']).to_owned(),
            doc: "What it reads.".to_owned(),
            optional: artifact.contains('?'),
            many: artifact.contains('*'),
        }
    };
    text.split_whitespace().map(port).collect()
}

fn kind(name: &str, inputs: &str, outputs: &str, params: &Value) -> KindInfo {
    let output = |port: InputPort| OutputPort {
        name: port.name,
        artifact: port.artifact,
        doc: port.doc,
    };
    KindInfo {
        name: name.to_owned(),
        version: 1,
        summary: String::new(),
        params: json!({"type": "object", "additionalProperties": false, "properties": params}),
        inputs: ports(inputs),
        outputs: ports(outputs).into_iter().map(output).collect(),
        external: Vec::new(),
        cpus: 1,
        memory_mib: 0,
    }
}

fn whole(default: u32) -> Value {
    json!({"type": "integer", "format": "uint32", "minimum": 0, "default": default})
}

pub(super) fn registry() -> Registry {
    let seed = json!({"seed": whole(0)});
    let round =
        json!({"round": whole(0), "certain": {"type": "number", "minimum": 0.0, "maximum": 1.0, "default": 0.8}});
    let until = json!({"metric": {"type": "string"}, "shift_below": {"type": "number", "exclusiveMinimum": 0.0},
        "window": {"type": "integer", "format": "uint32", "minimum": 2}});
    let title = json!({"title": {"type": "string", "default": ""}});
    let kinds = vec![
        kind("shapes", "", "dataset:dataset images:images", &seed),
        kind(
            "split-pools",
            "dataset:dataset",
            "labelled:dataset validation:dataset pool:pool",
            &seed,
        ),
        kind(
            "train",
            "dataset:dataset images:images model:model? validation:dataset?",
            "model:model",
            &json!({"epochs": {"type": "integer", "minimum": 1, "default": 12}, "rate": {"type": "number", "default": 0.01}, "seed": whole(0)}),
        ),
        kind(
            "draw-batch",
            "pool:pool dataset:dataset",
            "batch:dataset pool:pool",
            &json!({"take": whole(24)}),
        ),
        kind(
            "detect",
            "model:model dataset:dataset images:images",
            "detections:detections",
            &json!({}),
        ),
        kind(
            "merge-sa",
            "detections:detections batch:dataset",
            "annotations:dataset costs:metrics",
            &round,
        ),
        kind(
            "select",
            "annotations:dataset labelled:dataset pool:pool",
            "train:dataset labelled:dataset pool:pool stats:metrics",
            &json!({"mode": {"enum": ["hard", "easy"], "default": "hard"}}),
        ),
        kind(
            "evaluate",
            "detections:detections dataset:dataset",
            "metrics:metrics per_class:table",
            &json!({}),
        ),
        kind("until", "metrics:metrics*", "decision:decision", &until),
        kind(
            "tables",
            "evals:metrics* costs:metrics*? final:model?",
            "rounds:table summary:table",
            &title,
        ),
        kind("compare", "rounds:table*", "rounds:table", &json!({})),
        kind("charts", "rounds:table*", "charts:charts", &title),
        kind("join", "items:any*?", "item:any", &seed),
        kind("step", "item:any?", "item:any", &seed),
    ];
    let mut registry = Registry::new();
    registry
        .register_provider(PathBuf::from("asm-pipe-test"), kinds)
        .unwrap();
    registry
}

/// The usual loop. `%` stands for what a test puts there.
pub(super) const LOOP: &str = r#"
name: NAME
params: {seed: 0}
stages:
  source: {uses: shapes}
  split: {uses: split-pools, in: {dataset: source}, with: {seed: "${seed}"}}
  initial: {uses: train, in: {dataset: split.labelled, images: source, validation: split.validation}}
  tables: {uses: tables, in: {evals: rounds.all.evaluate.metrics, costs: rounds.all.merge.costs, final: rounds.last.retrain}}
  charts: {uses: charts, in: {rounds: tables.rounds}}
rounds:
  max: 4
  until: {metric: evaluate.ap50, shift_below: 0.001, window: 2}
  carry:
    model: [initial, retrain]
    labelled: [split.labelled, select.labelled]
    pool: [split.pool, select.pool]
  stages:
    batch: {uses: draw-batch, in: {pool: carry.pool, dataset: source}}
    detect: {uses: detect, in: {model: carry.model, dataset: batch.batch, images: source}}
    merge: {uses: merge-sa, in: {detections: detect, batch: batch}, with: {round: "${round}"}}
    select: {uses: select, in: {annotations: merge, labelled: carry.labelled, pool: batch.pool}, with: {mode: hard}}
    retrain: {uses: train, in: {dataset: select.train, images: source, model: carry.model}}
    found: {uses: detect, in: {model: retrain, dataset: split.validation, images: source}}
    evaluate: {uses: evaluate, in: {detections: found, dataset: split.validation}}
"#;

pub(super) fn pipeline(text: &str) -> Pipeline {
    match load_text(text, &LoadOptions::default()) {
        Ok((pipeline, _)) => pipeline,
        Err((diagnostics, sources)) => panic!("{}", render(&sources, &diagnostics, false)),
    }
}

pub(super) fn named(name: &str) -> String {
    LOOP.replace("NAME", name)
}

pub(super) fn planned(texts: &[&str]) -> Plan {
    let pipelines: Vec<Pipeline> = texts.iter().map(|text| pipeline(text)).collect();
    plan(&pipelines, &registry()).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))
}

/// The usual loop in two modes with two seeds each.
pub(super) fn members() -> Plan {
    let mut pipelines = Vec::new();
    for mode in ["hard", "easy"] {
        for seed in 0..2 {
            let text = named("a").replace("mode: hard", &format!("mode: {mode}"));
            let mut member = pipeline(&text.replace("seed: 0", &format!("seed: {seed}")));
            member.strategy = format!("a-mode={mode}");
            member.name.value = format!("{}-seed-{seed}", member.strategy);
            pipelines.push(member);
        }
    }
    plan(&pipelines, &registry()).unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))
}

/// What is wrong with a pipeline: `line: message (help)`.
pub(super) fn mistakes(text: &str) -> Vec<String> {
    let (pipeline, sources) = load_text(text, &LoadOptions::default())
        .unwrap_or_else(|(diagnostics, sources)| panic!("{}", render(&sources, &diagnostics, false)));
    let found = plan(&[pipeline], &registry()).expect_err("it should have mistakes");
    let line = |span| sources.place(span).line;
    found
        .iter()
        .map(|each| {
            let at = each.span.map_or(0, line);
            let help = each.help.iter().map(|help| format!(" ({help})")).collect::<String>();
            format!(
                "{at} `{}`: {}{help}",
                each.span.map_or("", |span| sources.slice(span)),
                each.message
            )
        })
        .collect()
}

pub(super) fn node<'p>(plan: &'p Plan, name: &str) -> &'p Node {
    let is = |node: &&Node| node.name == name || node.aliases.iter().any(|alias| alias == name);
    plan.nodes
        .iter()
        .find(is)
        .unwrap_or_else(|| panic!("no {name} in {:?}", names(plan)))
}

pub(super) fn names(plan: &Plan) -> Vec<&str> {
    plan.nodes.iter().map(|node| node.name.as_str()).collect()
}

/// `name.output` of each input of a port, with its label.
pub(super) fn inputs(plan: &Plan, name: &str, port: &str) -> Vec<(String, String)> {
    let from = |input: &super::NodeInput| {
        (
            input.label.clone(),
            format!("{}.{}", plan.nodes[input.node.0].name, input.output),
        )
    };
    node(plan, name)
        .inputs
        .get(port)
        .map_or_else(Vec::new, |list| list.iter().map(from).collect())
}
