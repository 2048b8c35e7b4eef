//! v1+: as v1, but the batch joins the labelled pool.

use super::turn::Turn;
use super::{Round, Selection};
use crate::learning::LearningError;

/// Trains on the batch and K images of the labelled pool as it was before; then the batch joins it.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn select_v1_plus(round: Round<'_>) -> Result<Selection, LearningError> {
    let mut turn = Turn::begin(round)?;
    let batch = round.annotated.images.clone();
    let ratios: Vec<f64> = round.scores.images.iter().map(|image| image.al_ratio).collect();
    turn.judged_by(&ratios);
    let drawn = turn.draw_labelled(&batch);
    for image in &batch {
        turn.label(image);
    }
    Ok(turn.finish(batch, drawn))
}
