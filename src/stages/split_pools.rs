//! `split-pools`: a dataset to the initial labelled pool, a validation set and the pool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ports::{input, output};
use crate::artifact::{read_dataset, write_dataset, write_json};
use crate::detection::Dataset;
use crate::learning::{Prices, SplitOrder, SplitSizes, Stats, split};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kind.
pub(super) struct SplitPools;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// Images of the initial labelled pool.
    initial: usize,
    /// In place of `initial`: the share of the images beside the validation images.
    #[schemars(range(min = 0.0, max = 1.0))]
    initial_share: Option<f64>,
    /// Labelled images set apart for the stop test and the choice of the best model.
    validation: usize,
    /// The seed of the shuffle.
    seed: u64,
    /// `shuffled` by the seed, or as `listed` in the dataset.
    order: SplitOrder,
    /// Seconds of an annotator's time, for the costs of the labelled and validation images.
    prices: Prices,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            initial: 1000,
            initial_share: None,
            validation: 0,
            seed: 0,
            order: SplitOrder::default(),
            prices: Prices::default(),
        }
    }
}

impl Stage for SplitPools {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "split-pools".to_owned(),
            version: 2,
            summary: "deals a dataset out: initial labelled images, validation images, pool".to_owned(),
            params: params_schema::<Params>(),
            inputs: vec![input("dataset", "dataset", "The images with their ground truth.")],
            outputs: vec![
                output("labelled", "dataset", "The initial labelled pool."),
                output("validation", "dataset", "Labelled images that are never trained on."),
                output("pool", "pool", "The other images, in draw order."),
                output(
                    "evaluation",
                    "dataset",
                    "No image: the evaluation set that grows, before round 1.",
                ),
                output(
                    "ledger",
                    "ledger",
                    "Labelled and validation images, charged to round 0.",
                ),
                output("costs", "metrics", "What round 0 cost."),
                output("stats", "metrics", "The pools before round 1."),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: Params = job.params()?;
        let dataset = read_dataset(job.input("dataset")?)?;
        let mut sizes = SplitSizes {
            initial: params.initial,
            validation: params.validation,
        };
        if let Some(share) = params.initial_share {
            sizes = sizes.with_share(share, dataset.images.len())?;
        }
        let parts = split(&dataset, sizes, params.order, params.seed)
            .map_err(|error| StageError::from(error).hint("lower `initial` or `validation`"))?;
        write_dataset(job.output("labelled")?, &parts.labelled)?;
        write_dataset(job.output("validation")?, &parts.validation)?;
        let nothing = Dataset {
            classes: dataset.classes,
            images: Vec::new(),
        };
        write_dataset(job.output("evaluation")?, &nothing)?;
        write_json(job.output("pool")?, &parts.pool)?;
        write_json(job.output("ledger")?, &parts.ledger)?;
        write_json(job.output("costs")?, &parts.ledger.costs(0, &params.prices))?;
        let stats = Stats {
            train: parts.labelled.images.len(),
            labelled: parts.labelled.images.len(),
            unlabelled: parts.pool.unlabelled().len(),
            ..Stats::default()
        };
        write_json(job.output("stats")?, &stats)?;
        let mut outcome = Outcome::default();
        let figures = [
            ("labelled", parts.labelled.images.len()),
            ("validation", parts.validation.images.len()),
            ("unlabelled", parts.pool.unlabelled().len()),
        ];
        outcome
            .metrics
            .extend(figures.map(|(name, count)| (name.to_owned(), count as f64)));
        Ok(outcome)
    }
}
