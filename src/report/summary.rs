//! The table of strategies: a row for each, over its seeds.

use std::collections::BTreeMap;

use super::{RoundRow, varied};
use crate::statistics::{deviation, mean};
use crate::table::{Table, TableError};

/// One strategy over all its seeds. Means are over seeds, deviations are of the sample (n - 1).
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The strategy.
    pub strategy: String,
    /// The params that a matrix varies, by path, as text.
    pub varied: BTreeMap<String, String>,
    /// How many seeds.
    pub seeds: u32,
    /// Rounds that happened, mean.
    pub rounds: f64,
    /// AP50 of the initial model, mean.
    pub initial_ap50: Option<f64>,
    /// AP50 after the last round, mean.
    pub final_ap50: Option<f64>,
    /// Its deviation; none for a single seed.
    pub final_ap50_deviation: Option<f64>,
    /// AP after the last round, mean.
    pub final_ap: Option<f64>,
    /// Images opened in all rounds, mean.
    pub images_opened: f64,
    /// Boxes drawn in all rounds, mean.
    pub human_boxes: f64,
    /// Boxes of the model accepted in all rounds, mean.
    pub model_boxes_accepted: f64,
    /// Boxes of the model rejected in all rounds, mean.
    pub model_boxes_rejected: f64,
    /// Annotator's hours by the cost model, mean.
    pub annotation_hours: f64,
    /// Faulty images left out, mean.
    pub skipped_images: f64,
    /// Faulty boxes left out, mean.
    pub skipped_boxes: f64,
    /// Computing time, mean; none where it is not known.
    pub seconds: Option<f64>,
}

/// Sums the rounds up, a row a strategy, in the order in which strategies first appear.
#[must_use]
pub fn summarise(rows: &[RoundRow]) -> Vec<SummaryRow> {
    let mut order: Vec<&str> = Vec::new();
    let mut runs: BTreeMap<(&str, i64), Vec<&RoundRow>> = BTreeMap::new();
    for row in rows {
        if !order.contains(&row.strategy.as_str()) {
            order.push(&row.strategy);
        }
        runs.entry((&row.strategy, row.seed)).or_default().push(row);
    }
    for run in runs.values_mut() {
        run.sort_by_key(|row| row.round);
    }
    let of_strategy = |strategy: &str| {
        let seeds: Vec<&Vec<&RoundRow>> = runs
            .iter()
            .filter(|((name, _), _)| *name == strategy)
            .map(|(_, run)| run)
            .collect();
        strategy_row(strategy, &seeds)
    };
    order.into_iter().map(of_strategy).collect()
}

fn strategy_row(strategy: &str, seeds: &[&Vec<&RoundRow>]) -> SummaryRow {
    let first =
        |get: fn(&RoundRow) -> Option<f64>| seeds.iter().filter_map(|run| get(run.first()?)).collect::<Vec<_>>();
    let last = |get: fn(&RoundRow) -> Option<f64>| seeds.iter().filter_map(|run| get(run.last()?)).collect::<Vec<_>>();
    let sum = |get: fn(&RoundRow) -> f64| {
        let sums: Vec<f64> = seeds.iter().map(|run| run.iter().map(|row| get(row)).sum()).collect();
        mean(&sums).unwrap_or(0.0)
    };
    let seconds: Option<Vec<f64>> = seeds
        .iter()
        .map(|run| run.iter().map(|row| row.seconds).sum())
        .collect();
    let finals = last(|row| row.ap50);
    SummaryRow {
        strategy: strategy.to_owned(),
        varied: seeds
            .first()
            .and_then(|run| run.first())
            .map(|row| row.varied.clone())
            .unwrap_or_default(),
        seeds: seeds.len() as u32,
        rounds: mean(&last(|row| Some(f64::from(row.round)))).unwrap_or(0.0),
        initial_ap50: mean(&first(|row| row.ap50)),
        final_ap50: mean(&finals),
        final_ap50_deviation: deviation(&finals),
        final_ap: mean(&last(|row| row.ap)),
        images_opened: sum(|row| f64::from(row.images_opened)),
        human_boxes: sum(|row| f64::from(row.human_boxes)),
        model_boxes_accepted: sum(|row| f64::from(row.model_boxes_accepted)),
        model_boxes_rejected: sum(|row| f64::from(row.model_boxes_rejected)),
        annotation_hours: sum(|row| row.annotation_seconds) / 3600.0,
        skipped_images: sum(|row| f64::from(row.skipped_images)),
        skipped_boxes: sum(|row| f64::from(row.skipped_boxes)),
        seconds: seconds.and_then(|values| mean(&values)),
    }
}

impl SummaryRow {
    /// The rows as a table, one column a field.
    ///
    /// # Errors
    /// Never for rows: all columns have the same length. The type is that of the table's builder.
    pub fn to_table(rows: &[Self]) -> Result<Table, TableError> {
        let of = |get: fn(&Self) -> Option<f64>| rows.iter().map(get).collect::<Vec<_>>();
        let strategies = Table::builder().text("strategy", rows.iter().map(|row| &row.strategy));
        varied::to_columns(strategies, &rows.iter().map(|row| &row.varied).collect::<Vec<_>>())
            .counts("seeds", rows.iter().map(|row| row.seeds))
            .numbers("rounds", rows.iter().map(|row| row.rounds))
            .optional_numbers("initial_ap50", of(|row| row.initial_ap50))
            .optional_numbers("final_ap50", of(|row| row.final_ap50))
            .optional_numbers("final_ap50_deviation", of(|row| row.final_ap50_deviation))
            .optional_numbers("final_ap", of(|row| row.final_ap))
            .numbers("images_opened", rows.iter().map(|row| row.images_opened))
            .numbers("human_boxes", rows.iter().map(|row| row.human_boxes))
            .numbers("model_boxes_accepted", rows.iter().map(|row| row.model_boxes_accepted))
            .numbers("model_boxes_rejected", rows.iter().map(|row| row.model_boxes_rejected))
            .numbers("annotation_hours", rows.iter().map(|row| row.annotation_hours))
            .numbers("skipped_images", rows.iter().map(|row| row.skipped_images))
            .numbers("skipped_boxes", rows.iter().map(|row| row.skipped_boxes))
            .optional_numbers("seconds", of(|row| row.seconds))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, seed: i64, round: u32, ap50: f64, human_boxes: u32) -> RoundRow {
        RoundRow {
            strategy: strategy.to_owned(),
            seed,
            round,
            ap50: Some(ap50),
            human_boxes,
            ..RoundRow::default()
        }
    }

    #[test]
    fn a_strategy_is_summed_over_rounds_and_averaged_over_seeds() {
        let rows = [
            row("b", 0, 0, 0.4, 10),
            row("b", 0, 1, 0.6, 5),
            row("b", 1, 0, 0.5, 20),
            row("b", 1, 1, 0.8, 5),
            row("a", 0, 0, 0.1, 1),
        ];
        let summary = summarise(&rows);
        assert_eq!(
            summary.iter().map(|row| row.strategy.as_str()).collect::<Vec<_>>(),
            ["b", "a"]
        );
        let b = &summary[0];
        assert_eq!((b.seeds, b.rounds, b.human_boxes), (2, 1.0, 20.0));
        assert!((b.initial_ap50.unwrap() - 0.45).abs() < 1e-12 && (b.final_ap50.unwrap() - 0.7).abs() < 1e-12);
        assert!((b.final_ap50_deviation.unwrap() - 0.02_f64.sqrt()).abs() < 1e-12);
        assert_eq!(summary[1].final_ap50_deviation, None);
        assert_eq!(b.seconds, None);
    }
}
