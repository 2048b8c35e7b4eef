//! `asm-pipe data view`: a page of images with their boxes.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::json;

use super::super::failure::Failure;
use super::super::terminal::{self, Format};
use super::arguments::View;
use super::source::{Source, load};
use super::watch::bar;
use crate::detection::health::{Finding, FindingKind, Health, examine, thumbnail};
use crate::detection::reading::OnProblem;
use crate::detection::{AnnotatedImage, Source as Annotator};
use crate::random::Stream;
use crate::report::gallery::{Card, ClassChip, DrawnBox, FindingChip, Gallery, jpeg_uri};

pub(super) fn view(arguments: &View) -> Result<(), Failure> {
    let format = arguments.output.format;
    let source = load(&arguments.source, OnProblem::Keep, format)?;
    let images = source.read.dataset.images.len();
    let looking = bar(format, "examining", Some(images));
    let health = examine(&source.read, &|| looking.inc(1));
    looking.finish_and_clear();
    let chosen = chosen(&source, &health, arguments.limit, arguments.seed);
    let drawing = bar(format, "drawing", Some(chosen.len()));
    let cards: Vec<Card> = chosen
        .par_iter()
        .map(|&at| {
            let card = card(&source, &health, at, arguments.size);
            drawing.inc(1);
            card
        })
        .collect();
    drawing.finish_and_clear();
    let page = gallery(arguments, &source, &health, cards);
    let html = page.html().map_err(|error| Failure::environment(error.to_string()))?;
    fs_err::write(&arguments.out, html)?;
    let (out, shown) = (&arguments.out, chosen.len());
    match format {
        Format::Json => terminal::print_json(&json!({ "page": out, "images": images, "shown": shown })),
        Format::Human => terminal::print(&format!("{shown} of {images} images in {}\n", out.display())),
    }
}

/// The images to show, in the dataset's order: those with faults go before the others, which are drawn.
fn chosen(source: &Source, health: &Health, limit: usize, seed: u64) -> Vec<usize> {
    let at_fault = health.findings.iter().filter(|finding| finding.kind.is_fault());
    let at_fault: BTreeSet<&str> = at_fault.filter_map(|finding| finding.image.as_deref()).collect();
    let mut places: Vec<usize> = (0..source.read.dataset.images.len()).collect();
    Stream::new(seed, "data/view", &[]).shuffle(&mut places);
    places.sort_by_key(|&at| !at_fault.contains(source.read.dataset.images[at].image.id.as_str()));
    places.truncate(limit);
    places.sort_unstable();
    places
}

fn card(source: &Source, health: &Health, at: usize, side: u32) -> Card {
    let AnnotatedImage { image, annotations } = &source.read.dataset.images[at];
    let findings: Vec<&Finding> = health
        .findings
        .iter()
        .filter(|finding| finding.image.as_ref() == Some(&image.id))
        .collect();
    let kinds: BTreeSet<FindingKind> = findings.iter().map(|finding| finding.kind).collect();
    let classes: BTreeSet<u32> = annotations.iter().map(|annotation| annotation.label).collect();
    let class = |label: u32| {
        source
            .read
            .dataset
            .classes
            .get(label as usize)
            .map_or("?", String::as_str)
    };
    let boxes = annotations.iter().map(|annotation| {
        let bounds = &annotation.bounds;
        let mut said = class(annotation.label).to_owned();
        let marks = [
            (annotation.difficult, "difficult"),
            (annotation.truncated, "truncated"),
            (annotation.marks.occluded == Some(true), "occluded"),
            (annotation.marks.crowd, "crowd"),
            (annotation.source == Annotator::Model, "by a model"),
        ];
        for (_, mark) in marks.iter().filter(|(set, _)| *set) {
            said += &format!(", {mark}");
        }
        let [x, y, right, bottom] = bounds.xyxy().map(|edge| (edge * 100.0).round() / 100.0);
        said += &format!(", ({x}, {y}) to ({right}, {bottom})");
        DrawnBox {
            class: annotation.label,
            x,
            y,
            width: bounds.width().max(0.0),
            height: bounds.height().max(0.0),
            dashed: annotation.difficult,
            title: said,
        }
    });
    let picture = thumbnail(&source.read.sources[at].path, side);
    Card {
        id: image.id.clone(),
        picture: picture.map(|picture| jpeg_uri(&picture.jpeg)),
        width: image.width,
        height: image.height,
        boxes: boxes.collect(),
        classes: classes.into_iter().collect(),
        kinds: kinds.into_iter().map(|kind| kind.name().to_owned()).collect(),
        findings: findings
            .iter()
            .map(|finding| format!("{}: {}", finding.kind.name(), finding.message))
            .collect(),
    }
}

fn gallery(arguments: &View, source: &Source, health: &Health, cards: Vec<Card>) -> Gallery {
    let of_kind = |kind: FindingKind| {
        let count = *health.counts.get(kind.name())?;
        let (name, is_fault) = (kind.name().to_owned(), kind.is_fault());
        Some(FindingChip { name, count, is_fault })
    };
    let chips = (0..).zip(&health.classes).map(|(label, class)| ClassChip {
        label,
        name: class.class.clone(),
        boxes: class.boxes,
        images: class.images,
    });
    // What is about no image that can be shown is told on top.
    let shown: BTreeSet<&str> = source
        .read
        .dataset
        .images
        .iter()
        .map(|entry| entry.image.id.as_str())
        .collect();
    let apart = health
        .findings
        .iter()
        .filter(|finding| !finding.image.as_deref().is_some_and(|id| shown.contains(id)));
    let said = |finding: &Finding| {
        let place = finding.file.iter().map(|file| format!("{file}: "));
        place.collect::<String>() + &finding.message
    };
    Gallery {
        title: arguments.source.dataset.display().to_string(),
        lead: format!(
            "{}: {} images, {} boxes, {} classes, {} faults; {} images shown",
            source.format,
            health.images,
            health.boxes,
            health.classes.len(),
            health.faults(),
            cards.len()
        ),
        classes: chips.collect(),
        findings: FindingKind::ALL.into_iter().filter_map(of_kind).collect(),
        notes: apart.map(said).collect(),
        cards,
    }
}
