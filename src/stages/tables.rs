//! `tables`: the table of rounds of one pipeline, from the figures of its stages.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ports::{any, input, optional, output};
use crate::artifact::read_json;
use crate::learning::shift;
use crate::report::{RoundRow, SummaryRow, summarise};
use crate::stage::{Input, Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The kind `tables`.
pub(super) struct Tables;

/// Params of `tables`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// The strategy's name, for the table's first column; usually `${name}`.
    strategy: String,
    /// The seed, for its second column.
    #[serde(default)]
    seed: i64,
    /// What a matrix varies, for columns `params.PATH`; usually `${matrix}`.
    #[serde(default)]
    varied: BTreeMap<String, Value>,
    /// How many rounds `ap_shift` looks at; that of the stop test.
    #[serde(default = "five")]
    #[schemars(range(min = 1))]
    window: u32,
}

fn five() -> u32 {
    5
}

/// What `evaluate` writes, as far as it is needed here.
#[derive(Deserialize)]
struct Evaluation {
    rules: Option<String>,
    ap: Option<f64>,
    ap50: Option<f64>,
    ap75: Option<f64>,
    #[serde(default)]
    images: u32,
}

/// What `merge-sa` and `split-pools` write about cost.
#[derive(Default, Deserialize)]
struct Cost {
    images_opened: u32,
    human_boxes: u32,
    model_boxes_accepted: u32,
    model_boxes_rejected: u32,
    #[serde(default)]
    model_boxes_ignored: u32,
    #[serde(default)]
    model_boxes_proposed: u32,
    #[serde(default)]
    boxes_drawn: u32,
    #[serde(default)]
    boxes_corrected: u32,
    annotation_seconds: f64,
}

/// What a `select-*` kind writes, and `split-pools` for the start.
#[derive(Default, Deserialize)]
struct Selection {
    train: u32,
    labelled: u32,
    unlabelled: u32,
    requeue: u32,
    sl_share: Option<f64>,
    al_share: Option<f64>,
    #[serde(default)]
    pseudo_labelled: u32,
    pseudo_label_precision: Option<f64>,
    pseudo_label_recall: Option<f64>,
    rank_certain_sum: Option<f64>,
    rank_certain_share: Option<f64>,
    rank_mean_score: Option<f64>,
    rank_weakest: Option<f64>,
}

/// What `parse-voc` writes about what it left out.
#[derive(Deserialize)]
struct Skipped {
    skipped_images: u32,
    skipped_boxes: u32,
}

impl Stage for Tables {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "tables".to_owned(),
            version: 2,
            summary: "The table of rounds and its summary: AP, annotation and pools by round".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                input(
                    "initial",
                    "metrics",
                    "`evaluate` of the initial model on the test images",
                ),
                optional("initial_validation", "metrics", "the same on the validation images"),
                optional("initial_costs", "metrics", "what the initial labels cost"),
                optional("initial_selection", "metrics", "the pools before the first round"),
                any("skipped", "metrics", "what was left out of the datasets as faulty"),
                any(
                    "evaluations",
                    "metrics",
                    "`evaluate` on the test images, of every round",
                ),
                any(
                    "validations",
                    "metrics",
                    "`evaluate` on the validation images, of every round",
                ),
                any(
                    "growing",
                    "metrics",
                    "`evaluate` on the evaluation set that grows, of every round",
                ),
                any(
                    "costs",
                    "metrics",
                    "what `merge-sa` asked of the annotator, of every round",
                ),
                any(
                    "selections",
                    "metrics",
                    "what `select-*` says of the pools, of every round",
                ),
            ],
            outputs: vec![
                output("rounds", "table", "a row a round, Parquet"),
                output("summary", "table", "a row a strategy, Parquet"),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 64,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let rows = rows(job, &params)?;
        RoundRow::to_table(&rows)?.write_parquet(job.output("rounds")?)?;
        SummaryRow::to_table(&summarise(&rows))?.write_parquet(job.output("summary")?)?;
        let last = rows
            .last()
            .and_then(|row| row.ap50)
            .map(|value| ("final_ap50".to_owned(), value));
        Ok(Outcome {
            metrics: last.into_iter().collect(),
            notes: Vec::new(),
        })
    }
}

fn rows(job: &Job, params: &Params) -> Result<Vec<RoundRow>, StageError> {
    let evaluations: BTreeMap<u32, Evaluation> = by_round(job.inputs("evaluations"))?;
    let validations: BTreeMap<u32, Evaluation> = by_round(job.inputs("validations"))?;
    let growing: BTreeMap<u32, Evaluation> = by_round(job.inputs("growing"))?;
    let mut costs: BTreeMap<u32, Cost> = by_round(job.inputs("costs"))?;
    let mut selections: BTreeMap<u32, Selection> = by_round(job.inputs("selections"))?;
    let start = RoundRow {
        strategy: params.strategy.clone(),
        seed: params.seed,
        varied: params
            .varied
            .iter()
            .map(|(path, value)| (path.clone(), shown(value)))
            .collect(),
        ..RoundRow::default()
    };
    let initial: Evaluation = read_json(job.input("initial")?)?;
    let initial_validation: Option<Evaluation> = job.optional_input("initial_validation").map(read_json).transpose()?;
    let initial_cost = job
        .optional_input("initial_costs")
        .map(read_json)
        .transpose()?
        .unwrap_or_default();
    let initial_selection = job
        .optional_input("initial_selection")
        .map(read_json)
        .transpose()?
        .unwrap_or_default();
    let mut rows = vec![row(
        start.clone(),
        &initial,
        initial_validation.as_ref(),
        &initial_cost,
        &initial_selection,
    )];
    for input in job.inputs("skipped") {
        let skipped: Skipped = read_json(&input.path)?;
        rows[0].skipped_images += skipped.skipped_images;
        rows[0].skipped_boxes += skipped.skipped_boxes;
    }
    let mut values = Vec::new();
    for (round, evaluation) in &evaluations {
        let (cost, selection) = (
            costs.remove(round).unwrap_or_default(),
            selections.remove(round).unwrap_or_default(),
        );
        let mut next = row(
            RoundRow {
                round: *round,
                ..start.clone()
            },
            evaluation,
            validations.get(round),
            &cost,
            &selection,
        );
        values.push(next.validation_ap50);
        next.ap_shift = shift(&values, params.window as usize);
        next.forgetting = forgetting(&rows, next.ap50);
        if let Some(growing) = growing.get(round) {
            (next.growing_ap50, next.growing_images) = (growing.ap50, growing.images);
        }
        add_up(&mut next, &rows[rows.len() - 1]);
        rows.push(next);
    }
    Ok(rows)
}

/// By how much AP50 lies below the best of the rounds before.
fn forgetting(before: &[RoundRow], now: Option<f64>) -> Option<f64> {
    let best = before.iter().filter_map(|row| row.ap50).reduce(f64::max)?;
    Some(best - now?)
}

/// Adds what the rounds before cost.
fn add_up(next: &mut RoundRow, before: &RoundRow) {
    next.total_images_opened += before.total_images_opened;
    next.total_human_boxes += before.total_human_boxes;
    next.total_boxes_verified += before.total_boxes_verified;
    next.total_annotation_seconds += before.total_annotation_seconds;
    next.total_annotation_hours = next.total_annotation_seconds / 3600.0;
}

/// A value as text: without quotes if it is text, a whole number without decimals.
fn shown(value: &Value) -> String {
    match (value, value.as_f64()) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(_), Some(number)) if !value.is_i64() && !value.is_u64() => number.to_string(),
        _ => value.to_string(),
    }
}

fn row(
    start: RoundRow,
    evaluation: &Evaluation,
    validation: Option<&Evaluation>,
    cost: &Cost,
    selection: &Selection,
) -> RoundRow {
    RoundRow {
        protocol: evaluation.rules.clone().unwrap_or_default(),
        ap: evaluation.ap,
        ap50: evaluation.ap50,
        ap75: evaluation.ap75,
        validation_ap50: validation.and_then(|validation| validation.ap50),
        images_opened: cost.images_opened,
        human_boxes: cost.human_boxes,
        model_boxes_accepted: cost.model_boxes_accepted,
        model_boxes_rejected: cost.model_boxes_rejected,
        annotation_seconds: cost.annotation_seconds,
        boxes_drawn: cost.boxes_drawn,
        boxes_corrected: cost.boxes_corrected,
        boxes_verified: cost.model_boxes_proposed,
        boxes_deleted: cost.model_boxes_rejected + cost.model_boxes_ignored,
        total_images_opened: cost.images_opened,
        total_human_boxes: cost.human_boxes,
        total_boxes_verified: cost.model_boxes_proposed,
        total_annotation_seconds: cost.annotation_seconds,
        total_annotation_hours: cost.annotation_seconds / 3600.0,
        pseudo_label_precision: selection.pseudo_label_precision,
        pseudo_label_recall: selection.pseudo_label_recall,
        rank_certain_sum: selection.rank_certain_sum,
        rank_certain_share: selection.rank_certain_share,
        rank_mean_score: selection.rank_mean_score,
        rank_weakest: selection.rank_weakest,
        pseudo_labelled: selection.pseudo_labelled,
        sl_ratio: selection.sl_share,
        al_ratio: selection.al_share,
        trained_on: selection.train,
        labelled: selection.labelled,
        unlabelled: selection.unlabelled,
        requeued: selection.requeue,
        ..start
    }
}

/// Reads a port that takes many, whose labels are round numbers.
fn by_round<T: DeserializeOwned>(inputs: &[Input]) -> Result<BTreeMap<u32, T>, StageError> {
    let read = |input: &Input| {
        let round = input.label.parse().map_err(|_| {
            StageError::new(format!(
                "{}: `{}` is not the number of a round",
                input.path.display(),
                input.label
            ))
        })?;
        Ok((round, read_json(Path::new(&input.path))?))
    };
    inputs.iter().map(read).collect()
}
