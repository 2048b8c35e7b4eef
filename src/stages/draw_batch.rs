//! `draw-batch`: the next images to annotate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, output};
use super::select::TAKE;
use crate::artifact::{read_dataset, read_json, write_dataset, write_json};
use crate::learning::{Pool, Preset, draw};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct DrawBatch;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// K: how many images to draw; null draws all. A pool that runs out gives fewer, then none.
    take: Option<usize>,
    /// Where `requeue_share` is null: `sound` is 0.5, `as_published` is 1, as in the first implementation.
    preset: Preset,
    /// The share of the batch that images asked before may fill, so that new ones are drawn too. Null: by the preset.
    #[schemars(range(min = 0.0, max = 1.0))]
    requeue_share: Option<f64>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            take: Some(TAKE),
            preset: Preset::default(),
            requeue_share: None,
        }
    }
}

impl Stage for DrawBatch {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "draw-batch".to_owned(),
            version: 2,
            summary: "draws the next images to annotate: those to be asked again, then new ones".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![
                input("pool", "pool", "What is left to draw from."),
                input("dataset", "dataset", "The images of the pool with their ground truth."),
            ],
            outputs: vec![
                output(
                    "batch",
                    "dataset",
                    "The images to annotate; their boxes are for the oracle.",
                ),
                output("pool", "pool", "The rest, with the batch marked as drawn."),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let pool: Pool = read_json(job.input("pool")?)?;
        let dataset = read_dataset(job.input("dataset")?)?;
        let share = params.requeue_share.unwrap_or(match params.preset {
            Preset::Sound => 0.5,
            Preset::AsPublished => 1.0,
        });
        let take = params.take.unwrap_or(dataset.images.len());
        let drawn = draw(&pool, &dataset, take, share)?;
        write_dataset(job.output("batch")?, &drawn.batch)?;
        write_json(job.output("pool")?, &drawn.pool)?;
        let count = drawn.batch.images.len();
        let mut outcome = Outcome::default();
        outcome.metrics.insert("batch".to_owned(), count as f64);
        outcome
            .metrics
            .insert("asked_again".to_owned(), drawn.asked_again as f64);
        if let Some(wanted) = params.take.filter(|&wanted| count < wanted) {
            outcome
                .notes
                .push(format!("{wanted} images wanted, {count} were left to draw"));
        }
        Ok(outcome)
    }
}
