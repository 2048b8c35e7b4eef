//! `hold-out`: a share of the new images of a batch to the evaluation set that grows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, output};
use crate::artifact::{read_dataset, read_json, write_dataset, write_json};
use crate::learning::{Ledger, Pool, hold_out};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct HoldOut;

/// Whether the evaluation set grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Set {
    /// It stays empty; the test images are all there is.
    #[default]
    Fixed,
    /// It grows each round.
    Growing,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// `growing` sets images apart, `fixed` none.
    set: Set,
    /// The share of the images opened for the first time that is set apart.
    #[schemars(range(min = 0.0, max = 1.0))]
    share: f64,
    /// The seed of the draw.
    seed: u64,
    /// The round, which pays for their boxes.
    round: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            set: Set::default(),
            share: 0.2,
            seed: 0,
            round: 1,
        }
    }
}

impl Stage for HoldOut {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "hold-out".to_owned(),
            version: 1,
            summary: "sets images of a batch apart for an evaluation set that grows".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                input("batch", "dataset", "The batch; its boxes are the oracle's."),
                input("pool", "pool", "The pool with the batch marked as drawn."),
                input("evaluation", "dataset", "The evaluation set so far."),
                input("ledger", "ledger", "What has been paid for."),
            ],
            outputs: vec![
                output("batch", "dataset", "The rest of the batch."),
                output("pool", "pool", "The pool with the rest marked as drawn."),
                output("evaluation", "dataset", "The evaluation set, annotated by hand."),
                output("ledger", "ledger", "The ledger with the boxes of what was set apart."),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let batch = read_dataset(job.input("batch")?)?;
        let pool: Pool = read_json(job.input("pool")?)?;
        let evaluation = read_dataset(job.input("evaluation")?)?;
        let ledger: Ledger = read_json(job.input("ledger")?)?;
        let share = if params.set == Set::Growing { params.share } else { 0.0 };
        let parts = hold_out(
            (&batch, &pool),
            &evaluation,
            &ledger,
            share,
            (params.seed, params.round),
        )?;
        write_dataset(job.output("batch")?, &parts.batch)?;
        write_json(job.output("pool")?, &parts.pool)?;
        write_dataset(job.output("evaluation")?, &parts.evaluation)?;
        write_json(job.output("ledger")?, &parts.ledger)?;
        let mut outcome = Outcome::default();
        let count = parts.evaluation.images.len();
        outcome.metrics.insert("evaluation".to_owned(), count as f64);
        Ok(outcome)
    }
}
