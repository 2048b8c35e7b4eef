//! topK v3: bands by SL score.

use super::banded::{self, Band, Bands, Judged};
use super::{Round, Selection};
use crate::learning::{LearningError, Preset};

impl Bands {
    /// Certain from an SL score of 0.5 on, uncertain up to 0.3: the first implementation's last thresholds.
    #[must_use]
    pub fn topk_v3(preset: Preset) -> Self {
        Self::between(0.5, 0.3, preset)
    }

    /// Certain from 0.75 on, uncertain up to 0.5: its earlier thresholds.
    #[must_use]
    pub fn topk_v3_early(preset: Preset) -> Self {
        Self::between(0.75, 0.5, preset)
    }
}

/// An image is certain with an SL score from `certain` on, uncertain with one up to `uncertain`.
///
/// # Errors
/// When the thresholds make no sense or the round's parts do not fit together.
pub fn select_topk_v3(round: Round<'_>, bands: &Bands) -> Result<Selection, LearningError> {
    banded::check(
        bands,
        bands.uncertain,
        bands.certain,
        "in 0..=1, uncertain below certain",
    )?;
    let judge = |score: f64| Judged {
        certainty: score,
        band: match score {
            score if score >= bands.certain => Band::Certain,
            score if score <= bands.uncertain => Band::Uncertain,
            _ => Band::Middle,
        },
    };
    let images = round.scores.images.iter();
    let judged: Vec<Judged> = images.map(|image| judge(bands.judge.sl_score(image))).collect();
    banded::select(round, bands, &judged)
}
