//! The charts of what only a comparison has: the cost to reach a target over a grid, and ranks over datasets.

use super::{Chart, ChartError, HeatChart, RanksChart};
use crate::report::Trial;
use crate::report::comparison::{Comparison, HeatMap};

/// Draws the heat maps of an experiment that varies a param, and the critical-difference diagram of one on several datasets.
///
/// # Errors
/// When the drawing library fails.
pub fn comparison_charts(trials: &[Trial]) -> Result<Vec<Chart>, ChartError> {
    let comparison = Comparison::of(trials);
    let mut charts = Vec::new();
    for map in HeatMap::of(trials, &comparison) {
        let cell = |cost: &Option<f64>| cost.map(|cost| (cost, map.axis.figure(cost)));
        let row = |(name, cells): &(String, Vec<Option<f64>>)| (name.clone(), cells.iter().map(cell).collect());
        let chart = HeatChart {
            title: map.title(),
            param: map.param.clone(),
            columns: map.columns.clone(),
            rows: map.rows.iter().map(row).collect(),
        };
        charts.push(Chart {
            name: format!("cost_by_{}", file_name(&map.param)),
            caption: format!(
                "{}. The darker, the cheaper; – where not every seed reaches it.",
                map.title()
            ),
            picture: chart.picture()?,
        });
    }
    if let Some(ranks) = &comparison.ranks {
        let title = format!("Mean ranks over {} datasets", ranks.friedman.datasets);
        let chart = RanksChart {
            title: title.clone(),
            ranks: ranks
                .strategies
                .iter()
                .cloned()
                .zip(ranks.ranks.iter().copied())
                .collect(),
            critical_difference: ranks.critical_difference,
        };
        charts.push(Chart {
            name: "critical_difference".to_owned(),
            caption: format!("{title}, by area. Strategies under one bar do not differ by Nemenyi's test at 0.05."),
            picture: chart.picture()?,
        });
    }
    Ok(charts)
}

/// A param's path as part of a file's name.
fn file_name(param: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    param.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::trial;
    use std::collections::BTreeMap;

    fn names(trials: &[Trial]) -> Vec<String> {
        let charts = comparison_charts(trials).unwrap();
        charts.into_iter().map(|chart| chart.name).collect()
    }

    #[test]
    fn several_datasets_have_a_diagram_of_their_ranks() {
        let mut trials = Vec::new();
        for (at, setting) in ["bccd", "neu", "voc"].into_iter().enumerate() {
            for (place, name) in ["topk_v3", "random", "entropy", "core_set", "v1_plus"]
                .into_iter()
                .enumerate()
            {
                let value = 0.6 - 0.05 * ((place + at * place % 3) as f64) - 0.1 * at as f64;
                let trial = trial(name, 0, 1.0, &[0.1, value]);
                let setting = setting.to_owned();
                trials.push(Trial { setting, ..trial });
            }
        }
        assert_eq!(names(&trials), ["critical_difference"]);
        assert!(names(&trials[..5]).is_empty());
    }

    #[test]
    fn a_grid_has_a_heat_map_for_each_param() {
        let mut trials = Vec::new();
        for (place, family) in ["topk_v3", "random", "v1"].into_iter().enumerate() {
            for (column, initial) in ["20", "50", "100"].into_iter().enumerate() {
                let step = 1.0 + place as f64 + column as f64;
                let last = if (place, column) == (2, 0) { 0.3 } else { 0.5 };
                let trial = trial(family, 0, step, &[0.1, last]);
                trials.push(Trial {
                    strategy: format!("{family}-initial={initial}"),
                    family: family.to_owned(),
                    varied: BTreeMap::from([("split.initial".to_owned(), initial.to_owned())]),
                    ..trial
                });
            }
        }
        assert_eq!(names(&trials), ["cost_by_split_initial"]);
    }
}
