//! `merge-sa`: a batch and what a model detects in it to SA annotations, scores and costs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, optional, output};
use crate::artifact::{read_dataset, read_detections, read_json, write_dataset, write_json};
use crate::learning::{Annotator, Difficult, Ledger, Matching, Preset, Prices, Rejudge, Rules, Thresholds, annotate};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct MergeSa;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Boxes with at least this score are certain: they are proposed.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: f64,
    /// Boxes with at least this score are uncertain: they may contradict certain ones. Those below are not looked at.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: f64,
    /// The overlap (IoU) from which on two boxes speak of one object.
    #[schemars(range(min = 0.0, max = 1.0))]
    judge_iou: f64,
    /// The overlap (IoU) with an object from which on a proposed box is right.
    #[schemars(range(min = 0.0, max = 1.0))]
    ground_truth_iou: f64,
    /// How the choices are made that are null: `sound`, or `as_published` as the first implementation made them.
    preset: Preset,
    /// How certain boxes are checked against the others: `order_free`, or `sequential`, using up uncertain ones. Null: by the preset.
    rejudge: Option<Rejudge>,
    /// How certain boxes are held against the objects: `one_to_one`, or `best_of_any_class`. Null: by the preset.
    matching: Option<Matching>,
    /// Who draws: the model where it is sure and right and the human for the rest (`sa`), the `human` alone, the `model` alone.
    annotator: Annotator,
    /// Whether difficult objects are asked for and counted.
    difficult: Difficult,
    /// Seconds of an annotator's time.
    prices: Prices,
    /// The round that is charged.
    round: u32,
}

impl Default for Params {
    fn default() -> Self {
        let thresholds = Thresholds::default();
        Self {
            certain: thresholds.certain,
            uncertain: thresholds.uncertain,
            judge_iou: thresholds.judge_iou,
            ground_truth_iou: thresholds.ground_truth_iou,
            preset: Preset::default(),
            rejudge: None,
            matching: None,
            annotator: Annotator::default(),
            difficult: thresholds.difficult,
            prices: Prices::default(),
            round: 1,
        }
    }
}

impl Params {
    fn thresholds(&self) -> Thresholds {
        let preset = Thresholds::default().with_preset(self.preset);
        Thresholds {
            certain: self.certain,
            uncertain: self.uncertain,
            judge_iou: self.judge_iou,
            ground_truth_iou: self.ground_truth_iou,
            rejudge: self.rejudge.unwrap_or(preset.rejudge),
            matching: self.matching.unwrap_or(preset.matching),
            difficult: self.difficult,
        }
    }
}

impl Stage for MergeSa {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "merge-sa".to_owned(),
            version: 2,
            summary: "annotates a batch: the model's boxes where it is sure and right, the human's for the rest"
                .to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                optional(
                    "detections",
                    "detections",
                    "What the model finds in the batch, all scores; a human alone needs none.",
                ),
                input("batch", "dataset", "The batch; its boxes are the oracle's."),
                input("ledger", "ledger", "What has been paid for."),
            ],
            outputs: vec![
                output(
                    "annotations",
                    "dataset",
                    "The batch with SA boxes, each with its source.",
                ),
                output("scores", "scores", "How sure the model was of each image."),
                output("ledger", "ledger", "The ledger with this round's charges."),
                output("costs", "metrics", "What this round cost, and all rounds up to it."),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let detections = job.optional_input("detections").map(read_detections).transpose()?;
        let batch = read_dataset(job.input("batch")?)?;
        let ledger: Ledger = read_json(job.input("ledger")?)?;
        let rules = Rules {
            thresholds: params.thresholds(),
            prices: params.prices,
            annotator: params.annotator,
        };
        let done = annotate(detections.as_ref(), &batch, &ledger, &rules, params.round)?;
        write_dataset(job.output("annotations")?, &done.annotations)?;
        write_json(job.output("scores")?, &done.scores)?;
        write_json(job.output("ledger")?, &done.ledger)?;
        write_json(job.output("costs")?, &done.costs)?;
        let mut outcome = Outcome::default();
        let figures = [
            ("human_boxes", done.costs.human_boxes),
            ("model_boxes_proposed", done.costs.model_boxes_proposed),
            ("model_boxes_accepted", done.costs.model_boxes_accepted),
        ];
        outcome
            .metrics
            .extend(figures.map(|(name, count)| (name.to_owned(), count as f64)));
        Ok(outcome)
    }
}
