//! The pictures of a page: images of each round with the boxes that stood on them.

use std::path::Path;

use super::behind::Source;
use super::trace::Trace;
use super::views::Views;
use crate::artifact::read_detections;
use crate::detection::{AnnotatedImage, Annotation, Dataset, Detection, Detections, Source as Drawn};
use crate::plan::{Node, NodeId};
use crate::report::evidence::{Gallery, Mark, MarkKind, Shot};
use crate::report::thumbnail;

/// From this overlap on two boxes speak of one thing.
const SAME: f64 = 0.5;

/// The gallery of a page: of each strategy and seed the rounds and, last, the test images.
pub(super) fn gallery(trace: &Trace<'_>, sources: &[Source<'_>]) -> Gallery {
    let views = |source: &Source<'_>| -> Vec<(Option<u32>, NodeId)> {
        let rounds = trace.inputs(source.tables, "costs");
        let last = trace
            .inputs(source.tables, "evaluations")
            .max_by_key(|(round, _)| *round);
        let rounds = rounds.map(|(round, input)| (Some(round), input.node));
        rounds.chain(last.map(|(_, input)| (None, input.node))).collect()
    };
    let all: Vec<_> = sources.iter().map(views).collect();
    let counts = sources.iter().zip(&all);
    let counts: Vec<(&str, usize)> = counts.map(|(source, views)| (source.strategy, views.len())).collect();
    let chosen = Views::of(&counts);
    let mut gallery = Gallery {
        about: chosen.about(),
        ..Gallery::default()
    };
    for ((source, views), shown) in sources.iter().zip(&all).zip(&chosen.shown) {
        for (round, node) in shown.iter().map(|place| views[*place]) {
            match round {
                Some(round) => annotated(trace, source, (round, node), chosen.of_round, &mut gallery),
                None => tested(trace, source, node, chosen.of_round, &mut gallery),
            };
        }
    }
    gallery
}

/// What a round's annotation left on its images.
fn annotated(
    trace: &Trace<'_>,
    source: &Source<'_>,
    (round, id): (u32, NodeId),
    most: usize,
    gallery: &mut Gallery,
) -> Option<()> {
    let node = trace.node(id);
    let annotations = trace.dataset(id, "annotations")?;
    let detected = trace.source(node, "detections");
    let detections = detected.and_then(|input| read_detections(&trace.view(input.node, &input.output)?).ok());
    let images = images_of(trace, node, detected.map(|input| trace.node(input.node)))?;
    let threshold = |name: &str, usual: f64| {
        node.params
            .get(name)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or(usual)
    };
    let (certain, uncertain) = (threshold("certain", 0.8), threshold("uncertain", 0.3));
    for image in spread(&annotations.images, most) {
        let found = detections
            .as_ref()
            .map_or(&[][..], |detections| of_image(detections, &image.image.id));
        let marks = annotation_marks(&annotations, image, found, (certain, uncertain));
        let count = |kind| marks.iter().filter(|mark| mark.kind == kind).count();
        let about = format!(
            "{}: {} accepted, {} rejected, {} by hand",
            image.image.id,
            count(MarkKind::Accepted),
            count(MarkKind::Rejected),
            count(MarkKind::Human)
        );
        add(
            gallery,
            &images,
            image,
            Shot {
                strategy: source.strategy.to_owned(),
                seed: source.seed,
                round: Some(round),
                picture: String::new(),
                about,
                marks,
            },
        );
    }
    Some(())
}

/// What the last model finds on the test images.
fn tested(trace: &Trace<'_>, source: &Source<'_>, id: NodeId, most: usize, gallery: &mut Gallery) -> Option<()> {
    let node = trace.node(id);
    let truth = trace
        .source(node, "dataset")
        .and_then(|input| trace.dataset(input.node, &input.output))?;
    let detected = trace.source(node, "detections")?;
    let detections = read_detections(&trace.view(detected.node, &detected.output)?).ok()?;
    let images = images_of(trace, node, Some(trace.node(detected.node)))?;
    for image in spread(&truth.images, most) {
        let marks = test_marks(&truth, image, of_image(&detections, &image.image.id));
        let count = |kind| marks.iter().filter(|mark| mark.kind == kind).count();
        let (correct, wrong, missed) = (
            count(MarkKind::Correct),
            count(MarkKind::False),
            count(MarkKind::Missed),
        );
        let about = format!("{}: {correct} found, {wrong} false, {missed} missed", image.image.id);
        add(
            gallery,
            &images,
            image,
            Shot {
                strategy: source.strategy.to_owned(),
                seed: source.seed,
                round: None,
                picture: String::new(),
                about,
                marks,
            },
        );
    }
    Some(())
}

/// The folder of image files, of the stage itself or of the one that detected.
fn images_of(trace: &Trace<'_>, node: &Node, detector: Option<&Node>) -> Option<std::path::PathBuf> {
    let find = |node: &Node| {
        let input = node.inputs.get("images")?.first()?;
        trace.view(input.node, &input.output)
    };
    find(node).or_else(|| find(detector?))
}

/// So many of the images, from the whole of the list.
fn spread(images: &[AnnotatedImage], most: usize) -> impl Iterator<Item = &AnnotatedImage> {
    images.iter().step_by(images.len().div_ceil(most).max(1))
}

fn of_image<'a>(detections: &'a Detections, image: &str) -> &'a [Detection] {
    let entry = detections.images.iter().find(|entry| entry.image == image);
    entry.map_or(&[], |entry| &entry.detections)
}

fn annotation_marks(
    dataset: &Dataset,
    image: &AnnotatedImage,
    found: &[Detection],
    (certain, uncertain): (f64, f64),
) -> Vec<Mark> {
    let class = |label: u32| &dataset.classes[label as usize];
    let overlaps = |object: &Annotation, detection: &Detection| {
        object.label == detection.label && object.bounds.iou(&detection.bounds) >= SAME
    };
    let mut marks = Vec::new();
    for object in &image.annotations {
        let score = object.score.map_or_else(String::new, |score| format!(" {score:.2}"));
        let name = class(object.label);
        let (kind, label) = match object.source {
            Drawn::Model => (MarkKind::Accepted, format!("{name}{score}: the model's, accepted")),
            Drawn::Human => {
                let seen = found
                    .iter()
                    .filter(|detection| detection.score >= uncertain)
                    .any(|detection| overlaps(object, detection));
                let why = if seen {
                    "the model was unsure or off"
                } else {
                    "the model missed it"
                };
                (MarkKind::Human, format!("{name}: drawn by hand, {why}"))
            }
        };
        marks.push(Mark {
            kind,
            bounds: tenths(object.bounds.xyxy()),
            label,
        });
    }
    for detection in found.iter().filter(|detection| detection.score >= certain) {
        let is_taken = image.annotations.iter().any(|object| {
            object.source == Drawn::Model && object.label == detection.label && object.bounds == detection.bounds
        });
        if !is_taken {
            let near = image.annotations.iter().any(|object| overlaps(object, detection));
            let why = if near { "contradicted or off" } else { "false" };
            let label = format!(
                "{} {:.2}: the model's, not accepted, {why}",
                class(detection.label),
                detection.score
            );
            marks.push(Mark {
                kind: MarkKind::Rejected,
                bounds: tenths(detection.bounds.xyxy()),
                label,
            });
        }
    }
    marks
}

/// Detections of a score of at least one half, the surest first, each on the object of its class that it overlaps most.
fn test_marks(dataset: &Dataset, image: &AnnotatedImage, found: &[Detection]) -> Vec<Mark> {
    let class = |label: u32| &dataset.classes[label as usize];
    let mut taken = vec![false; image.annotations.len()];
    let mut marks = Vec::new();
    for detection in found.iter().filter(|detection| detection.score >= 0.5) {
        let free = image
            .annotations
            .iter()
            .enumerate()
            .filter(|(at, object)| !taken[*at] && object.label == detection.label);
        let overlaps = free.map(|(at, object)| (at, object.bounds.iou(&detection.bounds)));
        let best = overlaps
            .filter(|(_, iou)| *iou >= SAME)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let (kind, word) = match best {
            Some((at, _)) => {
                taken[at] = true;
                (MarkKind::Correct, "found")
            }
            None => (MarkKind::False, "false"),
        };
        let label = format!("{} {:.2}: {word}", class(detection.label), detection.score);
        marks.push(Mark {
            kind,
            bounds: tenths(detection.bounds.xyxy()),
            label,
        });
    }
    for (object, _) in image
        .annotations
        .iter()
        .zip(taken)
        .filter(|(object, taken)| !taken && !object.difficult)
    {
        let label = format!("{}: missed", class(object.label));
        marks.push(Mark {
            kind: MarkKind::Missed,
            bounds: tenths(object.bounds.xyxy()),
            label,
        });
    }
    marks
}

fn tenths(bounds: [f64; 4]) -> [f64; 4] {
    bounds.map(|edge| (edge * 10.0).round() / 10.0)
}

/// Adds a view and, once, the picture. An image file that cannot be read has no picture.
fn add(gallery: &mut Gallery, images: &Path, image: &AnnotatedImage, shot: Shot) {
    let name = if image.image.digest.is_empty() {
        &image.image.id
    } else {
        &image.image.digest
    };
    let name: String = name.chars().take(16).collect();
    if !gallery.pictures.contains_key(&name) {
        let Some(picture) = thumbnail(&images.join(&image.image.file)) else {
            return;
        };
        gallery.pictures.insert(name.clone(), picture);
    }
    gallery.shots.push(Shot { picture: name, ..shot });
}

/// A round's pictures alone, for those who watch a run.
pub(in crate::cli) fn of_stage(trace: &Trace<'_>, id: NodeId) -> Gallery {
    let node = trace.node(id);
    let strategy = node.name.split_once('/').map_or("", |(pipeline, _)| pipeline);
    let source = Source {
        tables: node,
        strategy,
        seed: 0,
    };
    let mut gallery = Gallery::default();
    let found = annotated(trace, &source, (node.round.unwrap_or(0), id), 12, &mut gallery);
    if found.is_none() {
        tested(trace, &source, id, 12, &mut gallery);
    }
    gallery
}

/// The stages that have pictures once they are made, by place.
pub(in crate::cli) fn with_pictures(nodes: &[Node]) -> Vec<usize> {
    let has =
        |node: &Node| node.inputs.contains_key("detections") && (node.kind == "merge-sa" || node.kind == "evaluate");
    nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| has(node))
        .map(|(place, _)| place)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{BoundingBox, Image, Marks};

    fn object(x: f64, source: Drawn) -> Annotation {
        Annotation {
            bounds: BoundingBox::new([x, 0.0, x + 10.0, 10.0]),
            label: 0,
            difficult: false,
            truncated: false,
            source,
            score: (source == Drawn::Model).then_some(0.9),
            round: None,
            marks: Marks::default(),
        }
    }

    fn detection(x: f64, score: f64) -> Detection {
        Detection {
            bounds: BoundingBox::new([x, 0.0, x + 10.0, 10.0]),
            label: 0,
            score,
        }
    }

    fn scene(annotations: Vec<Annotation>) -> (Dataset, AnnotatedImage) {
        let image = Image {
            id: "1".into(),
            file: "1.jpg".into(),
            width: 100,
            height: 10,
            digest: String::new(),
        };
        let image = AnnotatedImage { image, annotations };
        (
            Dataset {
                classes: vec!["cell".into()],
                images: vec![image.clone()],
            },
            image,
        )
    }

    fn kinds(marks: &[Mark]) -> Vec<(MarkKind, &str)> {
        marks.iter().map(|mark| (mark.kind, mark.label.as_str())).collect()
    }

    #[test]
    fn an_annotation_shows_who_drew_it_and_what_the_model_said_in_vain() {
        let (dataset, image) = scene(vec![
            object(0.0, Drawn::Model),
            object(20.0, Drawn::Human),
            object(40.0, Drawn::Human),
        ]);
        let found = [
            detection(0.0, 0.9),
            detection(21.0, 0.85),
            detection(60.0, 0.82),
            detection(80.0, 0.5),
        ];
        let marks = annotation_marks(&dataset, &image, &found, (0.8, 0.3));
        assert_eq!(
            kinds(&marks),
            [
                (MarkKind::Accepted, "cell 0.90: the model's, accepted"),
                (MarkKind::Human, "cell: drawn by hand, the model was unsure or off"),
                (MarkKind::Human, "cell: drawn by hand, the model missed it"),
                (
                    MarkKind::Rejected,
                    "cell 0.85: the model's, not accepted, contradicted or off"
                ),
                (MarkKind::Rejected, "cell 0.82: the model's, not accepted, false"),
            ]
        );
    }

    #[test]
    fn on_a_test_image_an_object_is_found_once() {
        let (dataset, image) = scene(vec![object(0.0, Drawn::Human), object(50.0, Drawn::Human)]);
        let found = [detection(0.0, 0.9), detection(1.0, 0.8), detection(50.0, 0.4)];
        let marks = test_marks(&dataset, &image, &found);
        assert_eq!(
            kinds(&marks),
            [
                (MarkKind::Correct, "cell 0.90: found"),
                (MarkKind::False, "cell 0.80: false"),
                (MarkKind::Missed, "cell: missed")
            ]
        );
    }
}
