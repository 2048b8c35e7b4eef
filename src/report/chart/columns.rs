//! Charts of figures that several columns of the table of rounds give: of one strategy a curve a column, of several strategies a panel a
//! column.

use super::part::Part;
use super::strategies::{Chart, points};
use super::{ChartError, Drawing, LineChart, PanelsChart, Series};
use crate::report::RoundRow;

/// Where a row lies in a chart, if it does.
type Place = fn(&RoundRow) -> Option<(f64, f64)>;

/// How well scores without ground truth order the batch, by score.
const RANKS: [(&str, Place); 4] = [
    ("certain_sum", |row| Some((f64::from(row.round), row.rank_certain_sum?))),
    ("certain_share", |row| {
        Some((f64::from(row.round), row.rank_certain_share?))
    }),
    ("mean_score", |row| Some((f64::from(row.round), row.rank_mean_score?))),
    ("weakest", |row| Some((f64::from(row.round), row.rank_weakest?))),
];

/// AP50 on the growing evaluation set, and on the test images beside it.
const GROWING: [(&str, Place); 2] = [
    ("growing set", |row| Some((f64::from(row.round), row.growing_ap50?))),
    ("test images", |row| {
        Some((f64::from(row.round), row.ap50.filter(|_| row.growing_ap50.is_some())?))
    }),
];

/// The charts for which there are figures.
///
/// # Errors
/// When the drawing library fails.
pub(super) fn column_charts(part: &Part) -> Result<Vec<Chart>, ChartError> {
    let mut charts = Vec::new();
    charts.extend(chart(
        part,
        "deploy_score_ranks",
        ("How well scores without ground truth rank the batch", "Spearman's rho"),
        "Rank correlation of the scores that need no ground truth with the oracle's SL score, within each batch: 1 is the same order, 0 none.",
        (&RANKS, (-1.0, 1.0)),
    )?);
    charts.extend(chart(
        part,
        "growing_ap50",
        ("AP50 on the evaluation set that grows", "AP50"),
        "The growing set is another one each round: it holds what the strategy's rounds opened and did not train on.",
        (&GROWING, (0.0, 1.0)),
    )?);
    Ok(charts)
}

fn chart(
    part: &Part,
    name: &str,
    (title, y_label): (&str, &str),
    caption: &str,
    (columns, limits): (&[(&str, Place)], (f64, f64)),
) -> Result<Option<Chart>, ChartError> {
    let curve = |name: &str, strategy: &str, place: Place| Series {
        name: name.to_owned(),
        points: points(&part.rows, strategy, place),
    };
    let picture = if let [only] = &part.strategies[..] {
        let series = columns.iter().map(|&(column, place)| curve(column, only, place));
        let series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
        let chart = LineChart {
            title: part.title(title),
            x_label: "round".to_owned(),
            y_label: y_label.to_owned(),
            whole_x: true,
            limits,
            series,
            levels: Vec::new(),
        };
        (!chart.series.is_empty()).then(|| chart.picture())
    } else {
        // A strategy without figures keeps its colour for the other charts.
        let panel = |&(column, place): &(&str, Place)| {
            let series = part.strategies.iter().map(|strategy| curve(strategy, strategy, place));
            (column.to_owned(), series.collect::<Vec<_>>())
        };
        let mut panels: Vec<(String, Vec<Series>)> = columns.iter().map(panel).collect();
        panels.retain(|(_, series)| series.iter().any(|series| !series.points.is_empty()));
        let chart = PanelsChart {
            title: part.title(title),
            x_label: "round".to_owned(),
            y_label: y_label.to_owned(),
            limits,
            panels,
        };
        (!chart.panels.is_empty()).then(|| chart.picture())
    };
    let chart = |picture| Chart {
        name: part.name(name),
        caption: part.caption(caption),
        picture,
    };
    Ok(picture.transpose()?.map(chart))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, round: u32, rank: Option<f64>, growing: Option<f64>) -> RoundRow {
        RoundRow {
            strategy: strategy.to_owned(),
            round,
            ap50: Some(0.5),
            rank_certain_sum: rank,
            rank_weakest: rank,
            growing_ap50: growing,
            ..RoundRow::default()
        }
    }

    fn drawn(rows: &[RoundRow]) -> Vec<Chart> {
        column_charts(&Part::all(rows)[0]).unwrap()
    }

    fn names(rows: &[RoundRow]) -> Vec<String> {
        drawn(rows).into_iter().map(|chart| chart.name).collect()
    }

    #[test]
    fn a_chart_is_drawn_where_there_are_figures() {
        assert!(names(&[row("a", 0, None, None), row("a", 1, None, None)]).is_empty());
        assert_eq!(names(&[row("a", 1, Some(0.5), None)]), ["deploy_score_ranks"]);
        assert_eq!(
            names(&[row("a", 1, None, Some(0.5)), row("b", 1, None, None)]),
            ["growing_ap50"]
        );
    }

    #[test]
    fn one_strategy_has_a_curve_a_column_and_several_a_panel_a_column() {
        let one = drawn(&[row("a", 1, Some(0.5), None), row("a", 2, Some(0.25), None)]);
        assert!(one[0].picture.svg.contains("weakest"));
        let two = drawn(&[row("first", 1, Some(0.5), None), row("second", 1, Some(0.25), None)]);
        for word in ["first", "second", "certain_sum", "weakest"] {
            assert_eq!(two[0].picture.svg.matches(word).count(), 1, "{word}");
        }
        assert!(
            !two[0].picture.svg.contains("mean_score"),
            "a score without figures has no panel"
        );
    }
}
