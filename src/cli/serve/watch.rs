//! What there is to see of a run: its stages, its curves as far as they have grown, pictures and logs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::results::{Trace, box_names, of_stage, with_pictures};
use crate::plan::{NodeId, Plan};
use crate::report::Trial;
use crate::report::evidence::Gallery;
use crate::report::series::ChartData;
use crate::run::saved_plan;
use crate::run::status::{RunStatus, StageStatus};
use crate::store::{Record, Store};

/// A run with its plan and the records of what it has made or found.
pub(super) struct Watched {
    pub(super) status: RunStatus,
    pub(super) plan: Plan,
    records: Vec<Option<Record>>,
}

/// How many stages of a box stand how.
#[derive(Debug, Default, Serialize)]
struct BoxCounts {
    ran: usize,
    cached: usize,
    running: usize,
    failed: usize,
    left_out: usize,
    planned: usize,
}

/// All that a page needs to draw a run.
#[derive(Serialize)]
pub(super) struct View {
    status: RunStatus,
    seconds: f64,
    boxes: BTreeMap<String, BoxCounts>,
    charts: ChartData,
    /// Stages whose pictures can be asked for.
    pictures: Vec<String>,
}

impl Watched {
    pub(super) fn of(status: RunStatus, store: &Store) -> Self {
        let mut plan = saved_plan(&store.runs().join(&status.head.id)).unwrap_or_default();
        let record = |name: &String| {
            let ended = matches!(
                status.stages.get(name),
                Some(StageStatus::Ran { .. } | StageStatus::Cached)
            );
            let key = status.keys.get(name).filter(|_| ended)?.parse().ok()?;
            store.record(&key).ok().flatten()
        };
        let records: Vec<Option<Record>> = plan.nodes.iter().map(|node| record(&node.name)).collect();
        for (node, record) in plan.nodes.iter_mut().zip(&records) {
            if let Some(record) = record {
                node.params = record.material.params.clone();
            }
        }
        Self { status, plan, records }
    }

    pub(super) fn view(self, store: &Store) -> View {
        let mut boxes: BTreeMap<String, BoxCounts> = BTreeMap::new();
        for node in &self.plan.nodes {
            for name in box_names(&self.plan, node) {
                let counts = boxes.entry(name).or_default();
                let place = match self.status.stages.get(&node.name) {
                    Some(StageStatus::Ran { .. }) => &mut counts.ran,
                    Some(StageStatus::Cached) => &mut counts.cached,
                    Some(StageStatus::Running { .. } | StageStatus::Waiting) => &mut counts.running,
                    Some(StageStatus::Failed { .. }) => &mut counts.failed,
                    Some(StageStatus::Pruned { .. } | StageStatus::Skipped { .. }) => &mut counts.left_out,
                    Some(StageStatus::Planned) | None => &mut counts.planned,
                };
                *place += 1;
            }
        }
        let shown = with_pictures(&self.plan.nodes)
            .into_iter()
            .filter(|place| self.records[*place].is_some());
        View {
            seconds: self.status.seconds(),
            boxes,
            charts: ChartData::of(&self.trials(store)),
            pictures: shown.map(|place| self.plan.nodes[place].name.clone()).collect(),
            status: self.status,
        }
    }

    /// The pictures of a stage; none of a stage that has none or is not made.
    pub(super) fn pictures(&self, stage: &str, store: &Store) -> Option<Gallery> {
        let mut shown = with_pictures(&self.plan.nodes).into_iter();
        let place = shown.find(|place| self.plan.nodes[*place].name == stage)?;
        self.records[place].as_ref()?;
        let records: Vec<Option<&Record>> = self.records.iter().map(Option::as_ref).collect();
        let trace = Trace {
            plan: &self.plan,
            records: &records,
            store,
        };
        Some(of_stage(&trace, NodeId(place)))
    }

    /// The rounds as far as they are made: what `tables` will read, under the names that it will give.
    fn trials(&self, store: &Store) -> Vec<Trial> {
        let records: Vec<Option<&Record>> = self.records.iter().map(Option::as_ref).collect();
        let trace = Trace {
            plan: &self.plan,
            records: &records,
            store,
        };
        let mut known: BTreeMap<NodeId, BTreeMap<String, f64>> = BTreeMap::new();
        let mut trials = Vec::new();
        for tables in self.plan.nodes.iter().filter(|node| node.kind == "tables") {
            let mut rounds: BTreeMap<u32, BTreeMap<String, f64>> = BTreeMap::new();
            for port in [
                "initial",
                "evaluations",
                "initial_costs",
                "costs",
                "initial_selection",
                "selections",
            ] {
                for (round, input) in trace.inputs(tables, port) {
                    let read = || figures(trace.json(input.node, &input.output));
                    let read = known.entry(input.node).or_insert_with(read);
                    rounds.entry(round).or_default().extend(read.clone());
                }
            }
            // A round whose evaluation is not made yet has no place on a curve.
            rounds.retain(|_, figures| figures.contains_key("ap50"));
            let Some(pipeline) = tables.pipelines.first().filter(|_| !rounds.is_empty()) else {
                continue;
            };
            let strategy = self.plan.kin.get(pipeline).map_or(pipeline, |kin| &kin.strategy);
            let seed = i64::try_from(trials.len()).unwrap_or(i64::MAX);
            trials.push(Trial::of_figures(strategy, pipeline, seed, rounds));
        }
        trials
    }

    /// The families of the run's pipelines, as pictures that fill.
    pub(super) fn graphs(&self) -> Vec<(String, String)> {
        let wanted: BTreeSet<&String> = self.plan.pipelines.iter().collect();
        crate::cli::results::graphs(&self.plan, 24, |pipeline| wanted.contains(&pipeline.to_owned()))
    }
}

/// The numbers of a small JSON file, under the names of the table of rounds.
fn figures(json: Option<Map<String, Value>>) -> BTreeMap<String, f64> {
    let name = |name: String| match name.as_str() {
        "sl_share" => "sl_ratio".to_owned(),
        "al_share" => "al_ratio".to_owned(),
        "train" => "trained_on".to_owned(),
        "requeue" => "requeued".to_owned(),
        _ => name,
    };
    // Those of the evaluation that would only say how large the test set is.
    let is_plain = |name: &str| !["round", "images", "objects", "detections", "tied_detections"].contains(&name);
    let numbers = json
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((name(key), value.as_f64()?)));
    numbers.filter(|(name, _)| is_plain(name)).collect()
}
