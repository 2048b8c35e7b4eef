//! The charts of the strategies on one dataset, from the table of rounds.

use std::collections::BTreeMap;

use super::part::Part;
use super::{BarSegment, ChartError, Drawing, LineChart, Picture, Point, Series, StackedBars};
use crate::report::RoundRow;
use crate::report::trials::Role;
use crate::statistics::{Mean, mean};

/// A chart with the name of its file.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The file's stem.
    pub name: String,
    /// What it shows, in a sentence.
    pub caption: String,
    /// The chart.
    pub picture: Picture,
}

type Measure = fn(&RoundRow) -> Option<f64>;

/// Draws all charts of these rounds. One strategy's shares and pools are bars; several strategies' are curves.
///
/// # Errors
/// When the drawing library fails.
pub(super) fn strategy_charts(part: &Part) -> Result<Vec<Chart>, ChartError> {
    let mut charts = vec![
        line(
            part,
            "ap50_over_rounds",
            "AP50 on the test images over rounds",
            ("round", "AP50", true),
            |row| Some((f64::from(row.round), row.ap50?)),
        )?,
        line(
            part,
            "ap50_over_human_boxes",
            "AP50 on the test images over boxes drawn",
            ("boxes drawn by the annotator, in all", "AP50", false),
            |row| Some((f64::from(row.total_human_boxes), row.ap50?)),
        )?,
        line(
            part,
            "ap50_over_hours",
            "AP50 on the test images over annotation time",
            ("hours of annotation, in all", "AP50", false),
            |row| Some((row.total_annotation_seconds / 3600.0, row.ap50?)),
        )?,
        line(
            part,
            "ap50_over_images",
            "AP50 on the test images over images opened",
            ("images opened, in all", "AP50", false),
            |row| Some((f64::from(row.total_images_opened), row.ap50?)),
        )?,
        line(
            part,
            "pseudo_label_precision",
            "Accepted share of the model's boxes that the annotator was shown",
            ("round", "precision", true),
            |row| {
                let (accepted, rejected) = (f64::from(row.model_boxes_accepted), f64::from(row.model_boxes_rejected));
                let share = accepted / (accepted + rejected);
                share.is_finite().then_some((f64::from(row.round), share))
            },
        )?,
    ];
    if let [only] = &part.strategies[..] {
        charts.push(shares(part, only)?);
        charts.push(pools(part, only)?);
    } else {
        charts.push(line(
            part,
            "sl_share_by_round",
            "Boxes taken from the model (SL share)",
            ("round", "share of SA boxes", true),
            |row| Some((f64::from(row.round), row.sl_ratio?)),
        )?);
        charts.push(line(
            part,
            "pool_sizes",
            "Labelled pool after each round",
            ("round", "images", true),
            |row| Some((f64::from(row.round), f64::from(row.labelled))),
        )?);
    }
    charts.extend(super::columns::column_charts(part)?);
    Ok(charts)
}

fn line(
    part: &Part,
    name: &str,
    title: &str,
    (x_label, y_label, whole_x): (&str, &str, bool),
    place: fn(&RoundRow) -> Option<(f64, f64)>,
) -> Result<Chart, ChartError> {
    let series = part.strategies.iter().map(|strategy| Series {
        name: strategy.clone(),
        points: points(&part.rows, strategy, place),
    });
    // What full supervision costs would crowd all others into a corner.
    let is_full = |strategy: &str| Role::of(strategy) == Role::Full;
    let present = part.present();
    let full = part.strategies.iter().enumerate();
    let full = full.filter(|(_, strategy)| is_full(strategy) && present.contains(&strategy.as_str()));
    let levels: Vec<usize> = match y_label == "AP50" && !present.iter().copied().all(is_full) {
        true => full.map(|(place, _)| place).collect(),
        false => Vec::new(),
    };
    let dashed = if levels.is_empty() {
        ""
    } else {
        " Dashed: full supervision, after its last round."
    };
    let chart = LineChart {
        title: part.title(title),
        x_label: x_label.to_owned(),
        y_label: y_label.to_owned(),
        whole_x,
        limits: if y_label == "images" {
            (0.0, f64::INFINITY)
        } else {
            (0.0, 1.0)
        },
        series: series.collect(),
        levels,
    };
    let seeds = part
        .rows
        .iter()
        .map(|row| row.seed)
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    let over = if seeds > 1 {
        format!(" Mean of {seeds} seeds; the band is the 95 % interval of the mean.")
    } else {
        " One seed: no error bars.".to_owned()
    };
    Ok(Chart {
        name: part.name(name),
        caption: part.caption(&format!("{title}.{over}{dashed}")),
        picture: chart.picture()?,
    })
}

/// A strategy's points: for each round the mean over seeds of both coordinates.
pub(super) fn points(rows: &[RoundRow], strategy: &str, place: fn(&RoundRow) -> Option<(f64, f64)>) -> Vec<Point> {
    let mut rounds: BTreeMap<u32, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.strategy == strategy) {
        if let Some((x, y)) = place(row) {
            let (xs, ys) = rounds.entry(row.round).or_default();
            xs.push(x);
            ys.push(y);
        }
    }
    let point = |(xs, ys): &(Vec<f64>, Vec<f64>)| {
        Some(Point {
            x: mean(xs)?,
            y: mean(ys)?,
            half: Mean::of(ys).and_then(|mean| Some(mean.interval?.high - mean.mean)),
        })
    };
    rounds.values().filter_map(point).collect()
}

fn bars(
    part: &Part,
    strategy: &str,
    chart: (&str, &str, &str),
    parts: &[(&str, Measure)],
    from_round: u32,
) -> Result<Chart, ChartError> {
    let (name, title, y_label) = chart;
    let mut rounds: BTreeMap<u32, Vec<&RoundRow>> = BTreeMap::new();
    for row in part
        .rows
        .iter()
        .filter(|row| row.strategy == strategy && row.round >= from_round)
    {
        rounds.entry(row.round).or_default().push(row);
    }
    let values = |get: Measure| {
        let of_round =
            |rows: &Vec<&RoundRow>| mean(&rows.iter().filter_map(|row| get(row)).collect::<Vec<_>>()).unwrap_or(0.0);
        rounds.values().map(of_round).collect()
    };
    let bars = StackedBars {
        title: part.title(title),
        x_label: "round".to_owned(),
        y_label: y_label.to_owned(),
        bars: rounds.keys().map(u32::to_string).collect(),
        segments: parts
            .iter()
            .map(|(name, get)| BarSegment {
                name: (*name).to_owned(),
                values: values(*get),
            })
            .collect(),
    };
    Ok(Chart {
        name: part.name(name),
        caption: part.caption(&format!("{title}.")),
        picture: bars.picture()?,
    })
}

fn shares(part: &Part, strategy: &str) -> Result<Chart, ChartError> {
    let parts: [(&str, Measure); 2] = [
        ("annotator (AL)", |row| row.al_ratio),
        ("model (SL)", |row| row.sl_ratio),
    ];
    bars(
        part,
        strategy,
        (
            "sl_al_share_by_round",
            "Who drew the boxes of the round",
            "share of SA boxes",
        ),
        &parts,
        1,
    )
}

fn pools(part: &Part, strategy: &str) -> Result<Chart, ChartError> {
    let parts: [(&str, Measure); 3] = [
        ("labelled", |row| Some(f64::from(row.labelled))),
        ("asked again", |row| Some(f64::from(row.requeued))),
        ("unlabelled", |row| Some(f64::from(row.unlabelled))),
    ];
    bars(
        part,
        strategy,
        ("pool_sizes", "Pools after each round", "images"),
        &parts,
        0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(strategy: &str, seed: i64, round: u32, ap50: f64) -> RoundRow {
        RoundRow {
            strategy: strategy.to_owned(),
            seed,
            round,
            ap50: Some(ap50),
            total_human_boxes: round * 10,
            ..RoundRow::default()
        }
    }

    #[test]
    fn points_are_means_over_seeds_with_the_reach_of_their_interval() {
        let rows = [row("a", 0, 1, 0.4), row("a", 1, 1, 0.6), row("b", 0, 1, 0.9)];
        let points = points(&rows, "a", |row| Some((f64::from(row.round), row.ap50?)));
        assert_eq!(points.len(), 1);
        assert!((points[0].y - 0.5).abs() < 1e-12);
        // t of one degree of freedom: 12.7062 * 0.1.
        assert!((points[0].half.unwrap() - 1.270_620_473_6).abs() < 1e-9);
    }

    #[test]
    fn full_supervision_is_a_level_beside_others_and_a_curve_alone() {
        let dashed = |rows: &[RoundRow]| {
            let charts = strategy_charts(&Part::all(rows)[0]).unwrap();
            let with = charts
                .iter()
                .filter(|chart| chart.caption.contains("Dashed: full supervision"));
            with.map(|chart| chart.name.clone()).collect::<Vec<_>>()
        };
        let (own, full) = (row("a", 0, 1, 0.4), [row("full", 0, 0, 0.4), row("full", 0, 1, 0.9)]);
        let all: Vec<RoundRow> = full.iter().cloned().chain([own.clone()]).collect();
        let names = ["rounds", "human_boxes", "hours", "images"].map(|over| format!("ap50_over_{over}"));
        assert_eq!(dashed(&all), names);
        assert_eq!((dashed(&full), dashed(&[own])), (Vec::new(), Vec::new()));
    }

    #[test]
    fn every_comparison_has_its_charts() {
        for rows in [
            vec![row("a", 0, 0, 0.1), row("a", 0, 1, 0.2)],
            vec![row("a", 0, 0, 0.1), row("b", 0, 0, 0.2)],
        ] {
            let charts = strategy_charts(&Part::all(&rows)[0]).unwrap();
            assert_eq!(charts.len(), 7);
            assert!(charts.iter().all(|chart| chart.picture.svg.contains("<svg")));
        }
    }
}
