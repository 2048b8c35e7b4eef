//! topK v1: everything annotated so far is ranked by AL ratio: that of the model of the round, or that of the round that annotated it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::turn::Turn;
use super::{Judge, Round, Selection};
use crate::detection::AnnotatedImage;
use crate::learning::{LearningError, Preset, ScoredImage, Scores};

/// How the two ends of the ranking are cut off while there are fewer than 2K images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sets {
    /// The lower and the upper half.
    #[default]
    Disjoint,
    /// K from either end, as in the first implementation: an image may be in both.
    Overlapping,
}

impl Sets {
    /// The preset's.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        match preset {
            Preset::Sound => Self::Disjoint,
            Preset::AsPublished => Self::Overlapping,
        }
    }
}

/// How images are ranked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ranking<'a> {
    /// By what.
    pub judge: Judge,
    /// Into which sets.
    pub sets: Sets,
    /// What the model of this round says of images annotated earlier. Those that are not in it keep the score that they have.
    pub rescores: Option<&'a Scores>,
}

/// Trains on the K annotated images with the highest AL ratio and K images of the labelled pool as it was before; then the K with the
/// lowest ratio join it. Images in neither stay with the pool and are ranked again.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn select_topk_v1(round: Round<'_>, ranking: &Ranking<'_>) -> Result<Selection, LearningError> {
    let mut turn = Turn::begin(round)?;
    let judge = ranking.judge;
    let rescores = ranking.rescores.iter().flat_map(|scores| &scores.images);
    let rescores: BTreeMap<&str, _> = rescores.map(|scores| (scores.image.as_str(), scores)).collect();
    for scored in &mut turn.pool.annotated {
        if let Some(scores) = rescores.get(scored.annotated.image.id.as_str()) {
            scored.score = judge.al_ratio(scores);
            scored.scored_in = round.round;
        }
    }
    for (image, scores) in round.annotated.images.iter().zip(&round.scores.images) {
        turn.pool.annotated.push(ScoredImage {
            annotated: image.clone(),
            score: judge.al_ratio(scores),
            scored_in: round.round,
            labelled: false,
        });
    }
    let seen = &turn.pool.annotated;
    let mut order: Vec<usize> = (0..seen.len()).collect();
    // As `f32`: what has been through JSON may differ from what has not in the last bit, and would not tie with it.
    let score = |at: usize| seen[at].score as f32;
    order.sort_by(|&a, &b| {
        let ids = [a, b].map(|at| seen[at].annotated.image.id.as_str());
        score(a).total_cmp(&score(b)).then_with(|| turn.tie(ids[0], ids[1]))
    });
    let ratios: Vec<f64> = seen.iter().map(|image| image.score).collect();

    let size = order.len();
    let (certain, uncertain) = match ranking.sets {
        Sets::Disjoint => (round.take.min(size / 2), round.take.min(size - size / 2)),
        Sets::Overlapping => (round.take.min(size), round.take.min(size)),
    };
    let certain: Vec<usize> = order[..certain].to_vec();
    let uncertain: Vec<usize> = order[size - uncertain..].to_vec();
    let chosen: Vec<AnnotatedImage> = uncertain.iter().map(|&at| seen[at].annotated.clone()).collect();
    let judged: BTreeSet<usize> = certain.iter().chain(&uncertain).copied().collect();
    turn.judged_by(&ratios);
    turn.stats.certain = certain.len();
    turn.stats.uncertain = uncertain.len();
    turn.stats.middle = size - judged.len();

    let drawn = turn.draw_labelled(&chosen);
    for at in certain {
        let image = turn.pool.annotated[at].annotated.clone();
        if turn.label(&image) {
            turn.pool.annotated[at].labelled = true;
        } else {
            turn.stats.duplicates += 1;
        }
    }
    Ok(turn.finish(chosen, drawn))
}
