//! topK v1: everything annotated so far is ranked by AL ratio, each image with the ratio of the round that annotated it.

use std::collections::BTreeSet;

use super::turn::Turn;
use super::{Judge, Mode, Round, Selection};
use crate::detection::AnnotatedImage;
use crate::learning::{LearningError, ScoredImage};

/// Trains on the K annotated images with the highest AL ratio and K images of the labelled pool as it was before; then the K with the
/// lowest ratio join it. Before 2K images are annotated, the two sets are the lower and the upper half (`strict`), or
/// overlap (`seed`). Images in neither stay with the pool and are ranked again.
///
/// # Errors
/// When the round's parts do not fit together.
pub fn select_topk_v1(round: Round<'_>, judge: Judge) -> Result<Selection, LearningError> {
    let mut turn = Turn::begin(round)?;
    for (image, scores) in round.annotated.images.iter().zip(&round.scores.images) {
        turn.pool.annotated.push(ScoredImage {
            annotated: image.clone(),
            score: judge.al_ratio(scores),
            round: round.round,
            labelled: false,
        });
    }
    let seen = &turn.pool.annotated;
    let mut ranking: Vec<usize> = (0..seen.len()).collect();
    ranking.sort_by(|&a, &b| {
        let ids = [a, b].map(|at| seen[at].annotated.image.id.as_str());
        seen[a]
            .score
            .total_cmp(&seen[b].score)
            .then_with(|| turn.tie(ids[0], ids[1]))
    });
    let ratios: Vec<f64> = seen.iter().map(|image| image.score).collect();

    let size = ranking.len();
    let (certain, uncertain) = match round.mode {
        Mode::Strict => (round.take.min(size / 2), round.take.min(size - size / 2)),
        Mode::Seed => (round.take.min(size), round.take.min(size)),
    };
    let certain: Vec<usize> = ranking[..certain].to_vec();
    let uncertain: Vec<usize> = ranking[size - uncertain..].to_vec();
    let chosen: Vec<AnnotatedImage> = uncertain.iter().map(|&at| seen[at].annotated.clone()).collect();
    let judged: BTreeSet<usize> = certain.iter().chain(&uncertain).copied().collect();
    turn.judged_by(&ratios);
    turn.stats.certain = certain.len();
    turn.stats.uncertain = uncertain.len();
    turn.stats.middle = size - judged.len();

    let drawn = turn.draw_labelled(&chosen);
    for at in certain {
        let image = turn.pool.annotated[at].annotated.clone();
        if turn.label(&image) {
            turn.pool.annotated[at].labelled = true;
        } else {
            turn.stats.duplicates += 1;
        }
    }
    Ok(turn.finish(chosen, drawn))
}
