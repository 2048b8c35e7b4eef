//! `select-v1`, `select-v1-plus`, `select-topk-v1`, `select-topk-v2`, `select-topk-v3`: one adapter, a strategy each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ports::{input, output};
use crate::artifact::{read_dataset, read_json, write_dataset, write_json};
use crate::learning::{
    Bands, Judge, LearningError, Mode, Pool, Round, Scores, Selection, select_topk_v1, select_topk_v2, select_topk_v3,
    select_v1, select_v1_plus,
};
use crate::stage::{Job, KindInfo, Outcome, Reporter, Stage, StageError, params_schema};

/// The stage kinds.
#[derive(Clone, Copy)]
pub(super) enum Select {
    V1,
    V1Plus,
    TopkV1,
    TopkV2,
    TopkV3,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct PlainParams {
    /// K: so many labelled images are trained on beside the batch, or all there are.
    #[schemars(range(min = 1))]
    take: usize,
    /// The seed of the draw from the labelled pool.
    seed: u64,
    /// The round.
    round: u32,
    /// `strict`, or `seed` as the first implementation did.
    mode: Mode,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RankedParams {
    /// K: images called certain, images called uncertain, and labelled images trained on beside these.
    #[schemars(range(min = 1))]
    take: usize,
    /// The seed of the draw from the labelled pool and of the order of equal scores.
    seed: u64,
    /// The round.
    round: u32,
    /// `strict`, or `seed` as the first implementation did: overlapping sets.
    mode: Mode,
    /// Judge by the oracle's AL ratio, or by the `deploy` score that needs no ground truth.
    judge: Judge,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TopkV2Params {
    /// K: so many labelled images are trained on beside the uncertain ones, or all there are.
    #[schemars(range(min = 1))]
    take: usize,
    /// The seed of the draw from the labelled pool and of the order of equal scores.
    seed: u64,
    /// The round.
    round: u32,
    /// `strict`, or `seed` as the first implementation did: the middle band is thrown away, images are asked again without end.
    mode: Mode,
    /// Judge by the oracle's AL ratio, or by the `deploy` score that needs no ground truth.
    judge: Judge,
    /// Images with an AL ratio up to this are certain: they join the labelled pool.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: f64,
    /// Images with an AL ratio from this on are uncertain: they are trained on and asked again.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: f64,
    /// How often an image may be asked again before it joins the labelled pool.
    max_attempts: u32,
}

/// Thresholds by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Preset {
    /// 0.5 and 0.3: the first implementation's last.
    #[default]
    Late,
    /// 0.75 and 0.5: its first.
    Early,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct TopkV3Params {
    /// K: so many labelled images are trained on beside the uncertain ones, or all there are.
    #[schemars(range(min = 1))]
    take: usize,
    /// The seed of the draw from the labelled pool and of the order of equal scores.
    seed: u64,
    /// The round.
    round: u32,
    /// `strict`, or `seed` as the first implementation did: the middle band is thrown away, images are asked again without end.
    mode: Mode,
    /// Judge by the oracle's SL score, or by the `deploy` score that needs no ground truth.
    judge: Judge,
    /// The thresholds where `certain` and `uncertain` do not say: `late` is 0.5 and 0.3, `early` is 0.75 and 0.5.
    preset: Preset,
    /// Images with an SL score from this on are certain: they join the labelled pool. Null: by the preset.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: Option<f64>,
    /// Images with an SL score up to this are uncertain: they are trained on and asked again. Null: by the preset.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: Option<f64>,
    /// How often an image may be asked again before it joins the labelled pool.
    max_attempts: u32,
}

const TAKE: usize = 400;

impl Default for PlainParams {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            mode: Mode::default(),
        }
    }
}

impl Default for RankedParams {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            mode: Mode::default(),
            judge: Judge::default(),
        }
    }
}

impl Default for TopkV2Params {
    fn default() -> Self {
        let bands = Bands::topk_v2();
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            mode: Mode::default(),
            judge: bands.judge,
            certain: bands.certain,
            uncertain: bands.uncertain,
            max_attempts: bands.max_attempts,
        }
    }
}

impl Default for TopkV3Params {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            mode: Mode::default(),
            judge: Judge::default(),
            preset: Preset::default(),
            certain: None,
            uncertain: None,
            max_attempts: Bands::topk_v3().max_attempts,
        }
    }
}

impl TopkV3Params {
    fn bands(&self) -> Bands {
        let preset = match self.preset {
            Preset::Late => Bands::topk_v3(),
            Preset::Early => Bands::topk_v3_early(),
        };
        Bands {
            certain: self.certain.unwrap_or(preset.certain),
            uncertain: self.uncertain.unwrap_or(preset.uncertain),
            max_attempts: self.max_attempts,
            judge: self.judge,
        }
    }
}

impl Select {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [Self::V1, Self::V1Plus, Self::TopkV1, Self::TopkV2, Self::TopkV3];

    /// Name, summary, params.
    fn words(self) -> (&'static str, &'static str, Value) {
        match self {
            Self::V1 => (
                "select-v1",
                "trains on the batch and labelled images, then forgets the batch",
                params_schema::<PlainParams>(),
            ),
            Self::V1Plus => (
                "select-v1-plus",
                "trains on the batch and labelled images, then keeps the batch",
                params_schema::<PlainParams>(),
            ),
            Self::TopkV1 => (
                "select-topk-v1",
                "ranks all annotated images by AL ratio: trains on the highest, keeps the lowest",
                params_schema::<RankedParams>(),
            ),
            Self::TopkV2 => (
                "select-topk-v2",
                "trains on images with a high AL ratio and asks them again, keeps those with a low one",
                params_schema::<TopkV2Params>(),
            ),
            Self::TopkV3 => (
                "select-topk-v3",
                "trains on images with a low SL score and asks them again, keeps those with a high one",
                params_schema::<TopkV3Params>(),
            ),
        }
    }

    fn select(self, job: &Job, parts: &Parts) -> Result<Selection, StageError> {
        let selection = match self {
            Self::V1 | Self::V1Plus => {
                let p: PlainParams = job.params()?;
                let round = parts.round((p.take, p.seed, p.round, p.mode));
                if matches!(self, Self::V1) {
                    select_v1(round)
                } else {
                    select_v1_plus(round)
                }
            }
            Self::TopkV1 => {
                let p: RankedParams = job.params()?;
                select_topk_v1(parts.round((p.take, p.seed, p.round, p.mode)), p.judge)
            }
            Self::TopkV2 => {
                let p: TopkV2Params = job.params()?;
                let bands = Bands {
                    certain: p.certain,
                    uncertain: p.uncertain,
                    max_attempts: p.max_attempts,
                    judge: p.judge,
                };
                select_topk_v2(parts.round((p.take, p.seed, p.round, p.mode)), &bands)
            }
            Self::TopkV3 => {
                let p: TopkV3Params = job.params()?;
                select_topk_v3(parts.round((p.take, p.seed, p.round, p.mode)), &p.bands())
            }
        };
        selection.map_err(|error: LearningError| error.into())
    }
}

/// What was read.
struct Parts {
    labelled: crate::detection::Dataset,
    annotated: crate::detection::Dataset,
    scores: Scores,
    pool: Pool,
}

impl Parts {
    const fn round(&self, (take, seed, round, mode): (usize, u64, u32, Mode)) -> Round<'_> {
        Round {
            labelled: &self.labelled,
            annotated: &self.annotated,
            scores: &self.scores,
            pool: &self.pool,
            take,
            round,
            seed,
            mode,
        }
    }
}

impl Stage for Select {
    fn info(&self) -> KindInfo {
        let (name, summary, params) = self.words();
        KindInfo {
            name: name.to_owned(),
            version: 1,
            summary: summary.to_owned(),
            params,
            inputs: vec![
                input("annotations", "dataset", "The batch with its SA boxes."),
                input("scores", "scores", "How sure the model was of each image of the batch."),
                input("labelled", "dataset", "The labelled pool."),
                input("pool", "pool", "The pool with the batch marked as drawn."),
            ],
            outputs: vec![
                output("train", "dataset", "What the next training sees."),
                output("labelled", "dataset", "The labelled pool of the next round."),
                output("pool", "pool", "The pool of the next round."),
                output("stats", "metrics", "Sizes of the pools, SL and AL share."),
            ],
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let parts = Parts {
            labelled: read_dataset(job.input("labelled")?)?,
            annotated: read_dataset(job.input("annotations")?)?,
            scores: read_json(job.input("scores")?)?,
            pool: read_json(job.input("pool")?)?,
        };
        let selection = self.select(job, &parts)?;
        write_dataset(job.output("train")?, &selection.train)?;
        write_dataset(job.output("labelled")?, &selection.labelled)?;
        write_json(job.output("pool")?, &selection.pool)?;
        write_json(job.output("stats")?, &selection.stats)?;
        let stats = &selection.stats;
        let mut outcome = Outcome {
            notes: selection.notes,
            ..Outcome::default()
        };
        let figures = [
            ("train", stats.train),
            ("labelled", stats.labelled),
            ("unlabelled", stats.unlabelled),
            ("requeue", stats.requeue),
        ];
        outcome
            .metrics
            .extend(figures.map(|(name, count)| (name.to_owned(), count as f64)));
        Ok(outcome)
    }
}
