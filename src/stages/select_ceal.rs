//! `select-ceal`: the human labels the uncertain images, the model the certain ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::input;
use super::select::{Parts, TAKE, inputs, outputs, write};
use crate::artifact::{read_dataset, read_evidence};
use crate::learning::{Aggregate, Ceal, Measure, Replay, Thresholds, Ties, select_ceal};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct SelectCeal;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// K: so many labelled images are trained on beside the batch, or all there are.
    #[schemars(range(min = 1))]
    take: usize,
    /// The seed of the draw from the labelled pool.
    seed: u64,
    /// The round.
    round: u32,
    /// `drawn` trains on K labelled images, `all` on the whole labelled pool.
    replay: Replay,
    /// Unlabelled images that are less uncertain than this are trained on with the model's boxes, in round 1.
    threshold: f64,
    /// By so much `threshold` falls each round.
    decay: f64,
    /// How uncertain a box is.
    measure: Measure,
    /// How uncertain an image is, by its boxes.
    aggregate: Aggregate,
    /// Boxes with at least this score become labels.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: f64,
    /// Boxes with at least this score are looked at.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: f64,
}

impl Default for Params {
    fn default() -> Self {
        let ceal = Ceal::default();
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            replay: Replay::default(),
            threshold: ceal.threshold,
            decay: ceal.decay,
            measure: ceal.measure,
            aggregate: ceal.aggregate,
            certain: ceal.thresholds.certain,
            uncertain: ceal.thresholds.uncertain,
        }
    }
}

impl Stage for SelectCeal {
    fn info(&self) -> KindInfo {
        let mut inputs = inputs();
        inputs.push(input("candidates", "dataset", "Unlabelled images."));
        inputs.push(input("evidence", "evidence", "What the model sees in them."));
        KindInfo {
            name: "select-ceal".to_owned(),
            version: 1,
            summary: "trains on the batch, labelled images and images that the model is certain of, keeps the batch"
                .to_owned(),
            params: params_schema::<Params>(),
            inputs,
            outputs: outputs(),
            external: Vec::new(),
            cpus: 1,
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let parts = Parts::read(job)?;
        let candidates = read_dataset(job.input("candidates")?)?;
        let evidence = read_evidence(job.input("evidence")?)?;
        let ceal = Ceal {
            threshold: params.threshold,
            decay: params.decay,
            measure: params.measure,
            aggregate: params.aggregate,
            thresholds: Thresholds {
                certain: params.certain,
                uncertain: params.uncertain,
                ..Thresholds::default()
            },
        };
        let round = parts.round((params.take, params.seed, params.round), Ties::default(), params.replay);
        write(job, select_ceal(round, (&candidates, &evidence), &ceal)?)
    }
}
