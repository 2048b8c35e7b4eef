//! `query-random`, `query-uncertainty`, `query-core-set`, `query-consistency`, `query-two-stage`: one adapter, a query each. They stand
//! where `draw-batch` stands and have its outputs. `candidates` gives the images to choose among.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ports::{input, output};
use super::select::TAKE;
use crate::artifact::{read_dataset, read_evidence, read_json, write_dataset, write_json};
use crate::detection::{Dataset, Evidence};
use crate::learning::{
    Aggregate, Consistency, Draw, Measure, Pool, Question, TwoStage, Uncertainty, candidates, query_consistency,
    query_core_set, query_random, query_two_stage, query_uncertainty,
};
use crate::stage::{InputPort, Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kinds.
#[derive(Clone, Copy)]
pub(super) enum Query {
    Random,
    Uncertainty,
    CoreSet,
    Consistency,
    TwoStage,
}

/// The kind `candidates`.
pub(super) struct Candidates;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct CandidateParams {
    /// At most so many, drawn at random; null: the whole unlabelled pool.
    limit: Option<usize>,
    /// The seed of the draw.
    seed: u64,
    /// The round.
    round: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PlainParams {
    /// K: how many images to choose.
    take: usize,
    /// The seed of draws and of the order of equals.
    seed: u64,
    /// The round.
    round: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct UncertaintyParams {
    /// K: how many images to choose.
    take: usize,
    /// The seed of the order of equals.
    seed: u64,
    /// The round.
    round: u32,
    /// How uncertain a box is: `least_confidence`, `margin` or `entropy`.
    measure: Measure,
    /// How uncertain an image is, by its boxes: `sum` prefers crowded images, `max` odd boxes.
    aggregate: Aggregate,
    /// Boxes with a lower score are not looked at.
    #[schemars(range(min = 0.0, max = 1.0))]
    floor: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ConsistencyParams {
    /// K: how many images to choose.
    take: usize,
    /// The seed of the order of equals.
    seed: u64,
    /// The round.
    round: u32,
    /// The consistency that is worth most, from 0 (lost) to 2 (seen again as it was). CALD: 1.3.
    base_point: f64,
    /// By so much more than K are chosen before class balance chooses among them. CALD: 0.2.
    #[schemars(range(min = 0.0))]
    surplus: f64,
    /// Boxes with a lower score are not looked at.
    #[schemars(range(min = 0.0, max = 1.0))]
    floor: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TwoStageParams {
    /// K: how many images to choose.
    take: usize,
    /// The seed of draws and of the order of equals.
    seed: u64,
    /// The round.
    round: u32,
    /// The first stage keeps so many times K. PPAL: 4.
    #[schemars(range(min = 1.0))]
    expansion: f64,
    /// PPAL's alpha: how soon a class counts as difficult.
    alpha: f64,
    /// PPAL's beta: by how much the entropy of the most difficult class grows.
    beta: f64,
    /// Boxes with a lower score are not looked at.
    #[schemars(range(min = 0.0, max = 1.0))]
    floor: f64,
}

impl Default for PlainParams {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
        }
    }
}

impl Default for UncertaintyParams {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            measure: Measure::default(),
            aggregate: Aggregate::default(),
            floor: 0.05,
        }
    }
}

impl Default for ConsistencyParams {
    fn default() -> Self {
        let by = Consistency::default();
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            base_point: by.base_point,
            surplus: by.surplus,
            floor: by.floor,
        }
    }
}

impl Default for TwoStageParams {
    fn default() -> Self {
        let by = TwoStage::default();
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            expansion: by.expansion,
            alpha: by.alpha,
            beta: by.beta,
            floor: by.floor,
        }
    }
}

impl Query {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::Random,
        Self::Uncertainty,
        Self::CoreSet,
        Self::Consistency,
        Self::TwoStage,
    ];

    /// Name, summary, params.
    fn words(self) -> (&'static str, &'static str, Value) {
        match self {
            Self::Random => (
                "query-random",
                "chooses images of the unlabelled pool at random",
                params_schema::<PlainParams>(),
            ),
            Self::Uncertainty => (
                "query-uncertainty",
                "chooses the images that the model is least certain of",
                params_schema::<UncertaintyParams>(),
            ),
            Self::CoreSet => (
                "query-core-set",
                "chooses images that lie far from the labelled ones and from each other (k-centre greedy)",
                params_schema::<PlainParams>(),
            ),
            Self::Consistency => (
                "query-consistency",
                "chooses images that the model sees otherwise when they are changed, then rare classes (after CALD)",
                params_schema::<ConsistencyParams>(),
            ),
            Self::TwoStage => (
                "query-two-stage",
                "chooses uncertain images of difficult classes, of these some that are unlike (after PPAL)",
                params_schema::<TwoStageParams>(),
            ),
        }
    }

    /// What it looks at beside the pool and the dataset.
    fn looks_at(self) -> Vec<InputPort> {
        let evidence = || input("evidence", "evidence", "What the model sees in the candidates.");
        match self {
            Self::Random => Vec::new(),
            Self::Uncertainty => vec![evidence()],
            Self::CoreSet => vec![
                evidence(),
                input("labelled", "evidence", "What the model sees in the labelled images."),
            ],
            Self::Consistency => vec![
                input(
                    "evidence",
                    "evidence",
                    "What the model sees in the candidates and in views of them.",
                ),
                input("labelled", "dataset", "The labelled pool, for its share of each class."),
            ],
            Self::TwoStage => vec![
                evidence(),
                input(
                    "difficulty",
                    "metrics",
                    "`evaluate` on the validation images: a low AP50 is a difficult class.",
                ),
            ],
        }
    }

    fn choose(self, job: &Job, parts: &Parts) -> Result<(Draw, usize), StageError> {
        let evidence = || -> Result<Evidence, StageError> { Ok(read_evidence(job.input("evidence")?)?) };
        let (draw, take) = match self {
            Self::Random => {
                let p: PlainParams = job.params()?;
                (query_random(&parts.question(p.take, p.seed, p.round))?, p.take)
            }
            Self::Uncertainty => {
                let p: UncertaintyParams = job.params()?;
                let by = Uncertainty {
                    measure: p.measure,
                    aggregate: p.aggregate,
                    floor: p.floor,
                };
                (
                    query_uncertainty(&parts.question(p.take, p.seed, p.round), &evidence()?, &by)?,
                    p.take,
                )
            }
            Self::CoreSet => {
                let p: PlainParams = job.params()?;
                let labelled = read_evidence(job.input("labelled")?)?;
                (
                    query_core_set(&parts.question(p.take, p.seed, p.round), &evidence()?, &labelled)?,
                    p.take,
                )
            }
            Self::Consistency => {
                let p: ConsistencyParams = job.params()?;
                let by = Consistency {
                    base_point: p.base_point,
                    surplus: p.surplus,
                    floor: p.floor,
                };
                let labelled = read_dataset(job.input("labelled")?)?;
                (
                    query_consistency(&parts.question(p.take, p.seed, p.round), &evidence()?, &labelled, &by)?,
                    p.take,
                )
            }
            Self::TwoStage => {
                let p: TwoStageParams = job.params()?;
                let by = TwoStage {
                    expansion: p.expansion,
                    alpha: p.alpha,
                    beta: p.beta,
                    floor: p.floor,
                };
                let evidence = evidence()?;
                let metrics: Metrics = read_json(job.input("difficulty")?)?;
                // A class that the validation images do not show is taken for difficult.
                let of =
                    |class: &String| 1.0 - metrics.per_class.get(class).and_then(|class| class.ap50).unwrap_or(0.0);
                let difficulty: Vec<f64> = evidence.classes.iter().map(of).collect();
                (
                    query_two_stage(&parts.question(p.take, p.seed, p.round), &evidence, &difficulty, &by)?,
                    p.take,
                )
            }
        };
        Ok((draw, take))
    }
}

/// What `evaluate` writes, as far as it is needed here.
#[derive(Deserialize)]
struct Metrics {
    per_class: BTreeMap<String, ClassMetrics>,
}

#[derive(Deserialize)]
struct ClassMetrics {
    ap50: Option<f64>,
}

/// What was read.
struct Parts {
    pool: Pool,
    dataset: Dataset,
}

impl Parts {
    fn read(job: &Job) -> Result<Self, StageError> {
        Ok(Self {
            pool: read_json(job.input("pool")?)?,
            dataset: read_dataset(job.input("dataset")?)?,
        })
    }

    const fn question(&self, take: usize, seed: u64, round: u32) -> Question<'_> {
        Question {
            pool: &self.pool,
            dataset: &self.dataset,
            take,
            round,
            seed,
        }
    }
}

fn inputs() -> Vec<InputPort> {
    vec![
        input("pool", "pool", "What is left to choose from."),
        input("dataset", "dataset", "The images of the pool with their ground truth."),
    ]
}

impl Stage for Query {
    fn info(&self) -> KindInfo {
        let (name, summary, params) = self.words();
        let mut inputs = inputs();
        inputs.extend(self.looks_at());
        KindInfo {
            name: name.to_owned(),
            version: match self {
                Self::Uncertainty | Self::TwoStage => 2,
                Self::Random | Self::CoreSet | Self::Consistency => 1,
            },
            summary: summary.to_owned(),
            params,
            inputs,
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
            memory_mib: 512,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let (drawn, wanted) = self.choose(job, &Parts::read(job)?)?;
        write_dataset(job.output("batch")?, &drawn.batch)?;
        write_json(job.output("pool")?, &drawn.pool)?;
        let count = drawn.batch.images.len();
        let mut outcome = Outcome::default();
        outcome.metrics.insert("batch".to_owned(), count as f64);
        if count < wanted {
            outcome
                .notes
                .push(format!("{wanted} images wanted, {count} were left to choose"));
        }
        Ok(outcome)
    }
}

impl Stage for Candidates {
    fn info(&self) -> KindInfo {
        KindInfo {
            name: "candidates".to_owned(),
            version: 1,
            summary: "the unlabelled images that a query may choose among".to_owned(),
            params: params_schema::<CandidateParams>(),
            inputs: inputs(),
            outputs: vec![output("candidates", "dataset", "The images, in the pool's order.")],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let params: CandidateParams = job.params()?;
        let parts = Parts::read(job)?;
        let dataset = candidates(&parts.question(0, params.seed, params.round), params.limit)?;
        write_dataset(job.output("candidates")?, &dataset)?;
        let mut outcome = Outcome::default();
        outcome
            .metrics
            .insert("candidates".to_owned(), dataset.images.len() as f64);
        Ok(outcome)
    }
}
