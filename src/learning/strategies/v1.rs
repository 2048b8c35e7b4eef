//! v1: each batch is trained on once, beside as many labelled images, and forgotten.

use super::turn::Turn;
use super::{Round, Selection};
use crate::learning::LearningError;

/// Trains on the batch and K labelled images. The labelled pool stays as it is; the batch is thrown away, which is what this
/// strategy is.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn select_v1(round: Round<'_>) -> Result<Selection, LearningError> {
    let mut turn = Turn::begin(round)?;
    let batch = round.annotated.images.clone();
    let ratios: Vec<f64> = round.scores.images.iter().map(|image| image.al_ratio).collect();
    turn.judged_by(&ratios);
    let drawn = turn.draw_labelled(&batch);
    for image in &batch {
        turn.drop_image(image);
    }
    Ok(turn.finish(batch, drawn))
}
