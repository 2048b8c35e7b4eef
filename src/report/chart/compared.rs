//! The charts of what only a comparison has: the cost to reach a target over a grid, and ranks over datasets.

use super::diagram::Diagram;
use super::part::{Part, file_name};
use super::{Chart, ChartError, Drawing, HeatChart, RanksChart};
use crate::report::comparison::{HeatMap, Ranks};

/// The heat map of a param that an experiment varies.
///
/// # Errors
/// When the drawing library fails.
pub(super) fn heat_chart(part: &Part, map: &HeatMap) -> Result<Chart, ChartError> {
    let cell = |cost: &Option<f64>| cost.map(|cost| (cost, map.axis.figure(cost)));
    let row = |(name, cells): &(String, Vec<Option<f64>>)| (name.clone(), cells.iter().map(cell).collect());
    let chart = HeatChart {
        title: part.title(&map.title()),
        param: map.param.clone(),
        columns: map.columns.clone(),
        rows: map.rows.iter().map(row).collect(),
    };
    Ok(Chart {
        name: part.name(&format!("cost_by_{}", file_name(&map.param))),
        caption: part.caption(&format!(
            "{}. The darker, the cheaper; – where not every seed reaches it.",
            map.title()
        )),
        picture: chart.picture()?,
    })
}

/// The critical-difference diagram.
///
/// # Errors
/// When the drawing library fails.
pub(super) fn ranks_chart(ranks: &Ranks) -> Result<Chart, ChartError> {
    let title = format!("Mean ranks over {} datasets", ranks.friedman.datasets);
    let chart = RanksChart {
        title: title.clone(),
        diagram: Diagram::of(&ranks.named(), ranks.critical_difference),
    };
    Ok(Chart {
        name: "critical_difference".to_owned(),
        caption: format!("{title}, by area. Strategies under one bar do not differ by Nemenyi's test at 0.05."),
        picture: chart.picture()?,
    })
}
