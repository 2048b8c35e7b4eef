//! `held-images` and `score-images`: images annotated in earlier rounds, and what the present model makes of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, output};
use crate::artifact::{read_dataset, read_detections, read_json, write_dataset, write_json};
use crate::learning::{Annotator, Difficult, Ledger, Matching, Pool, Preset, Rejudge, Rules, Thresholds, annotate};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The kind `held-images`.
pub(super) struct HeldImages;

/// The kind `score-images`.
pub(super) struct ScoreImages;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct HeldParams {
    /// Where `rescore` is null: `sound` scores images anew, `as_published` leaves them the score that they got first.
    preset: Preset,
    /// Whether images are given to be scored anew; if not, the dataset is empty. Null: by the preset.
    rescore: Option<bool>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ScoreParams {
    /// As for `merge-sa`.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: f64,
    /// As for `merge-sa`.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: f64,
    /// As for `merge-sa`.
    #[schemars(range(min = 0.0, max = 1.0))]
    judge_iou: f64,
    /// As for `merge-sa`.
    #[schemars(range(min = 0.0, max = 1.0))]
    ground_truth_iou: f64,
    /// As for `merge-sa`.
    preset: Preset,
    /// As for `merge-sa`.
    rejudge: Option<Rejudge>,
    /// As for `merge-sa`.
    matching: Option<Matching>,
    /// As for `merge-sa`.
    difficult: Difficult,
    /// The round.
    round: u32,
}

impl Default for ScoreParams {
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
            difficult: thresholds.difficult,
            round: 1,
        }
    }
}

impl Stage for HeldImages {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "held-images".to_owned(),
            version: 1,
            summary: "the images annotated in earlier rounds that a ranking looks at again".to_owned(),
            params: params_schema::<HeldParams>(),
            inputs: vec![
                input("pool", "pool", "Where every image is."),
                input(
                    "dataset",
                    "dataset",
                    "The images with their ground truth, which is paid for.",
                ),
            ],
            outputs: vec![output(
                "held",
                "dataset",
                "The images; none if they are not to be scored anew.",
            )],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: HeldParams = job.params()?;
        let pool: Pool = read_json(job.input("pool")?)?;
        let mut dataset = read_dataset(job.input("dataset")?)?;
        let rescore = params.rescore.unwrap_or(params.preset == Preset::Sound);
        let held: std::collections::BTreeSet<&str> = pool.annotated().iter().map(|image| image.id()).collect();
        dataset
            .images
            .retain(|image| rescore && held.contains(image.image.id.as_str()));
        write_dataset(job.output("held")?, &dataset)?;
        let mut outcome = Outcome::default();
        outcome.metrics.insert("held".to_owned(), dataset.images.len() as f64);
        Ok(outcome)
    }
}

impl Stage for ScoreImages {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "score-images".to_owned(),
            version: 1,
            summary: "scores images as `merge-sa` does, and charges nobody: their ground truth is paid for".to_owned(),
            params: params_schema::<ScoreParams>(),
            inputs: vec![
                input("detections", "detections", "What the model finds in the images."),
                input("dataset", "dataset", "The images with their ground truth."),
            ],
            outputs: vec![output("scores", "scores", "How sure the model is of each image.")],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: ScoreParams = job.params()?;
        let detections = read_detections(job.input("detections")?)?;
        let dataset = read_dataset(job.input("dataset")?)?;
        let preset = Thresholds::default().with_preset(params.preset);
        let rules = Rules {
            thresholds: Thresholds {
                certain: params.certain,
                uncertain: params.uncertain,
                judge_iou: params.judge_iou,
                ground_truth_iou: params.ground_truth_iou,
                rejudge: params.rejudge.unwrap_or(preset.rejudge),
                matching: params.matching.unwrap_or(preset.matching),
                difficult: params.difficult,
            },
            annotator: Annotator::Sa,
            ..Rules::default()
        };
        let done = annotate(Some(&detections), &dataset, &Ledger::default(), &rules, params.round)?;
        write_json(job.output("scores")?, &done.scores)?;
        Ok(Outcome::default())
    }
}
