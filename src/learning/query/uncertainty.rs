//! Least confidence, margin and entropy of boxes, and of images by their boxes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Question;
use crate::detection::{Evidence, SeenBox};
use crate::learning::{Draw, LearningError};

/// How uncertain a box is, by the probabilities of the background and the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// One minus the highest probability.
    LeastConfidence,
    /// One minus the difference of the two highest probabilities.
    Margin,
    /// The entropy, in nats.
    #[default]
    Entropy,
}

/// How uncertain an image is, by its boxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The sum: prefers crowded images.
    Sum,
    /// The mean.
    #[default]
    Mean,
    /// The highest: prefers images with one odd box.
    Max,
}

/// A query by uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncertainty {
    /// Of a box.
    pub measure: Measure,
    /// Of an image.
    pub aggregate: Aggregate,
    /// Boxes with a lower score are not looked at.
    pub floor: f64,
}

impl Measure {
    /// Of a distribution.
    #[must_use]
    pub fn of(self, probabilities: &[f64]) -> f64 {
        let mut sorted = probabilities.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let at = |place: usize| sorted.get(place).copied().unwrap_or(0.0);
        match self {
            Self::LeastConfidence => 1.0 - at(0),
            Self::Margin => 1.0 - (at(0) - at(1)),
            Self::Entropy => {
                let some = probabilities.iter().filter(|&&p| p > 0.0);
                some.map(|p| -p * p.ln()).sum()
            }
        }
    }
}

impl Aggregate {
    fn of(self, values: &[f64]) -> Option<f64> {
        let sum: f64 = values.iter().sum();
        (!values.is_empty()).then(|| match self {
            Self::Sum => sum,
            Self::Mean => sum / values.len() as f64,
            Self::Max => values.iter().copied().fold(f64::MIN, f64::max),
        })
    }
}

/// How uncertain an image is; none without a box that reaches the floor.
pub(in crate::learning) fn image_uncertainty(
    boxes: &[SeenBox],
    floor: f64,
    measure: Measure,
    aggregate: Aggregate,
) -> Option<f64> {
    let seen = boxes.iter().filter(|seen| seen.detection.score as f32 >= floor as f32);
    let values: Vec<f64> = seen.map(|seen| measure.of(&seen.probabilities)).collect();
    aggregate.of(&values)
}

/// The K most uncertain candidates. An image without a box counts as 0: there is nothing to be uncertain about.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn query_uncertainty(
    question: &Question<'_>,
    evidence: &Evidence,
    by: &Uncertainty,
) -> Result<Draw, LearningError> {
    let value = |boxes| image_uncertainty(boxes, by.floor, by.measure, by.aggregate).unwrap_or(0.0);
    let valued = question.candidates(evidence).into_iter();
    let ranked = question.ranked(valued.map(|image| (value(&image.boxes), image)).collect());
    let chosen: Vec<&str> = ranked
        .iter()
        .take(question.take)
        .map(|image| image.image.as_str())
        .collect();
    question.take(&chosen)
}
