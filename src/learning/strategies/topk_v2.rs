//! topK v2: bands by AL ratio.

use super::banded::{self, Band, Bands, Judged};
use super::{Round, Selection};
use crate::learning::{LearningError, Preset};

impl Bands {
    /// Certain up to an AL ratio of 0.3, uncertain from 0.6 on.
    #[must_use]
    pub fn topk_v2(preset: Preset) -> Self {
        Self::between(0.3, 0.6, preset)
    }
}

/// An image is certain with an AL ratio up to `certain`, uncertain with one from `uncertain` on.
///
/// # Errors
/// When the thresholds make no sense or the round's parts do not fit together.
pub fn select_topk_v2(round: Round<'_>, bands: &Bands) -> Result<Selection, LearningError> {
    banded::check(
        bands,
        bands.certain,
        bands.uncertain,
        "in 0..=1, certain below uncertain",
    )?;
    let judge = |ratio: f64| Judged {
        certainty: -ratio,
        band: match ratio {
            ratio if ratio <= bands.certain => Band::Certain,
            ratio if ratio >= bands.uncertain => Band::Uncertain,
            _ => Band::Middle,
        },
    };
    let images = round.scores.images.iter();
    let judged: Vec<Judged> = images.map(|image| judge(bands.judge.al_ratio(image))).collect();
    banded::select(round, bands, &judged)
}
