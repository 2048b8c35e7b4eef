//! All charts of a comparison: those of each dataset, and what is over datasets once.

use super::compared::{heat_chart, ranks_chart};
use super::part::Part;
use super::strategies::strategy_charts;
use super::{Chart, ChartError};
use crate::report::comparison::{Comparison, HeatMap};
use crate::report::{RoundRow, Trial};

/// Draws all charts of a table of rounds, given as rows and as trials: curves and, where an experiment varies a param, heat maps, on
/// each dataset by itself; then the critical-difference diagram, if there are several.
///
/// # Errors
/// When the drawing library fails.
pub fn comparison_charts(rows: &[RoundRow], trials: &[Trial]) -> Result<Vec<Chart>, ChartError> {
    let comparison = Comparison::of(trials);
    let mut charts = Vec::new();
    let parts = Part::all(rows);
    let is_only = parts.len() == 1;
    for part in parts {
        charts.extend(strategy_charts(&part)?);
        let here = |setting: &str| is_only || setting == part.setting;
        let own: Vec<Trial> = trials.iter().filter(|trial| here(&trial.setting)).cloned().collect();
        let settings = comparison.settings.iter().filter(|setting| here(&setting.name));
        let own_comparison = Comparison {
            settings: settings.cloned().collect(),
            ranks: None,
        };
        for map in HeatMap::of(&own, &own_comparison) {
            charts.push(heat_chart(&part, &map)?);
        }
    }
    charts.extend(comparison.ranks.as_ref().map(ranks_chart).transpose()?);
    Ok(charts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVES: usize = 7;

    /// Two rounds, the second of which reaches a value.
    fn rounds(strategy: &str, varied: &[(&str, &str)], last: f64, step: f64) -> Vec<RoundRow> {
        let row = |(round, ap50): (u32, f64)| RoundRow {
            strategy: strategy.to_owned(),
            varied: varied
                .iter()
                .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
                .collect(),
            round,
            ap50: Some(ap50),
            annotation_seconds: 3600.0 * step,
            ..RoundRow::default()
        };
        [(0, 0.1), (1, last)].map(row).to_vec()
    }

    fn charts(rows: &[RoundRow]) -> Vec<Chart> {
        let trials = Trial::of_table(&RoundRow::to_table(rows).unwrap()).unwrap();
        comparison_charts(rows, &trials).unwrap()
    }

    #[test]
    fn each_dataset_has_pictures_of_its_own_and_their_ranks_one() {
        let mut rows = Vec::new();
        for (at, dataset) in ["bccd", "neu", "voc"].into_iter().enumerate() {
            for (place, name) in ["topk_v3", "random", "entropy", "core_set", "v1_plus"]
                .into_iter()
                .enumerate()
            {
                let value = 0.6 - 0.05 * ((place + at * place % 3) as f64) - 0.1 * at as f64;
                rows.extend(rounds(name, &[("dataset", dataset)], value, 1.0));
            }
        }
        let found = charts(&rows);
        assert_eq!(found.len(), 3 * CURVES + 1);
        for dataset in ["bccd", "neu", "voc"] {
            let own = found
                .iter()
                .find(|chart| chart.name == format!("ap50_over_hours_{dataset}"))
                .unwrap();
            let title = format!("{dataset}: AP50 on the test images over annotation time");
            assert!(own.picture.svg.contains(&title) && own.caption.starts_with(&format!("On {dataset}: ")));
            // A curve a strategy, not one for each dataset.
            assert_eq!(own.picture.svg.matches("\nrandom\n").count(), 1);
        }
        assert_eq!(found.last().unwrap().name, "critical_difference");
        let names = |rows: &[RoundRow]| charts(rows).into_iter().map(|chart| chart.name).collect::<Vec<_>>();
        let alone = names(&rows[..10]);
        assert_eq!((alone.len(), alone[0].as_str()), (CURVES, "ap50_over_rounds"));
    }

    #[test]
    fn a_strategy_has_one_colour_on_all_datasets() {
        let mut rows = rounds("first", &[("dataset", "x")], 0.5, 1.0);
        rows.extend(rounds("second", &[("dataset", "x")], 0.4, 1.0));
        rows.extend(rounds("second", &[("dataset", "y")], 0.4, 1.0));
        rows.extend(rounds("third", &[("dataset", "y")], 0.6, 1.0));
        let found = charts(&rows);
        let on_y = found.iter().find(|chart| chart.name == "ap50_over_hours_y").unwrap();
        assert!(on_y.picture.svg.contains("#D55E00") && !on_y.picture.svg.contains("#0072B2"));
    }

    #[test]
    fn a_grid_has_a_heat_map_for_each_param_on_each_dataset() {
        let grid = |datasets: &[&str]| {
            let mut rows = Vec::new();
            for dataset in datasets {
                for (place, family) in ["topk_v3", "random", "v1"].into_iter().enumerate() {
                    for (column, initial) in ["20", "50", "100"].into_iter().enumerate() {
                        let step = 1.0 + place as f64 + column as f64;
                        let last = if (place, column) == (2, 0) { 0.3 } else { 0.5 };
                        let varied = [("dataset", *dataset), ("split.initial", initial)];
                        let name = format!("{family}-dataset={dataset},initial={initial}");
                        rows.extend(rounds(&name, &varied, last, step));
                    }
                }
            }
            let names = charts(&rows).into_iter().map(|chart| chart.name);
            names.filter(|name| name.starts_with("cost")).collect::<Vec<_>>()
        };
        assert_eq!(grid(&["x"]), ["cost_by_split_initial"]);
        assert_eq!(
            grid(&["x", "y"]),
            ["cost_by_split_initial_x", "cost_by_split_initial_y"]
        );
    }
}
