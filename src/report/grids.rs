//! The tables of a page, from rows and comparisons.

use super::comparison::{AxisComparison, Duel, HeatMap, Ranks, SHARES, Standing};
use super::trials::{Role, Trial, strategies};
use super::{Grid, RoundRow, SummaryRow};
use crate::statistics::{Mean, mean};

/// What the names of columns begin with that say how well a score orders a batch.
const RANK_OF: &str = "rank_";

impl Grid {
    /// The rounds as people read them.
    #[must_use]
    pub fn of_rounds(rows: &[RoundRow]) -> Self {
        let heads = [
            "strategy",
            "seed",
            "round",
            "AP",
            "AP50",
            "AP75",
            "ap_shift",
            "images opened",
            "human boxes",
            "model accepted",
            "model rejected",
            "SL",
            "AL",
            "labelled",
            "unlabelled",
            "asked again",
            "seconds",
        ];
        let cells = |row: &RoundRow| {
            vec![
                row.strategy.clone(),
                row.seed.to_string(),
                row.round.to_string(),
                figure(row.ap, 3),
                figure(row.ap50, 3),
                figure(row.ap75, 3),
                figure(row.ap_shift, 4),
                row.images_opened.to_string(),
                row.human_boxes.to_string(),
                row.model_boxes_accepted.to_string(),
                row.model_boxes_rejected.to_string(),
                figure(row.sl_ratio, 2),
                figure(row.al_ratio, 2),
                row.labelled.to_string(),
                row.unlabelled.to_string(),
                row.requeued.to_string(),
                figure(row.seconds, 1),
            ]
        };
        Self {
            heads: heads.map(str::to_owned).to_vec(),
            rows: rows.iter().map(cells).collect(),
        }
    }

    /// The summary as people read it.
    #[must_use]
    pub fn of_summary(rows: &[SummaryRow]) -> Self {
        let heads = [
            "strategy",
            "seeds",
            "rounds",
            "initial AP50",
            "final AP50",
            "± over seeds",
            "final AP",
            "images opened",
            "human boxes",
            "model accepted",
            "model rejected",
            "annotation hours",
            "skipped images",
            "skipped boxes",
            "computing seconds",
        ];
        let cells = |row: &SummaryRow| {
            vec![
                row.strategy.clone(),
                row.seeds.to_string(),
                figure(Some(row.rounds), 1),
                figure(row.initial_ap50, 3),
                figure(row.final_ap50, 3),
                figure(row.final_ap50_deviation, 3),
                figure(row.final_ap, 3),
                figure(Some(row.images_opened), 0),
                figure(Some(row.human_boxes), 0),
                figure(Some(row.model_boxes_accepted), 0),
                figure(Some(row.model_boxes_rejected), 0),
                figure(Some(row.annotation_hours), 2),
                figure(Some(row.skipped_images), 0),
                figure(Some(row.skipped_boxes), 0),
                figure(row.seconds, 0),
            ]
        };
        Self {
            heads: heads.map(str::to_owned).to_vec(),
            rows: rows.iter().map(cells).collect(),
        }
    }

    /// Strategies by area.
    #[must_use]
    pub fn of_standings(comparison: &AxisComparison) -> Self {
        let axis = comparison.axis;
        let of = if comparison.has_full { "full" } else { "best" };
        let mut heads = [
            "rank",
            "strategy",
            "seeds",
            "mean AP50 (area)",
            "95 % by t",
            "95 % by bootstrap",
            "last AP50",
            "± 95 %",
        ]
        .map(str::to_owned)
        .to_vec();
        heads.extend(
            SHARES
                .iter()
                .map(|share| format!("{} to {:.0} % of {of}", axis.key(), share * 100.0)),
        );
        heads.push(format!("{} in all", axis.key()));
        let mut rank = 0;
        let mut cells = |standing: &Standing| {
            rank += usize::from(standing.area.is_some());
            let interval = |interval: Option<crate::statistics::Interval>| {
                interval.map_or_else(none, |interval| format!("{:.3} to {:.3}", interval.low, interval.high))
            };
            let half = standing.last.and_then(|last| Some(last.interval?.high - last.mean));
            let mut cells = vec![
                standing.area.map_or_else(none, |_| rank.to_string()),
                standing.strategy.clone(),
                standing.seeds.to_string(),
                figure(standing.area.map(|area| area.mean), 3),
                interval(standing.area.and_then(|area| area.interval)),
                interval(standing.bootstrap),
                figure(standing.last.map(|last| last.mean), 3),
                figure(half, 3),
            ];
            let full = standing.role == Role::Full;
            cells.extend(
                standing
                    .reach
                    .iter()
                    .map(|reach| match (full, reach.mean(), reach.costs.len()) {
                        (true, ..) | (_, _, 0) => none(),
                        (
                            _,
                            Some(Mean {
                                mean,
                                interval: Some(interval),
                                ..
                            }),
                            _,
                        ) => {
                            format!("{} ± {}", axis.figure(mean), axis.figure(interval.high - mean))
                        }
                        (_, Some(cost), _) => axis.figure(cost.mean),
                        (_, None, reached) => format!("{reached} of {} seeds", reach.of),
                    }),
            );
            cells.push(standing.cost.map_or_else(none, |cost| axis.figure(cost.mean)));
            cells
        };
        Self {
            rows: comparison.standings.iter().map(&mut cells).collect(),
            heads,
        }
    }

    /// Every two strategies, tested.
    #[must_use]
    pub fn of_duels(comparison: &AxisComparison) -> Self {
        let heads = [
            "larger",
            "smaller",
            "pairs",
            "difference",
            "95 % by t",
            "95 % by bootstrap",
            "t test p",
            "t test p with Holm",
            "Wilcoxon p",
            "Wilcoxon p with Holm",
        ];
        let cells = |duel: &Duel| {
            let interval = |interval: Option<crate::statistics::Interval>| {
                interval.map_or_else(none, |interval| format!("{:.3} to {:.3}", interval.low, interval.high))
            };
            let p = |test: Option<[f64; 2]>, at: usize| test.map_or_else(none, |p| probability(p[at]));
            vec![
                duel.first.clone(),
                duel.second.clone(),
                duel.difference.n.to_string(),
                format!("{:.4}", duel.difference.mean),
                interval(duel.difference.interval),
                interval(duel.bootstrap),
                p(duel.t, 0),
                p(duel.t, 1),
                p(duel.wilcoxon, 0),
                p(duel.wilcoxon, 1),
            ]
        };
        Self {
            heads: heads.map(str::to_owned).to_vec(),
            rows: comparison.duels.iter().map(cells).collect(),
        }
    }

    /// The penalty matrix: rows win, columns lose, their mean last.
    #[must_use]
    pub fn of_penalties((names, matrix): &(Vec<String>, Vec<Vec<f64>>)) -> Self {
        let mut heads = vec!["beats, by share of checkpoints".to_owned()];
        heads.extend(names.iter().cloned());
        let row = |(name, row): (&String, &Vec<f64>)| {
            let cells = row.iter().map(|share| format!("{share:.2}"));
            std::iter::once(name.clone()).chain(cells).collect()
        };
        let mut rows: Vec<Vec<String>> = names.iter().zip(matrix).map(row).collect();
        let column = |at: usize| mean(&matrix.iter().map(|row| row[at]).collect::<Vec<_>>());
        let means = (0..names.len()).map(|at| figure(column(at), 3));
        rows.push(
            std::iter::once("mean penalty (less is better)".to_owned())
                .chain(means)
                .collect(),
        );
        Self { heads, rows }
    }

    /// Mean ranks over datasets.
    #[must_use]
    pub fn of_ranks(ranks: &Ranks) -> Self {
        let mut rows: Vec<(f64, Vec<String>)> = ranks
            .strategies
            .iter()
            .zip(&ranks.ranks)
            .map(|(name, rank)| (*rank, vec![name.clone(), format!("{rank:.2}")]))
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            heads: vec![
                "strategy".to_owned(),
                format!("mean rank over {} datasets", ranks.friedman.datasets),
            ],
            rows: rows.into_iter().map(|(_, row)| row).collect(),
        }
    }

    /// The cost to reach a target, by strategy and value of a param.
    #[must_use]
    pub fn of_heat_map(map: &HeatMap) -> Self {
        let mut heads = vec!["strategy".to_owned()];
        heads.extend(map.columns.iter().map(|value| format!("{} {value}", map.param)));
        let cell = |cost: &Option<f64>| cost.map_or_else(none, |cost| map.axis.figure(cost));
        let row = |(name, cells): &(String, Vec<Option<f64>>)| {
            std::iter::once(name.clone()).chain(cells.iter().map(cell)).collect()
        };
        Self {
            heads,
            rows: map.rows.iter().map(row).collect(),
        }
    }

    /// How scores without ground truth order batches: Spearman's coefficient with the oracle's score, its mean over batches.
    #[must_use]
    pub fn of_deploy_scores(trials: &[Trial]) -> Self {
        let figures = |trial: &Trial, key: &str| -> Vec<f64> {
            let turns = trial.rounds.iter();
            turns.filter_map(|turn| turn.figures.get(key).copied()).collect()
        };
        let mut keys: Vec<&str> = Vec::new();
        for key in trials
            .iter()
            .flat_map(|trial| &trial.rounds)
            .flat_map(|turn| turn.figures.keys())
        {
            if key.starts_with(RANK_OF) && !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        let mut heads = vec!["strategy".to_owned(), "batches".to_owned()];
        heads.extend(keys.iter().map(|key| key[RANK_OF.len()..].to_owned()));
        let row = |name: &str| {
            let of = |key: &str| -> Vec<f64> {
                let own = trials.iter().filter(|trial| trial.strategy == name);
                own.flat_map(|trial| figures(trial, key)).collect()
            };
            let values: Vec<Vec<f64>> = keys.iter().map(|key| of(key)).collect();
            let batches = values.iter().map(Vec::len).max().filter(|batches| *batches > 0)?;
            let means = values.iter().map(|values| figure(mean(values), 2));
            Some(
                [name.to_owned(), batches.to_string()]
                    .into_iter()
                    .chain(means)
                    .collect(),
            )
        };
        Self {
            rows: strategies(trials).into_iter().filter_map(row).collect(),
            heads,
        }
    }

    /// Figures whose names begin with a prefix, after the last round that has them: a row a strategy, a column each, means over seeds.
    #[must_use]
    pub fn of_last_figures(trials: &[Trial], prefix: &str) -> Self {
        let mut keys: Vec<&str> = Vec::new();
        for key in trials
            .iter()
            .flat_map(|trial| &trial.rounds)
            .flat_map(|turn| turn.figures.keys())
        {
            if key.starts_with(prefix) && !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        let mut heads = vec!["strategy".to_owned()];
        heads.extend(keys.iter().map(|key| key[prefix.len()..].to_owned()));
        let row = |name: &str| {
            let own = || trials.iter().filter(|trial| trial.strategy == name);
            let cells = keys
                .iter()
                .map(|key| figure(mean(&own().filter_map(|trial| trial.last(key)).collect::<Vec<_>>()), 3));
            std::iter::once(name.to_owned()).chain(cells).collect()
        };
        let rows = if keys.is_empty() {
            Vec::new()
        } else {
            strategies(trials).into_iter().map(row).collect()
        };
        Self { heads, rows }
    }
}

fn none() -> String {
    "–".to_owned()
}

/// `0.031`; never 0.
fn probability(p: f64) -> String {
    if p < 0.0005 {
        "<0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// A number with so many decimals; nothing for none.
fn figure(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn deploy_scores_are_averaged_over_the_batches_that_have_them() {
        let trial = |strategy: &str, seed, ranks: &[(u32, f64)]| {
            let round = |(round, rank): &(u32, f64)| (*round, BTreeMap::from([("rank_weakest".to_owned(), *rank)]));
            Trial::of_figures(strategy, strategy, seed, ranks.iter().map(round).collect())
        };
        let grid = Grid::of_deploy_scores(&[
            trial("v1", 0, &[(1, 0.5), (2, -0.25)]),
            trial("v1", 1, &[(1, 0.5)]),
            trial("random", 0, &[]),
        ]);
        assert_eq!(grid.heads, ["strategy", "batches", "weakest"]);
        assert_eq!(grid.rows, [["v1", "3", "0.25"]]);
    }
}
