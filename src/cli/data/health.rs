//! `asm-pipe data health`: what is wrong with a dataset, and what is in it.

use std::process::ExitCode;

use serde_json::json;

use super::super::failure::Failure;
use super::super::terminal::{self, Format, GREEN, RED, RESET, YELLOW};
use super::arguments::Health as Arguments;
use super::source::load;
use super::watch::bar;
use crate::detection::health::{BoxSizes, Finding, FindingKind, Health, examine};
use crate::detection::reading::OnProblem;
use crate::report::page::Grid;

/// Ends with 0 if there is no fault, else with 1.
pub(super) fn health(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let format = arguments.output.format;
    let source = load(&arguments.source, OnProblem::Keep, format)?;
    let bar = bar(format, "examining", Some(source.read.sources.len()));
    let health = examine(&source.read, &|| bar.inc(1));
    bar.finish_and_clear();
    match format {
        Format::Json => terminal::print_json(
            &json!({ "good": health.faults() == 0, "format": source.format, "faults": health.faults(), "found": health }),
        )?,
        Format::Human => terminal::print(&text(&health, source.format, arguments.most))?,
    }
    Ok(ExitCode::from(u8::from(health.faults() > 0)))
}

fn text(health: &Health, format: &str, most: usize) -> String {
    let classes = health.classes.len();
    let mut text = format!(
        "{format}: {} images, {} boxes, {classes} classes\n\n",
        health.images, health.boxes
    );
    text += &class_grid(health).text();
    text += &size_text(&health.sizes);
    for kind in FindingKind::ALL {
        let findings: Vec<&Finding> = health.findings.iter().filter(|finding| finding.kind == kind).collect();
        if findings.is_empty() {
            continue;
        }
        let colour = if kind.is_fault() { RED } else { YELLOW };
        text += &format!("\n{colour}{}{RESET} {}\n", kind.name(), findings.len());
        let shown = if most == 0 { findings.len() } else { most };
        for finding in findings.iter().take(shown) {
            text += &format!("  {}\n", line(finding));
        }
        if findings.len() > shown {
            text += &format!("  and {} more\n", findings.len() - shown);
        }
    }
    text += "\n";
    text += &match health.faults() {
        0 => format!("{GREEN}no faults{RESET}\n"),
        1 => format!("{RED}1 fault{RESET}\n"),
        faults => format!("{RED}{faults} faults{RESET}\n"),
    };
    text
}

/// A finding with its place: the file if one is at fault, else the image.
fn line(finding: &Finding) -> String {
    let place = match (&finding.file, finding.position) {
        (Some(file), Some((line, column))) => format!("{file}:{line}:{column}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => finding
            .image
            .as_ref()
            .map_or_else(String::new, |image| format!("{image}: ")),
    };
    place + &finding.message
}

fn class_grid(health: &Health) -> Grid {
    let heads = ["class", "boxes", "difficult", "images"];
    let rows = health.classes.iter().map(|class| {
        let counts = [class.boxes, class.difficult, class.images].map(|count| count.to_string());
        [class.class.clone()].into_iter().chain(counts).collect()
    });
    Grid {
        heads: heads.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

fn size_text(sizes: &BoxSizes) -> String {
    let (small, medium, large) = (sizes.small, sizes.medium, sizes.large);
    let mut text =
        format!("\n{small} small, {medium} medium, {large} large boxes (to 32 x 32, to 96 x 96 pixels, beyond)\n");
    let row = |name: &str, values: &Option<[f64; 7]>, decimals: usize| {
        let cells = values.iter().flatten().map(|value| format!("{value:.decimals$}"));
        [name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    if sizes.side.is_some() {
        let heads = ["of boxes", "least", "5 %", "25 %", "half", "75 %", "95 %", "most"];
        let grid = Grid {
            heads: heads.map(str::to_owned).to_vec(),
            rows: vec![
                row("side of a square, pixels", &sizes.side, 1),
                row("width / height", &sizes.aspect, 2),
                row("share of the image", &sizes.share, 4),
            ],
        };
        text += &grid.text();
    }
    text
}
