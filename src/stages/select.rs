//! `select-v1`, `select-v1-plus`, `select-topk-v1`, `select-topk-v2`, `select-topk-v3`, `select-sl-only`: one adapter, a strategy each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ports::{input, optional, output};
use crate::artifact::{read_dataset, read_json, write_dataset, write_json};
use crate::learning::{
    Bands, DeployScore, Judge, LearningError, MiddleBand, Pool, Preset, Ranking, Replay, Round, Score, Scores,
    Selection, Sets, Ties, select_sl_only, select_topk_v1, select_topk_v2, select_topk_v3, select_v1, select_v1_plus,
};
use crate::stage::{InputPort, Job, KindInfo, Outcome, OutputPort, Reporter, Stage, StageError, params_schema};

/// The stage kinds.
#[derive(Clone, Copy)]
pub(super) enum Select {
    V1,
    V1Plus,
    TopkV1,
    TopkV2,
    TopkV3,
    SlOnly,
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
    /// `drawn` trains on K labelled images, `all` on the whole labelled pool.
    replay: Replay,
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
    /// `drawn` trains on K labelled images, `all` on the whole labelled pool.
    replay: Replay,
    /// How the choices are made that are null: `sound`, or `as_published` as the first implementation made them.
    preset: Preset,
    /// Judge by the oracle's AL ratio, or by the `deploy` score that needs no ground truth.
    score: Score,
    /// Which score that needs no ground truth.
    deploy_score: DeployScore,
    /// Both ends of the ranking `disjoint`, or `overlapping` while there are fewer than 2K images. Null: by the preset.
    sets: Option<Sets>,
    /// Images of one score in an order by the seed (`seeded`) or as they are `listed`. Null: by the preset.
    ties: Option<Ties>,
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
    /// `drawn` trains on K labelled images, `all` on the whole labelled pool.
    replay: Replay,
    /// How the choices are made that are null: `sound`, or `as_published` as the first implementation made them.
    preset: Preset,
    /// Judge by the oracle's AL ratio, or by the `deploy` score that needs no ground truth.
    score: Score,
    /// Which score that needs no ground truth.
    deploy_score: DeployScore,
    /// Images with an AL ratio up to this are certain: they join the labelled pool.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: f64,
    /// Images with an AL ratio from this on are uncertain: they are trained on and asked again.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: f64,
    /// Images between the two join the labelled pool (`label`) or are thrown away (`drop`). Null: by the preset.
    middle_band: Option<MiddleBand>,
    /// How often an image may be asked again before it joins the labelled pool. Null: by the preset, 2 or without end.
    max_attempts: Option<u32>,
    /// Images of one score in an order by the seed (`seeded`) or as they are `listed`. Null: by the preset.
    ties: Option<Ties>,
}

/// Thresholds by name: certain, uncertain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum Pair {
    /// 0.5 and 0.3: the first implementation's last.
    #[default]
    #[serde(rename = "0.5/0.3")]
    Late,
    /// 0.75 and 0.5: its first.
    #[serde(rename = "0.75/0.5")]
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
    /// `drawn` trains on K labelled images, `all` on the whole labelled pool.
    replay: Replay,
    /// How the choices are made that are null: `sound`, or `as_published` as the first implementation made them.
    preset: Preset,
    /// Judge by the oracle's SL score, or by the `deploy` score that needs no ground truth.
    score: Score,
    /// Which score that needs no ground truth.
    deploy_score: DeployScore,
    /// Both thresholds where `certain` and `uncertain` do not say: the first implementation's last pair, or its first.
    thresholds: Pair,
    /// Images with an SL score from this on are certain: they join the labelled pool. Null: by `thresholds`.
    #[schemars(range(min = 0.0, max = 1.0))]
    certain: Option<f64>,
    /// Images with an SL score up to this are uncertain: they are trained on and asked again. Null: by `thresholds`.
    #[schemars(range(min = 0.0, max = 1.0))]
    uncertain: Option<f64>,
    /// Images between the two join the labelled pool (`label`) or are thrown away (`drop`). Null: by the preset.
    middle_band: Option<MiddleBand>,
    /// How often an image may be asked again before it joins the labelled pool. Null: by the preset, 2 or without end.
    max_attempts: Option<u32>,
    /// Images of one score in an order by the seed (`seeded`) or as they are `listed`. Null: by the preset.
    ties: Option<Ties>,
}

/// K, as everywhere.
pub(super) const TAKE: usize = 400;

impl Default for PlainParams {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            replay: Replay::default(),
        }
    }
}

impl Default for RankedParams {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            replay: Replay::default(),
            preset: Preset::default(),
            score: Score::default(),
            deploy_score: DeployScore::default(),
            sets: None,
            ties: None,
        }
    }
}

impl Default for TopkV2Params {
    fn default() -> Self {
        let bands = Bands::topk_v2(Preset::default());
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            replay: Replay::default(),
            preset: Preset::default(),
            score: Score::default(),
            deploy_score: DeployScore::default(),
            certain: bands.certain,
            uncertain: bands.uncertain,
            middle_band: None,
            max_attempts: None,
            ties: None,
        }
    }
}

impl Default for TopkV3Params {
    fn default() -> Self {
        Self {
            take: TAKE,
            seed: 0,
            round: 1,
            replay: Replay::default(),
            preset: Preset::default(),
            score: Score::default(),
            deploy_score: DeployScore::default(),
            thresholds: Pair::default(),
            certain: None,
            uncertain: None,
            middle_band: None,
            max_attempts: None,
            ties: None,
        }
    }
}

impl TopkV2Params {
    fn bands(&self) -> Bands {
        let preset = Bands::topk_v2(self.preset);
        Bands {
            certain: self.certain,
            uncertain: self.uncertain,
            max_attempts: self.max_attempts.or(preset.max_attempts),
            middle_band: self.middle_band.unwrap_or(preset.middle_band),
            judge: judge(self.score, self.deploy_score),
        }
    }
}

impl TopkV3Params {
    fn bands(&self) -> Bands {
        let preset = match self.thresholds {
            Pair::Late => Bands::topk_v3(self.preset),
            Pair::Early => Bands::topk_v3_early(self.preset),
        };
        Bands {
            certain: self.certain.unwrap_or(preset.certain),
            uncertain: self.uncertain.unwrap_or(preset.uncertain),
            max_attempts: self.max_attempts.or(preset.max_attempts),
            middle_band: self.middle_band.unwrap_or(preset.middle_band),
            judge: judge(self.score, self.deploy_score),
        }
    }
}

const fn judge(score: Score, deploy: DeployScore) -> Judge {
    Judge { score, deploy }
}

impl Select {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::V1,
        Self::V1Plus,
        Self::TopkV1,
        Self::TopkV2,
        Self::TopkV3,
        Self::SlOnly,
    ];

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
            Self::SlOnly => (
                "select-sl-only",
                "trains on images in which the model is sure of a box and keeps them, asks the others again",
                params_schema::<PlainParams>(),
            ),
        }
    }

    fn select(self, job: &Job, parts: &Parts) -> Result<Selection, StageError> {
        let selection = match self {
            Self::V1 | Self::V1Plus | Self::SlOnly => {
                let p: PlainParams = job.params()?;
                let round = parts.round((p.take, p.seed, p.round), Ties::default(), p.replay);
                match self {
                    Self::V1 => select_v1(round),
                    Self::V1Plus => select_v1_plus(round),
                    _ => select_sl_only(round),
                }
            }
            Self::TopkV1 => {
                let p: RankedParams = job.params()?;
                let ties = p.ties.unwrap_or_else(|| Ties::of(p.preset));
                let rescores: Option<Scores> = job.optional_input("rescores").map(read_json).transpose()?;
                let ranking = Ranking {
                    judge: judge(p.score, p.deploy_score),
                    sets: p.sets.unwrap_or_else(|| Sets::of(p.preset)),
                    rescores: rescores.as_ref(),
                };
                select_topk_v1(parts.round((p.take, p.seed, p.round), ties, p.replay), &ranking)
            }
            Self::TopkV2 => {
                let p: TopkV2Params = job.params()?;
                let ties = p.ties.unwrap_or_else(|| Ties::of(p.preset));
                select_topk_v2(parts.round((p.take, p.seed, p.round), ties, p.replay), &p.bands())
            }
            Self::TopkV3 => {
                let p: TopkV3Params = job.params()?;
                let ties = p.ties.unwrap_or_else(|| Ties::of(p.preset));
                select_topk_v3(parts.round((p.take, p.seed, p.round), ties, p.replay), &p.bands())
            }
        };
        selection.map_err(|error: LearningError| error.into())
    }
}

/// What was read.
pub(super) struct Parts {
    labelled: crate::detection::Dataset,
    annotated: crate::detection::Dataset,
    scores: Scores,
    pool: Pool,
}

impl Parts {
    /// Reads the four inputs that every strategy has.
    pub(super) fn read(job: &Job) -> Result<Self, StageError> {
        Ok(Self {
            labelled: read_dataset(job.input("labelled")?)?,
            annotated: read_dataset(job.input("annotations")?)?,
            scores: read_json(job.input("scores")?)?,
            pool: read_json(job.input("pool")?)?,
        })
    }

    pub(super) const fn round(&self, (take, seed, round): (usize, u64, u32), ties: Ties, replay: Replay) -> Round<'_> {
        Round {
            labelled: &self.labelled,
            annotated: &self.annotated,
            scores: &self.scores,
            pool: &self.pool,
            take,
            round,
            seed,
            ties,
            replay,
        }
    }
}

/// The inputs that every strategy has.
pub(super) fn inputs() -> Vec<InputPort> {
    vec![
        input("annotations", "dataset", "The batch with its SA boxes."),
        input("scores", "scores", "How sure the model was of each image of the batch."),
        input("labelled", "dataset", "The labelled pool."),
        input("pool", "pool", "The pool with the batch marked as drawn."),
    ]
}

/// The outputs that every strategy has.
pub(super) fn outputs() -> Vec<OutputPort> {
    vec![
        output("train", "dataset", "What the next training sees."),
        output("labelled", "dataset", "The labelled pool of the next round."),
        output("pool", "pool", "The pool of the next round."),
        output("stats", "metrics", "Sizes of the pools, SL and AL share."),
    ]
}

/// Writes what a strategy decided.
pub(super) fn write(job: &Job, selection: Selection) -> Result<Outcome, StageError> {
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

impl Stage for Select {
    fn info(&self) -> KindInfo {
        let (name, summary, params) = self.words();
        let mut inputs = inputs();
        if matches!(self, Self::TopkV1) {
            let doc =
                "What the model of this round says of images annotated earlier; without it they keep their scores.";
            inputs.push(optional("rescores", "scores", doc));
        }
        KindInfo {
            name: name.to_owned(),
            version: 2,
            summary: summary.to_owned(),
            params,
            inputs,
            outputs: outputs(),
            external: Vec::new(),
            cpus: 1,
            memory_mib: 256,
        }
    }

    fn run(&self, job: &Job, _: &dyn Reporter) -> Result<Outcome, StageError> {
        let parts = Parts::read(job)?;
        let selection = self.select(job, &parts)?;
        write(job, selection)
    }
}
