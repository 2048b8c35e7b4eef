//! How sure a model was of an image, by three measures.

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
    /// Certain boxes that were shown to the annotator.
    pub proposed: u32,
    /// Of those, the ones that were right.
    pub accepted: u32,
    /// Objects whose box comes from the model.
    pub model_boxes: u32,
    /// The share of the objects that the human has to draw; needs the ground truth.
    pub al_ratio: f64,
    /// The accepted boxes' scores over the number of objects; needs the ground truth.
    pub sl_score: f64,
    /// What stands for `sl_score` where there is no ground truth.
    pub deploy_score: f64,
}

/// The scores of a batch, in its order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// One entry an image.
    pub images: Vec<ImageScores>,
}
