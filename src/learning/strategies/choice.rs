//! Choices that several strategies have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ImageScores;
use crate::learning::{DeployScore, Preset};

/// How images of one score are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// By a hash of seed and id: no list order has a say.
    #[default]
    Seeded,
    /// As they are listed, as in the first implementation.
    Listed,
}

impl Ties {
    /// The preset's.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        match preset {
            Preset::Sound => Self::Seeded,
            Preset::AsPublished => Self::Listed,
        }
    }
}

/// Which labelled images are trained on beside the chosen ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    /// K, drawn anew each round.
    #[default]
    Drawn,
    /// All.
    All,
}

/// Whether images are judged with the ground truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// By AL ratio and SL score. These need the ground truth of every image drawn: they curate training data, they do not query.
    #[default]
    Oracle,
    /// By a score that needs no ground truth.
    Deploy,
}

/// By what images are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judge {
    /// With the ground truth or without.
    pub score: Score,
    /// Which score, without.
    pub deploy: DeployScore,
}

impl Judge {
    pub(super) fn al_ratio(self, scores: &ImageScores) -> f64 {
        match self.score {
            Score::Oracle => scores.al_ratio,
            Score::Deploy => 1.0 - scores.deploy.by(self.deploy),
        }
    }

    pub(super) fn sl_score(self, scores: &ImageScores) -> f64 {
        match self.score {
            Score::Oracle => scores.sl_score,
            Score::Deploy => scores.deploy.by(self.deploy),
        }
    }
}
