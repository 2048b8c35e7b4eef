//! How sure a model was of an image: by the ground truth, and by scores that do without it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The scores of one image and the counts behind them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageScores {
    /// The image's id.
    pub image: String,
    /// The round whose model gave them.
    pub round: u32,
    /// Objects that count.
    pub objects: u32,
    /// Boxes at or above the certain threshold.
    pub certain: u32,
    /// Boxes between the thresholds.
    pub uncertain: u32,
    /// Certain boxes that no other box contradicts.
    pub proposed: u32,
    /// Of those, the ones that are right.
    pub accepted: u32,
    /// Boxes of the annotation that count.
    pub boxes: u32,
    /// Of those, the model's.
    pub model_boxes: u32,
    /// The share of the objects that the human has to draw; needs the ground truth.
    pub al_ratio: f64,
    /// The accepted boxes' scores over the number of objects; needs the ground truth.
    pub sl_score: f64,
    /// What may stand for `sl_score` where there is no ground truth.
    pub deploy: DeployScores,
}

/// The scores of a batch, in its order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// One entry an image.
    pub images: Vec<ImageScores>,
}

/// Scores of an image that need no ground truth, all from 0 to 1, higher for surer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployScores {
    /// See [`DeployScore::CertainSum`].
    pub certain_sum: f64,
    /// See [`DeployScore::CertainShare`].
    pub certain_share: f64,
    /// See [`DeployScore::MeanScore`].
    pub mean_score: f64,
    /// See [`DeployScore::Weakest`].
    pub weakest: f64,
}

/// Which of them. A cluster is boxes that overlap: one object as the model sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployScore {
    /// The sum of the certain scores over the number of clusters of certain and uncertain boxes.
    #[default]
    CertainSum,
    /// The share of the clusters with a certain, uncontested box.
    CertainShare,
    /// The mean of the clusters' highest scores.
    MeanScore,
    /// The lowest certain score of a cluster; 0 if one has none.
    Weakest,
}

impl DeployScore {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::CertainSum, Self::CertainShare, Self::MeanScore, Self::Weakest];
}

impl DeployScores {
    /// The score of this name.
    #[must_use]
    pub fn by(&self, which: DeployScore) -> f64 {
        match which {
            DeployScore::CertainSum => self.certain_sum,
            DeployScore::CertainShare => self.certain_share,
            DeployScore::MeanScore => self.mean_score,
            DeployScore::Weakest => self.weakest,
        }
    }
}
