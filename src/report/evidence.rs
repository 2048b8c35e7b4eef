//! What stands behind the figures: images with boxes, classes, when stages were made.

use std::collections::BTreeMap;

use serde::Serialize;

/// Marks a figure as one of a class.
pub const OF_CLASS: &str = " of class ";
/// What the names of figures begin with that are AP50 of a class.
pub const CLASS_AP: &str = "AP50 of class ";
/// What the names of figures begin with that are a class's share of the objects in a round's images.
pub const CLASS_SHARE: &str = "share of class ";

/// Pictures with boxes drawn on them by the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gallery {
    /// Small pictures by name.
    pub pictures: BTreeMap<String, Thumbnail>,
    /// Views of them.
    pub shots: Vec<Shot>,
    /// How many there are of each round, and what was left out.
    pub about: String,
}

/// A small picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Thumbnail {
    /// A `data:` address.
    pub source: String,
    /// The width of the picture that it was made of, in which boxes are given.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// A picture as one strategy had it in one round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shot {
    /// The strategy.
    pub strategy: String,
    /// The seed.
    pub seed: i64,
    /// The round; none for the test images after the last.
    pub round: Option<u32>,
    /// The picture's name.
    pub picture: String,
    /// A line under it.
    pub about: String,
    /// The boxes.
    pub marks: Vec<Mark>,
}

/// A box on a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// What it is.
    pub kind: MarkKind,
    /// xyxy in pixels of the whole picture.
    pub bounds: [f64; 4],
    /// Its class and, of a model, its score; and what is remarkable.
    pub label: String,
}

/// What a box on a picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    /// The model's, taken as the annotation.
    Accepted,
    /// The model's and certain, but not taken.
    Rejected,
    /// The annotator's: the model had nothing that could be taken.
    Human,
    /// On a test image, a detection that is right.
    Correct,
    /// On a test image, a detection that is not.
    False,
    /// On a test image, an object that was not found.
    Missed,
}

/// Images by the scores that a model gives them without ground truth and by the oracle's.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScoreCloud {
    /// The names of the scores without ground truth.
    pub scores: Vec<String>,
    /// The batches that have any.
    pub batches: Vec<ScoredBatch>,
    /// How many images the batches have; fewer points are here where there are very many.
    pub images: usize,
}

/// The scores of a batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredBatch {
    /// The strategy.
    pub strategy: String,
    /// The seed.
    pub seed: i64,
    /// The round.
    pub round: u32,
    /// By score: Spearman's coefficient over the whole batch.
    pub rho: Vec<Option<f64>>,
    /// By image: the oracle's SL score, then each score.
    pub points: Vec<Vec<f64>>,
}

/// When a stage was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// The stage.
    pub stage: String,
    /// Its kind.
    pub kind: String,
    /// The run that made it.
    pub run: String,
    /// Seconds from the beginning of that run.
    pub start: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The boxes of the pictures of stages.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Boxes {
    /// Stages that the newest run made.
    pub made: usize,
    /// Stages that were there before.
    pub cached: usize,
    /// By `family/stage`.
    pub states: BTreeMap<String, BoxState>,
}

/// A box of the picture of stages: how many of its stages the newest run made and how many were there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct BoxState {
    /// Made by the newest run.
    pub made: usize,
    /// Made earlier: the newest run took them from the store.
    pub cached: usize,
    /// Not made: a guard said stop, or a run did not come to them.
    pub not_made: usize,
    /// Seconds that they took when they were made.
    pub seconds: f64,
}
