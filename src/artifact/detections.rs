//! The `detections` artifact: `images.parquet`, `boxes.parquet`, `classes.json`.

use std::path::Path;

use fs_err as fs;

use super::rows::{box_columns, check_finite, check_unique, read_boxes, read_classes, write_classes};
use super::{ArtifactError, ArtifactFault, schema};
use crate::detection::{Detection, Detections, ImageDetections};
use crate::table::Table;

/// Writes detections as a folder, which is made if it is not there.
///
/// # Errors
/// When an image or class comes twice, a label is out of range, a number is not finite, or the disk says no.
pub fn write_detections(folder: &Path, detections: &Detections) -> Result<(), ArtifactError> {
    fs::create_dir_all(folder)?;
    write_classes(folder, &detections.classes)?;

    let path = folder.join(schema::IMAGES);
    let ids: Vec<&str> = detections.images.iter().map(|entry| entry.image.as_str()).collect();
    check_unique(&path, &ids, ArtifactFault::ImageTwice)?;
    Table::builder()
        .text(schema::IMAGE, ids)
        .finish()?
        .write_parquet(&path)?;

    let path = folder.join(schema::BOXES);
    let of_image = |entry: &'_ ImageDetections| -> Vec<_> {
        let id = entry.image.clone();
        entry.detections.iter().map(|d| (id.clone(), d.clone())).collect()
    };
    let boxes: Vec<(String, Detection)> = detections.images.iter().flat_map(of_image).collect();
    let rows: Vec<_> = boxes.iter().map(|(id, d)| (id.as_str(), &d.bounds, d.label)).collect();
    check_finite(&path, schema::SCORE, boxes.iter().map(|(_, d)| Some(d.score)))?;
    let table = box_columns(&path, &rows, &detections.classes)?;
    let table = table.numbers(schema::SCORE, boxes.iter().map(|(_, d)| d.score));
    Ok(table.finish()?.write_parquet(&path)?)
}

/// Reads detections.
///
/// # Errors
/// When a file is missing or damaged, an image or class comes twice, or a box is in an unknown image, of an unknown
/// class, or not finite.
pub fn read_detections(folder: &Path) -> Result<Detections, ArtifactError> {
    let classes = read_classes(folder)?;
    let path = folder.join(schema::IMAGES);
    let table = Table::read_parquet(&path)?;
    let ids = table.text(schema::IMAGE)?;
    check_unique(&path, &ids, ArtifactFault::ImageTwice)?;
    let boxes = read_boxes(folder, &ids, &classes)?;
    let scores = boxes.table.numbers(schema::SCORE)?;
    check_finite(&boxes.path, schema::SCORE, scores.iter().copied().map(Some))?;

    let image = |id: &&str| ImageDetections {
        image: (*id).to_owned(),
        detections: Vec::new(),
    };
    let mut images: Vec<ImageDetections> = ids.iter().map(image).collect();
    for row in 0..boxes.table.height() {
        images[boxes.images[row]].detections.push(Detection {
            bounds: boxes.bounds[row],
            label: boxes.labels[row],
            score: scores[row],
        });
    }
    Ok(Detections { classes, images })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::BoundingBox;

    fn sample() -> Detections {
        let detection = |label, score| Detection {
            bounds: BoundingBox::new([0.25, 1.0 / 3.0, 10.0, 20.5]),
            label,
            score,
        };
        let entry = |image: &str, detections: Vec<Detection>| ImageDetections {
            image: image.to_owned(),
            detections,
        };
        let images = vec![
            entry("b", vec![detection(1, 0.9), detection(0, 1.0 / 3.0)]),
            entry("nothing found", Vec::new()),
            entry("a", vec![detection(1, 0.05)]),
        ];
        Detections {
            classes: vec!["x".to_owned(), "y".to_owned()],
            images,
        }
    }

    #[test]
    fn detections_read_back_the_same_with_images_in_which_nothing_was_found() {
        let folder = tempfile::tempdir().unwrap();
        write_detections(folder.path(), &sample()).unwrap();
        assert_eq!(read_detections(folder.path()).unwrap(), sample());
        let nothing = Detections {
            classes: vec!["x".to_owned()],
            images: Vec::new(),
        };
        write_detections(folder.path(), &nothing).unwrap();
        assert_eq!(read_detections(folder.path()).unwrap(), nothing);
    }

    #[test]
    fn a_score_that_is_not_finite_is_refused() {
        let mut detections = sample();
        detections.images[2].detections[0].score = f64::NAN;
        let folder = tempfile::tempdir().unwrap();
        let error = write_detections(folder.path(), &detections).unwrap_err().to_string();
        assert!(
            error.ends_with("boxes.parquet: `score` in row 3 is NaN, not a finite number"),
            "{error}"
        );
    }
}
