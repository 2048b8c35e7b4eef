//! `asm-pipe score`: detections of any detector against a COCO ground truth.

use super::arguments::Score;
use super::failure::Failure;
use super::terminal::{self, Format};
use crate::detection::metrics::coco_json::GroundTruth;
use crate::detection::metrics::{Protocol, Report, score as score_scenes};
use crate::report::page::Grid;

pub(super) fn score(arguments: &Score) -> Result<(), Failure> {
    let protocol: Protocol = arguments
        .protocol
        .parse()
        .map_err(|e| Failure::usage(format!("--protocol: {e}")))?;
    let ground_truth = GroundTruth::parse(&fs_err::read(&arguments.ground_truth)?)
        .map_err(|e| Failure::invalid(format!("{}: {e}", arguments.ground_truth.display())))?;
    let scenes = ground_truth
        .with_results(&fs_err::read(&arguments.detections)?)
        .map_err(|e| Failure::invalid(format!("{}: {e}", arguments.detections.display())))?;
    let report = score_scenes(&scenes, protocol);
    match arguments.output.format {
        Format::Json => terminal::print_json(&report),
        Format::Human => terminal::print(&text(&report, &arguments.protocol)),
    }
}

fn text(report: &Report, protocol: &str) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
    let (images, objects, detections) = (report.images, report.objects, report.detections);
    let mut text = format!("protocol {protocol}: {images} images, {objects} objects, {detections} detections\n\n");
    let figures = report
        .figures
        .iter()
        .map(|(name, value)| vec![name.clone(), number(*value)])
        .collect();
    text += &Grid {
        heads: vec!["figure".to_owned(), "value".to_owned()],
        rows: figures,
    }
    .text();
    text += "\n";
    let classes = report.per_class.iter().map(|class| {
        vec![
            class.class.clone(),
            number(class.ap),
            number(class.ap50),
            class.objects.to_string(),
            class.detections.to_string(),
        ]
    });
    let heads = ["class", "AP", "AP50", "objects", "detections"]
        .map(str::to_owned)
        .to_vec();
    text += &Grid {
        heads,
        rows: classes.collect(),
    }
    .text();
    if !report.without_ground_truth.is_empty() {
        text += &format!(
            "\nwithout ground truth, left out of the means: {}\n",
            report.without_ground_truth.join(", ")
        );
    }
    if report.tied_detections > 0 {
        text += &format!(
            "\n{} detections share their score with another of their class\n",
            report.tied_detections
        );
    }
    text
}
