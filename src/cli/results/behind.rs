//! What lies behind a table of rounds: classes, chosen images, pictures, times; read from the store along the plan.
//!
//! Starts at each pipeline's stage `tables`: what it reads says which evaluations, costs and selections are of which round. A part
//! whose stages are not there, or have no such outputs, is left out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::trace::Trace;
use super::{cloud, pictures};
use crate::detection::Dataset;
use crate::learning::{ImageScores, Scores};
use crate::plan::{Format, Node, NodeId, Plan, draw};
use crate::report::evidence::{Boxes, CLASS_AP, CLASS_SHARE, Span};
use crate::report::page::Behind;
use crate::report::{Grid, Trial};
use crate::run::spans;
use crate::statistics::mean;
use crate::store::Record;

/// The table of chosen images lists so many in a cell, and is of the first seed only where it would list more than so many in all.
const MOST_LISTED: usize = 200;
const MOST_IN_ALL: usize = 12_000;
/// So many spans at most.
const MOST_SPANS: usize = 3000;

/// A pipeline's table of rounds.
pub(super) struct Source<'a> {
    pub(super) tables: &'a Node,
    pub(super) strategy: &'a str,
    pub(super) seed: i64,
}

impl<'a> Source<'a> {
    /// Those of the pipelines that `wants` names.
    pub(super) fn all(trace: &Trace<'a>, wants: impl Fn(&str) -> bool) -> Vec<Self> {
        let tables = trace.plan.nodes.iter().filter(|node| node.kind == "tables");
        let wanted = tables.filter(|node| node.pipelines.iter().any(|pipeline| wants(pipeline)));
        let source = |tables: &'a Node| {
            let strategy = tables.params.get("strategy")?.as_str()?;
            let seed = tables
                .params
                .get("seed")
                .and_then(serde_json::Value::as_i64)
                .unwrap_or(0);
            Some(Self { tables, strategy, seed })
        };
        wanted.filter_map(source).collect()
    }
}

/// What `evaluate` says of classes.
#[derive(Deserialize)]
struct Evaluation {
    #[serde(default)]
    per_class: BTreeMap<String, ClassFigures>,
}

#[derive(Deserialize)]
struct ClassFigures {
    ap50: Option<f64>,
}

/// Reads it all. Figures of classes are put into the trials.
pub(super) fn behind(
    trace: &Trace<'_>,
    sources: &[Source<'_>],
    places: &BTreeSet<usize>,
    trials: &mut [Trial],
) -> Behind {
    let mut evaluations: BTreeMap<NodeId, Option<Evaluation>> = BTreeMap::new();
    let mut batches: BTreeMap<NodeId, Option<Batch>> = BTreeMap::new();
    let mut rows = Vec::new();
    for source in sources {
        for port in ["initial", "evaluations"] {
            for (round, input) in trace.inputs(source.tables, port) {
                let read = || trace.json(input.node, &input.output);
                let Some(found) = evaluations.entry(input.node).or_insert_with(read) else {
                    continue;
                };
                let figures = found
                    .per_class
                    .iter()
                    .filter_map(|(class, figures)| Some((class, figures.ap50?)));
                put(
                    trials,
                    source,
                    round,
                    figures.map(|(class, ap50)| (format!("{CLASS_AP}{class}"), ap50)),
                );
            }
        }
        for (round, input) in trace.inputs(source.tables, "costs") {
            let read = || Batch::read(trace, input.node);
            let Some(batch) = batches.entry(input.node).or_insert_with(read) else {
                continue;
            };
            put(
                trials,
                source,
                round,
                batch
                    .shares
                    .iter()
                    .map(|(class, share)| (format!("{CLASS_SHARE}{class}"), *share)),
            );
            rows.push((source, round, batch.clone()));
        }
    }
    let gallery = pictures::gallery(trace, sources);
    let cloud = cloud::cloud(&rows, trials);
    let (boxes, newest) = boxes(trace, places);
    Behind {
        chosen: chosen(&rows),
        gallery,
        cloud,
        boxes,
        spans: all_spans(trace, places, newest.as_deref()),
    }
}

fn put(trials: &mut [Trial], source: &Source<'_>, round: u32, figures: impl Iterator<Item = (String, f64)>) {
    let is_own = |trial: &&mut Trial| trial.pipeline == source.strategy && trial.seed == source.seed;
    let turn = trials.iter_mut().find(is_own);
    let turn = turn.and_then(|trial| trial.rounds.iter_mut().find(|turn| turn.round == round));
    if let Some(turn) = turn {
        turn.figures.extend(figures);
    }
}

/// The images of a round as they were annotated.
#[derive(Clone)]
pub(super) struct Batch {
    images: Vec<String>,
    objects: usize,
    shares: BTreeMap<String, f64>,
    /// What is known of each image; nothing where the stage gives no scores.
    pub(super) scores: Vec<ImageScores>,
}

impl Batch {
    fn read(trace: &Trace<'_>, node: NodeId) -> Option<Self> {
        let annotations: Dataset = trace.dataset(node, "annotations")?;
        let mut counts: BTreeMap<&String, usize> = annotations.classes.iter().map(|class| (class, 0)).collect();
        for object in annotations.images.iter().flat_map(|image| &image.annotations) {
            *counts.entry(&annotations.classes[object.label as usize]).or_default() += 1;
        }
        let objects: usize = counts.values().sum();
        let share = |(class, count): (&String, usize)| (class.clone(), count as f64 / objects as f64);
        let shares = if objects == 0 {
            BTreeMap::new()
        } else {
            counts.into_iter().map(share).collect()
        };
        let scores: Option<Scores> = trace.json(node, "scores");
        Some(Self {
            images: annotations.images.iter().map(|image| image.image.id.clone()).collect(),
            objects,
            shares,
            scores: scores.map(|scores| scores.images).unwrap_or_default(),
        })
    }

    fn al_ratio(&self) -> Option<f64> {
        mean(&self.scores.iter().map(|image| image.al_ratio).collect::<Vec<_>>())
    }
}

fn chosen(rows: &[(&Source<'_>, u32, Batch)]) -> Grid {
    let all: usize = rows
        .iter()
        .map(|(_, _, batch)| batch.images.len().min(MOST_LISTED))
        .sum();
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for (source, ..) in rows {
        first.entry(source.strategy).or_insert(source.seed);
    }
    let shown = rows
        .iter()
        .filter(|(source, ..)| all <= MOST_IN_ALL || first[source.strategy] == source.seed);
    let cells = |(source, round, batch): &(&Source<'_>, u32, Batch)| {
        let mut listed: Vec<&str> = batch.images.iter().take(MOST_LISTED).map(String::as_str).collect();
        let more = batch.images.len() - listed.len();
        let rest = format!("and {more} more");
        if more > 0 {
            listed.push(&rest);
        }
        vec![
            source.strategy.to_owned(),
            source.seed.to_string(),
            round.to_string(),
            batch.images.len().to_string(),
            batch.objects.to_string(),
            batch
                .al_ratio()
                .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
            listed.join(" "),
        ]
    };
    Grid {
        heads: [
            "strategy",
            "seed",
            "round",
            "images",
            "objects",
            "mean AL ratio",
            "which",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: shown.map(cells).collect(),
    }
}

/// The boxes of the graphs, and the newest run that made any of these stages.
fn boxes(trace: &Trace<'_>, places: &BTreeSet<usize>) -> (Boxes, Option<String>) {
    let records = || places.iter().filter_map(|place| trace.records[*place]);
    let newest = records().map(|record| record.run.clone()).max();
    let is_new = |record: &Record| Some(&record.run) == newest.as_ref();
    let mut boxes = Boxes {
        made: records().filter(|record| is_new(record)).count(),
        cached: records().filter(|record| !is_new(record)).count(),
        states: BTreeMap::new(),
    };
    for place in places {
        for name in box_names(trace.plan, &trace.plan.nodes[*place]) {
            let state = boxes.states.entry(name).or_default();
            match trace.records[*place] {
                Some(record) if is_new(record) => state.made += 1,
                Some(_) => state.cached += 1,
                None => state.not_made += 1,
            }
            state.seconds += trace.records[*place].map_or(0.0, |record| record.seconds);
        }
    }
    (boxes, newest)
}

/// `family/stage` for each family that a node is of: the boxes that it is in the graphs.
pub(in crate::cli) fn box_names(plan: &Plan, node: &Node) -> BTreeSet<String> {
    let families = node.pipelines.iter().map(|pipeline| plan.family(pipeline));
    families.map(|family| format!("{family}/{}", node.stage)).collect()
}

/// A folded picture of each family of pipelines that has stages among these; of so many at most.
pub(in crate::cli) fn graphs(plan: &Plan, most: usize, wants: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let families = plan
        .families()
        .into_iter()
        .filter(|(_, pipelines)| pipelines.iter().any(|pipeline| wants(pipeline)));
    let graph = |(family, pipelines): (&str, Vec<String>)| {
        (
            family.to_owned(),
            draw(&plan.of_pipelines(&pipelines), Format::Svg, true),
        )
    };
    families.take(most).map(graph).collect()
}

/// The spans of all runs that made a stage, the newest run's first. What is not known of a run is left out.
fn all_spans(trace: &Trace<'_>, places: &BTreeSet<usize>, newest: Option<&str>) -> Vec<Span> {
    let records = places
        .iter()
        .filter_map(|place| Some((&trace.plan.nodes[*place], trace.records[*place]?)));
    let mut by_run: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (node, record) in records {
        by_run.entry(&record.run).or_default().push((node, record));
    }
    let mut found = Vec::new();
    for (run, made) in by_run.into_iter().rev() {
        let Ok(known) = spans(&trace.store.runs(), run) else {
            continue;
        };
        for (node, record) in made {
            let Some(span) = known.get(&record.key.to_string()) else {
                continue;
            };
            found.push(Span {
                stage: node.name.clone(),
                kind: node.kind.clone(),
                run: run.to_owned(),
                start: (span.start * 1000.0).round() / 1000.0,
                seconds: (span.seconds * 1000.0).round() / 1000.0,
            });
        }
        if Some(run) != newest && found.len() > MOST_SPANS {
            break;
        }
    }
    found.truncate(MOST_SPANS);
    found
}
