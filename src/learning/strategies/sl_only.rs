//! SL only: the model teaches itself.

use super::turn::Turn;
use super::{Round, Selection};
use crate::detection::AnnotatedImage;
use crate::learning::LearningError;

/// Trains on the images of the batch in which the model is sure of a box, with its boxes as they are, and K images of the labelled pool
/// as it was before; then these images join it. The others come back: an image without a box would teach that it is empty.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn select_sl_only(round: Round<'_>) -> Result<Selection, LearningError> {
    let mut turn = Turn::begin(round)?;
    let scores: Vec<f64> = round.scores.images.iter().map(|image| image.sl_score).collect();
    turn.judged_by(&scores);
    let (mut sure, mut unsure): (Vec<AnnotatedImage>, Vec<AnnotatedImage>) = (Vec::new(), Vec::new());
    for image in &round.annotated.images {
        let side = if image.annotations.is_empty() {
            &mut unsure
        } else {
            &mut sure
        };
        side.push(image.clone());
    }
    turn.stats.certain = sure.len();
    turn.stats.uncertain = unsure.len();
    let drawn = turn.draw_labelled(&sure);
    for image in &sure {
        turn.label(image);
    }
    for image in &unsure {
        turn.pool.put_back(&image.image.id);
    }
    Ok(turn.finish(sure, drawn))
}
