//! `asm-pipe score`: detections of any detector against a COCO ground truth.

use std::path::Path;

use serde_json::json;

use super::arguments::Score;
use super::failure::{Failure, FailureKind};
use super::terminal::{self, Format};
use crate::detection::metrics::coco_json::GroundTruth;
use crate::detection::metrics::{
    ClassReport, Confusion, Curve, Protocol, Report, Scenes, Switches, confusion, curves, mean_curve, score_with,
};
use crate::report::page::Grid;
use crate::stages::evaluation::{Drawn, class_table, confusion_table, curve_table};

/// A matrix with more classes is written, not printed.
const PRINTED: usize = 12;

pub(super) fn score(arguments: &Score) -> Result<(), Failure> {
    let protocol: Protocol = arguments
        .protocol
        .parse()
        .map_err(|e| Failure::usage(format!("--protocol: {e}")))?;
    let switches = switches(&arguments.rules)?;
    let scenes = read(arguments)?;
    let rules = switches.on(protocol);
    let report = score_with(&scenes, protocol, &switches);
    let drawn = Drawn {
        curves: curves(&scenes, &rules),
        confusion: confusion(&scenes, &rules, arguments.confusion_score),
        least_score: arguments.confusion_score,
    };
    if let Some(folder) = &arguments.out {
        write(&report, &drawn, folder)?;
    }
    match arguments.output.format {
        Format::Json => {
            let mut value = serde_json::to_value(&report).map_err(|e| Failure::environment(e.to_string()))?;
            value["confusion"] = json!(drawn.confusion);
            terminal::print_json(&value)
        }
        Format::Human => terminal::print(&text(&report, &drawn)),
    }
}

fn switches(given: &[String]) -> Result<Switches, Failure> {
    let mut switches = Switches::default();
    for text in given {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--rule {text}: give a rule and a value, NAME=VALUE")))?;
        switches.set(name, value).map_err(|error| {
            Failure::usage(format!("--rule {text}: {error}")).hint("`asm-pipe stages evaluate` explains the rules")
        })?;
    }
    Ok(switches)
}

fn read(arguments: &Score) -> Result<Scenes, Failure> {
    let ground_truth = GroundTruth::parse(&fs_err::read(&arguments.ground_truth)?)
        .map_err(|e| Failure::invalid(format!("{}: {e}", arguments.ground_truth.display())))?;
    ground_truth
        .with_results(&fs_err::read(&arguments.detections)?)
        .map_err(|e| Failure::invalid(format!("{}: {e}", arguments.detections.display())))
}

/// The tables as Parquet and CSV, and the charts.
fn write(report: &Report, drawn: &Drawn, folder: &Path) -> Result<(), Failure> {
    let wrong = |error: crate::table::TableError| Failure::environment(error.to_string());
    fs_err::create_dir_all(folder)?;
    let tables = [
        ("per_class", class_table(report)),
        ("curves", curve_table(&drawn.curves, &report.rules)),
        ("confusion", confusion_table(&drawn.confusion, &report.rules)),
    ];
    for (name, table) in tables {
        let table = table.map_err(wrong)?;
        table
            .write_parquet(&folder.join(format!("{name}.parquet")))
            .map_err(wrong)?;
        table.write_csv(&folder.join(format!("{name}.csv"))).map_err(wrong)?;
    }
    let charts = drawn.write_charts(report, folder);
    charts.map_err(|error| Failure::new(FailureKind::Environment, error.message))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

fn grid(heads: &[&str], rows: Vec<Vec<String>>) -> String {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    Grid { heads, rows }.text()
}

fn text(report: &Report, drawn: &Drawn) -> String {
    let (images, objects, detections) = (report.images, report.objects, report.detections);
    let rules = &report.rules;
    let mut text = format!("protocol {rules}: {images} images, {objects} objects, {detections} detections\n\n");
    let figures = report.figures.iter();
    let figures = figures
        .map(|(name, value)| vec![name.clone(), number(*value)])
        .collect();
    text += &grid(&[rules, "value"], figures);
    text += "\n";
    text += &class_text(report);
    text += "\n";
    text += &curve_text(&drawn.curves, rules);
    if drawn.confusion.names.len() <= PRINTED {
        text += "\n";
        text += &confusion_text(&drawn.confusion, drawn.least_score, rules);
    }
    if !report.without_ground_truth.is_empty() {
        let classes = report.without_ground_truth.join(", ");
        text += &format!("\nwithout ground truth, left out of the means: {classes}\n");
    }
    if report.tied_detections > 0 {
        let tied = report.tied_detections;
        text += &format!("\n{tied} detections share their score with another of their class\n");
    }
    text
}

fn class_text(report: &Report) -> String {
    let row = |class: &ClassReport| {
        let figures = [
            class.ap,
            class.ap50,
            class.ap75,
            class.ap_small,
            class.ap_medium,
            class.ap_large,
            class.recall,
        ];
        let counts = [class.objects, class.detections].map(|count| count.to_string());
        let cells = figures.into_iter().map(number).chain(counts);
        [class.class.clone()].into_iter().chain(cells).collect()
    };
    let head = format!("class ({})", report.rules);
    let heads = [
        &head,
        "AP",
        "AP50",
        "AP75",
        "small",
        "medium",
        "large",
        "recall",
        "objects",
        "detections",
    ];
    grid(&heads, report.per_class.iter().map(row).collect())
}

/// Precision at every tenth of recall.
fn curve_text(curves: &[Curve], rules: &str) -> String {
    let tenths = |points: &[crate::detection::metrics::CurvePoint]| {
        let points = points.iter().step_by(10);
        points
            .map(|point| format!("{:.3}", point.precision))
            .collect::<Vec<_>>()
    };
    let mean = mean_curve(curves).map(|points| ("all classes", points));
    let all = curves.iter().map(|curve| (curve.class.as_str(), curve.points.clone()));
    let row = |(name, points): (&str, Vec<_>)| [name.to_owned()].into_iter().chain(tenths(&points)).collect();
    let head = format!("precision at recall ({rules}, IoU 0.5)");
    let heads: Vec<String> = (0..=10)
        .map(|tenth| format!("{:.1}", f64::from(tenth) / 10.0))
        .collect();
    let heads: Vec<&str> = [head.as_str()]
        .into_iter()
        .chain(heads.iter().map(String::as_str))
        .collect();
    grid(&heads, mean.into_iter().chain(all).map(row).collect())
}

fn confusion_text(confusion: &Confusion, least_score: f64, rules: &str) -> String {
    let head = format!("there / reported ({rules}, IoU 0.5, scores from {least_score})");
    let heads: Vec<&str> = [head.as_str()]
        .into_iter()
        .chain(confusion.names.iter().map(String::as_str))
        .collect();
    let rows = confusion.names.iter().zip(&confusion.counts);
    let rows = rows.map(|(name, counts)| {
        [name.clone()]
            .into_iter()
            .chain(counts.iter().map(u64::to_string))
            .collect()
    });
    grid(&heads, rows.collect())
}
