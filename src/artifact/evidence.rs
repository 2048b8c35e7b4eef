//! The `evidence` artifact: `images.parquet` with features, `boxes.parquet` with probabilities and views, `classes.json`.

use std::path::Path;

use fs_err as fs;

use super::rows::{box_columns, check_finite, check_unique, read_boxes, read_classes, write_classes};
use super::{ArtifactError, ArtifactFault, schema};
use crate::detection::{Detection, Evidence, ImageEvidence, SeenBox, View};
use crate::table::{Table, TableBuilder};

/// Numbers of a row as columns `NAME_0`, `NAME_1`, ...
const FEATURE: &str = "feature";
const PROBABILITY: &str = "probability";
/// How the image was changed; empty for the image itself.
const VIEW: &str = "view";
/// The views that were looked at, whether or not something was seen in them.
const VIEWS: &str = "views";

/// Writes evidence as a folder, which is made if it is not there.
///
/// # Errors
/// When an image or class comes twice, a label is out of range, numbers are not finite or not as many in each row, or the disk says no.
pub fn write_evidence(folder: &Path, evidence: &Evidence) -> Result<(), ArtifactError> {
    fs::create_dir_all(folder)?;
    write_classes(folder, &evidence.classes)?;

    let path = folder.join(schema::IMAGES);
    let ids: Vec<&str> = evidence.images.iter().map(|entry| entry.image.as_str()).collect();
    check_unique(&path, &ids, ArtifactFault::ImageTwice)?;
    let features: Vec<&[f64]> = evidence.images.iter().map(|entry| entry.features.as_slice()).collect();
    let names = |entry: &ImageEvidence| {
        entry
            .views
            .iter()
            .map(|view| view.name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let table = Table::builder().text(schema::IMAGE, ids);
    let table = table.text(VIEWS, evidence.images.iter().map(names));
    numbers(table, &path, FEATURE, &features)?
        .finish()?
        .write_parquet(&path)?;

    let path = folder.join(schema::BOXES);
    let mut boxes: Vec<(&str, &str, &SeenBox)> = Vec::new();
    for entry in &evidence.images {
        boxes.extend(entry.boxes.iter().map(|seen| (entry.image.as_str(), "", seen)));
        for view in &entry.views {
            let name = view.name.as_str();
            boxes.extend(view.boxes.iter().map(|seen| (entry.image.as_str(), name, seen)));
        }
    }
    let rows: Vec<_> = boxes
        .iter()
        .map(|(image, _, seen)| (*image, &seen.detection.bounds, seen.detection.label))
        .collect();
    let scores = || boxes.iter().map(|(.., seen)| seen.detection.score);
    check_finite(&path, schema::SCORE, scores().map(Some))?;
    let table = box_columns(&path, &rows, &evidence.classes)?;
    let table = table.numbers(schema::SCORE, scores());
    let table = table.text(VIEW, boxes.iter().map(|(_, view, _)| view));
    let of = |get: fn(&SeenBox) -> &Vec<f64>| boxes.iter().map(|(.., seen)| get(seen).as_slice()).collect::<Vec<_>>();
    let table = numbers(table, &path, PROBABILITY, &of(|seen| &seen.probabilities))?;
    let table = numbers(table, &path, FEATURE, &of(|seen| &seen.features))?;
    Ok(table.finish()?.write_parquet(&path)?)
}

/// Adds a column for each place of the rows' numbers.
fn numbers(
    mut table: TableBuilder,
    path: &Path,
    name: &'static str,
    rows: &[&[f64]],
) -> Result<TableBuilder, ArtifactError> {
    let width = rows.first().map_or(0, |row| row.len());
    if let Some(row) = rows.iter().position(|row| row.len() != width) {
        let count = rows[row].len();
        return Err(ArtifactError::new(
            path,
            ArtifactFault::Ragged {
                column: name,
                row: row + 1,
                count,
                width,
            },
        ));
    }
    for at in 0..width {
        let column = || rows.iter().map(move |row| row[at]);
        check_finite(path, name, column().map(Some))?;
        table = table.numbers(&format!("{name}_{at}"), column());
    }
    Ok(table)
}

/// Reads evidence.
///
/// # Errors
/// When a file is missing or damaged, an image or class comes twice, or a box is in an unknown image, of an unknown
/// class, or not finite.
pub fn read_evidence(folder: &Path) -> Result<Evidence, ArtifactError> {
    let classes = read_classes(folder)?;
    let path = folder.join(schema::IMAGES);
    let table = Table::read_parquet(&path)?;
    let ids = table.text(schema::IMAGE)?;
    check_unique(&path, &ids, ArtifactFault::ImageTwice)?;
    let views = table.text(VIEWS)?;
    let mut features = rows(&table, &path, FEATURE)?;
    let mut images: Vec<ImageEvidence> = (0..table.height())
        .map(|row| ImageEvidence {
            image: ids[row].to_owned(),
            features: std::mem::take(&mut features[row]),
            boxes: Vec::new(),
            views: views[row].split_whitespace().map(named).collect(),
        })
        .collect();

    let boxes = read_boxes(folder, &ids, &classes)?;
    let scores = boxes.table.numbers(schema::SCORE)?;
    check_finite(&boxes.path, schema::SCORE, scores.iter().copied().map(Some))?;
    let views = boxes.table.text(VIEW)?;
    let mut probabilities = rows(&boxes.table, &boxes.path, PROBABILITY)?;
    let mut features = rows(&boxes.table, &boxes.path, FEATURE)?;
    for row in 0..boxes.table.height() {
        let seen = SeenBox {
            detection: Detection {
                bounds: boxes.bounds[row],
                label: boxes.labels[row],
                score: scores[row],
            },
            probabilities: std::mem::take(&mut probabilities[row]),
            features: std::mem::take(&mut features[row]),
        };
        let image = &mut images[boxes.images[row]];
        if views[row].is_empty() {
            image.boxes.push(seen);
            continue;
        }
        let view = image.views.iter_mut().find(|view| view.name == views[row]);
        let view = view.ok_or_else(|| {
            let (row, view) = (row + 1, views[row].to_owned());
            ArtifactError::new(&boxes.path, ArtifactFault::UnknownView { row, view })
        })?;
        view.boxes.push(seen);
    }
    Ok(Evidence { classes, images })
}

fn named(name: &str) -> View {
    View {
        name: name.to_owned(),
        boxes: Vec::new(),
    }
}

/// The numbers of each row of columns `NAME_0`, `NAME_1`, ...
fn rows(table: &Table, path: &Path, name: &'static str) -> Result<Vec<Vec<f64>>, ArtifactError> {
    let mut rows = vec![Vec::new(); table.height()];
    for at in 0.. {
        let column = format!("{name}_{at}");
        if !table.has(&column) {
            break;
        }
        let values = table.numbers(&column)?;
        check_finite(path, name, values.iter().copied().map(Some))?;
        for (row, value) in rows.iter_mut().zip(values) {
            row.push(value);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::BoundingBox;

    fn seen(x: f64, label: u32) -> SeenBox {
        SeenBox {
            detection: Detection {
                bounds: BoundingBox::new([x, 0.0, x + 1.0 / 3.0, 9.0]),
                label,
                score: 0.5,
            },
            probabilities: vec![0.25, 0.5, 0.25],
            features: vec![x, -1.0],
        }
    }

    fn sample() -> Evidence {
        let image = |image: &str, boxes, views| ImageEvidence {
            image: image.to_owned(),
            features: vec![0.1, 0.2, 0.3],
            boxes,
            views,
        };
        let view = |name: &str, boxes| View {
            name: name.to_owned(),
            boxes,
        };
        Evidence {
            classes: vec!["cat".to_owned(), "dog".to_owned()],
            images: vec![
                image(
                    "b",
                    vec![seen(1.0, 0), seen(2.0, 1)],
                    vec![view("flip", vec![seen(3.0, 1)]), view("resize", vec![])],
                ),
                image("a", vec![], vec![view("flip", vec![]), view("resize", vec![])]),
            ],
        }
    }

    #[test]
    fn evidence_reads_back_the_same_also_where_nothing_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        for evidence in [sample(), Evidence::default()] {
            write_evidence(folder.path(), &evidence).unwrap();
            assert_eq!(read_evidence(folder.path()).unwrap(), evidence);
        }
    }

    #[test]
    fn rows_of_unequal_length_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut evidence = sample();
        evidence.images[1].features.pop();
        let error = write_evidence(folder.path(), &evidence).unwrap_err().to_string();
        assert!(
            error.ends_with("`feature` in row 2 has 2 numbers, the first row has 3"),
            "{error}"
        );
    }
}
