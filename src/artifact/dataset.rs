//! The `dataset` artifact: `images.parquet`, `boxes.parquet`, `classes.json`.

use std::path::Path;

use fs_err as fs;

use super::rows::{box_columns, check_finite, check_unique, read_boxes, read_classes, write_classes};
use super::{ArtifactError, ArtifactFault, schema};
use crate::detection::{AnnotatedImage, Annotation, Dataset, Image, Marks, Source};
use crate::table::Table;

/// Writes a dataset as a folder, which is made if it is not there.
///
/// # Errors
/// When an image or class comes twice, a label is out of range, a number is not finite, or the disk says no.
pub fn write_dataset(folder: &Path, dataset: &Dataset) -> Result<(), ArtifactError> {
    fs::create_dir_all(folder)?;
    write_classes(folder, &dataset.classes)?;
    write_images(folder, &dataset.images)?;
    write_boxes(folder, dataset)
}

fn write_images(folder: &Path, images: &[AnnotatedImage]) -> Result<(), ArtifactError> {
    let path = folder.join(schema::IMAGES);
    let all = || images.iter().map(|entry| &entry.image);
    let ids: Vec<&str> = all().map(|image| image.id.as_str()).collect();
    check_unique(&path, &ids, ArtifactFault::ImageTwice)?;
    let table = Table::builder()
        .text(schema::ID, ids)
        .text(schema::FILE, all().map(|image| &image.file))
        .counts(schema::WIDTH, all().map(|image| image.width))
        .counts(schema::HEIGHT, all().map(|image| image.height))
        .text(schema::DIGEST, all().map(|image| &image.digest));
    Ok(table.finish()?.write_parquet(&path)?)
}

fn write_boxes(folder: &Path, dataset: &Dataset) -> Result<(), ArtifactError> {
    let path = folder.join(schema::BOXES);
    let with_image = |entry: &'_ AnnotatedImage| -> Vec<_> {
        let id = entry.image.id.clone();
        entry.annotations.iter().map(|a| (id.clone(), a.clone())).collect()
    };
    let boxes: Vec<(String, Annotation)> = dataset.images.iter().flat_map(with_image).collect();
    let rows: Vec<_> = boxes.iter().map(|(id, a)| (id.as_str(), &a.bounds, a.label)).collect();
    let all = || boxes.iter().map(|(_, annotation)| annotation);
    check_finite(&path, schema::SCORE, all().map(|a| a.score))?;
    let table = box_columns(&path, &rows, &dataset.classes)?
        .flags(schema::DIFFICULT, all().map(|a| a.difficult))
        .flags(schema::TRUNCATED, all().map(|a| a.truncated))
        .text(schema::SOURCE, all().map(|a| source_name(a.source)))
        .optional_numbers(schema::SCORE, all().map(|a| a.score))
        .optional_counts(schema::ROUND, all().map(|a| a.round));
    let table = if all().any(|a| a.marks != Marks::default()) {
        check_finite(&path, schema::AREA, all().map(|a| a.marks.area))?;
        table
            .optional_text(schema::POSE, all().map(|a| a.marks.pose.as_ref()))
            .optional_counts(schema::OCCLUDED, all().map(|a| a.marks.occluded.map(u32::from)))
            .flags(schema::CROWD, all().map(|a| a.marks.crowd))
            .optional_numbers(schema::AREA, all().map(|a| a.marks.area))
    } else {
        table
    };
    Ok(table.finish()?.write_parquet(&path)?)
}

/// Reads a dataset.
///
/// # Errors
/// When a file is missing or damaged, an image or class comes twice, or a box is in an unknown image, of an unknown
/// class, or not finite.
pub fn read_dataset(folder: &Path) -> Result<Dataset, ArtifactError> {
    let classes = read_classes(folder)?;
    let mut images = read_images(folder)?;
    let ids: Vec<String> = images.iter().map(|entry| entry.image.id.clone()).collect();
    let boxes = read_boxes(folder, &ids, &classes)?;

    let difficult = boxes.table.flags(schema::DIFFICULT)?;
    let truncated = boxes.table.flags(schema::TRUNCATED)?;
    let sources = boxes.table.text(schema::SOURCE)?;
    let scores = boxes.table.optional_numbers(schema::SCORE)?;
    let rounds = boxes.table.optional_counts(schema::ROUND)?;
    check_finite(&boxes.path, schema::SCORE, scores.iter().copied())?;
    let mut marks = read_marks(&boxes.path, &boxes.table)?;
    for row in 0..boxes.table.height() {
        let source = source_named(sources[row]).ok_or_else(|| {
            let value = sources[row].to_owned();
            ArtifactError::new(&boxes.path, ArtifactFault::UnknownSource { row: row + 1, value })
        })?;
        images[boxes.images[row]].annotations.push(Annotation {
            bounds: boxes.bounds[row],
            label: boxes.labels[row],
            difficult: difficult[row],
            truncated: truncated[row],
            source,
            score: scores[row],
            round: rounds[row],
            marks: marks.get_mut(row).map(std::mem::take).unwrap_or_default(),
        });
    }
    Ok(Dataset { classes, images })
}

/// What the formats say of each box besides; nothing of a dataset in which no object has any of it.
fn read_marks(path: &Path, table: &Table) -> Result<Vec<Marks>, ArtifactError> {
    if !table.has(schema::POSE) {
        return Ok(Vec::new());
    }
    let poses = table.optional_text(schema::POSE)?;
    let occluded = table.optional_counts(schema::OCCLUDED)?;
    let crowds = table.flags(schema::CROWD)?;
    let areas = table.optional_numbers(schema::AREA)?;
    check_finite(path, schema::AREA, areas.iter().copied())?;
    let mark = |row: usize| Marks {
        pose: poses[row].map(str::to_owned),
        occluded: occluded[row].map(|flag| flag != 0),
        crowd: crowds[row],
        area: areas[row],
    };
    Ok((0..table.height()).map(mark).collect())
}

fn read_images(folder: &Path) -> Result<Vec<AnnotatedImage>, ArtifactError> {
    let path = folder.join(schema::IMAGES);
    let table = Table::read_parquet(&path)?;
    let ids = table.text(schema::ID)?;
    check_unique(&path, &ids, ArtifactFault::ImageTwice)?;
    let files = table.text(schema::FILE)?;
    let (widths, heights) = (table.counts(schema::WIDTH)?, table.counts(schema::HEIGHT)?);
    let digests = table.text(schema::DIGEST)?;
    let image = |row: usize| AnnotatedImage {
        image: Image {
            id: ids[row].to_owned(),
            file: files[row].to_owned(),
            width: widths[row],
            height: heights[row],
            digest: digests[row].to_owned(),
        },
        annotations: Vec::new(),
    };
    Ok((0..table.height()).map(image).collect())
}

fn source_name(source: Source) -> &'static str {
    match source {
        Source::Human => "human",
        Source::Model => "model",
    }
}

fn source_named(name: &str) -> Option<Source> {
    [Source::Human, Source::Model]
        .into_iter()
        .find(|&source| source_name(source) == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::BoundingBox;
    use proptest::prelude::*;

    fn marks() -> impl Strategy<Value = Marks> {
        let pose = prop::option::of("[A-Z][a-z]{0,6}");
        let area = prop::option::of(0.0..1e6_f64);
        (pose, prop::option::of(any::<bool>()), any::<bool>(), area).prop_map(|(pose, occluded, crowd, area)| Marks {
            pose,
            occluded,
            crowd,
            area,
        })
    }

    fn annotation(classes: usize) -> impl Strategy<Value = Annotation> {
        let score = prop::option::of(0.0..1.0_f64);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        let edges = [-1e4..1e4, -1e4..1e4, -1e4..1e4, -1e4..1e4_f64];
        let marks = prop_oneof![Just(Marks::default()), marks()];
        (edges, 0..classes, flags, score, prop::option::of(any::<u32>()), marks).prop_map(
            |(edges, label, (difficult, truncated, human), score, round, marks)| Annotation {
                bounds: BoundingBox::new(edges),
                label: label as u32,
                difficult,
                truncated,
                source: if human { Source::Human } else { Source::Model },
                score,
                round,
                marks,
            },
        )
    }

    fn dataset() -> impl Strategy<Value = Dataset> {
        let classes = prop::collection::btree_set("[a-z_ \u{e9},\"]{1,6}", 1..5);
        classes.prop_flat_map(|classes| {
            let boxes = prop::collection::vec(annotation(classes.len()), 0..4);
            let images = prop::collection::btree_map(".{1,8}", (boxes, any::<u32>(), any::<u32>()), 0..12);
            images.prop_map(move |images| {
                let entry = |(id, (annotations, width, height)): (String, (Vec<_>, u32, u32))| AnnotatedImage {
                    image: Image {
                        file: format!("{id}.jpg"),
                        digest: format!("{width:08x}"),
                        id,
                        width,
                        height,
                    },
                    annotations,
                };
                // Not sorted by id: the order is part of the data.
                let images = images.into_iter().rev().map(entry).collect();
                let classes = classes.iter().rev().cloned().collect();
                Dataset { classes, images }
            })
        })
    }

    fn bytes(folder: &Path) -> Vec<Vec<u8>> {
        [schema::IMAGES, schema::BOXES, schema::CLASSES]
            .map(|file| fs::read(folder.join(file)).unwrap())
            .to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
        #[test]
        fn a_dataset_reads_back_the_same_and_writes_the_same_bytes(dataset in dataset()) {
            let folder = tempfile::tempdir().unwrap();
            let (first, second) = (folder.path().join("a"), folder.path().join("b"));
            write_dataset(&first, &dataset).unwrap();
            let read = read_dataset(&first).unwrap();
            prop_assert_eq!(&read, &dataset);
            write_dataset(&second, &read).unwrap();
            prop_assert_eq!(bytes(&first), bytes(&second));
        }
    }

    fn sample() -> Dataset {
        let image = |id: &str| Image {
            id: id.to_owned(),
            file: format!("{id}.jpg"),
            width: 20,
            height: 10,
            digest: "00".to_owned(),
        };
        let annotation = Annotation {
            bounds: BoundingBox::new([1.0, 2.0, 3.0, 4.0]),
            label: 0,
            difficult: false,
            truncated: true,
            source: Source::Human,
            score: None,
            round: None,
            marks: Marks::default(),
        };
        let filled = AnnotatedImage {
            image: image("b"),
            annotations: vec![annotation],
        };
        let empty = AnnotatedImage {
            image: image("a"),
            annotations: Vec::new(),
        };
        Dataset {
            classes: vec!["cell".to_owned()],
            images: vec![filled, empty],
        }
    }

    fn refusal(dataset: &Dataset) -> String {
        let folder = tempfile::tempdir().unwrap();
        write_dataset(folder.path(), dataset).unwrap_err().to_string()
    }

    #[test]
    fn what_has_no_place_on_disk_is_not_written() {
        let mut dataset = sample();
        dataset.images[0].annotations[0].label = 1;
        assert!(refusal(&dataset).ends_with("a box in image `b` has label 1, but there are 1 classes"));

        dataset = sample();
        dataset.images[0].annotations[0].bounds.y_min = f64::NAN;
        assert!(refusal(&dataset).ends_with("boxes.parquet: `y_min` in row 1 is NaN, not a finite number"));

        dataset = sample();
        dataset.images[0].annotations[0].score = Some(f64::INFINITY);
        assert!(refusal(&dataset).ends_with("`score` in row 1 is inf, not a finite number"));

        dataset = sample();
        dataset.images[1].image.id = "b".to_owned();
        assert!(refusal(&dataset).ends_with("images.parquet: image `b` is listed twice"));

        dataset = sample();
        dataset.classes.push("cell".to_owned());
        assert!(refusal(&dataset).ends_with("classes.json: class `cell` is listed twice"));
    }

    #[test]
    fn a_box_in_an_unknown_image_or_of_an_unknown_class_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, other) = (folder.path().join("a"), folder.path().join("b"));
        write_dataset(&whole, &sample()).unwrap();
        let mut renamed = sample();
        renamed.images[0].image.id = "c".to_owned();
        write_dataset(&other, &renamed).unwrap();
        fs::copy(other.join(schema::IMAGES), whole.join(schema::IMAGES)).unwrap();
        let error = read_dataset(&whole).unwrap_err().to_string();
        assert!(
            error.ends_with("row 1 is a box in the image `b`, which is not in the table of images"),
            "{error}"
        );

        write_dataset(&whole, &sample()).unwrap();
        fs::write(whole.join(schema::CLASSES), r#"["plate"]"#).unwrap();
        let error = read_dataset(&whole).unwrap_err().to_string();
        assert!(
            error.ends_with("row 1 is a box of the class `cell`, which is not in the list of classes"),
            "{error}"
        );
    }

    #[test]
    fn a_dataset_without_one_of_its_files_is_refused_by_that_name() {
        for file in [schema::IMAGES, schema::BOXES, schema::CLASSES] {
            let folder = tempfile::tempdir().unwrap();
            write_dataset(folder.path(), &sample()).unwrap();
            fs::remove_file(folder.path().join(file)).unwrap();
            assert!(read_dataset(folder.path()).unwrap_err().to_string().contains(file));
        }
    }
}
