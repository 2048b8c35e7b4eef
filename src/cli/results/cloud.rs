//! Images by the scores that need no ground truth and by the oracle's, for the page to draw.

use super::behind::{Batch, Source};
use crate::learning::{DeployScore, ImageScores};
use crate::report::Trial;
use crate::report::evidence::{ScoreCloud, ScoredBatch};

/// About so many points in a page: 40 bytes each.
const MOST: usize = 10_000;

/// The name of a score, as the columns of the table of rounds have it.
fn name(score: DeployScore) -> &'static str {
    match score {
        DeployScore::CertainSum => "certain_sum",
        DeployScore::CertainShare => "certain_share",
        DeployScore::MeanScore => "mean_score",
        DeployScore::Weakest => "weakest",
    }
}

/// The batches for which the table of rounds has a rank correlation.
pub(super) fn cloud(rows: &[(&Source<'_>, u32, Batch)], trials: &[Trial]) -> ScoreCloud {
    let rho = |source: &Source<'_>, round: u32| -> Vec<Option<f64>> {
        let trial = trials
            .iter()
            .find(|trial| trial.pipeline == source.strategy && trial.seed == source.seed);
        let turn = trial.and_then(|trial| trial.rounds.iter().find(|turn| turn.round == round));
        let of = |score| turn?.figures.get(&format!("rank_{}", name(score))).copied();
        DeployScore::ALL.map(of).to_vec()
    };
    let scored: Vec<_> = rows
        .iter()
        .map(|(source, round, batch)| (source, *round, &batch.scores, rho(source, *round)))
        .filter(|(.., rho)| rho.iter().any(Option::is_some))
        .collect();
    let images = scored.iter().map(|(_, _, scores, _)| scores.len()).sum::<usize>();
    let every = images.div_ceil(MOST).max(1);
    let batches = scored.into_iter().map(|(source, round, scores, rho)| ScoredBatch {
        strategy: source.strategy.to_owned(),
        seed: source.seed,
        round,
        rho,
        points: scores.iter().step_by(every).map(point).collect(),
    });
    ScoreCloud {
        scores: DeployScore::ALL.map(|score| name(score).to_owned()).to_vec(),
        batches: batches.collect(),
        images,
    }
}

fn point(image: &ImageScores) -> Vec<f64> {
    let deploy = DeployScore::ALL.map(|score| image.deploy.by(score));
    let all = std::iter::once(image.sl_score).chain(deploy);
    all.map(|score| (score * 1000.0).round() / 1000.0).collect()
}
