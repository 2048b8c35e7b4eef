//! Rows that datasets and detections share: the classes, and boxes in known images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{ArtifactError, ArtifactFault, read_json, schema, write_json};
use crate::detection::BoundingBox;
use crate::table::{Table, TableBuilder};

/// Writes the class list.
pub(super) fn write_classes(folder: &Path, classes: &[String]) -> Result<(), ArtifactError> {
    let path = folder.join(schema::CLASSES);
    check_unique(&path, classes, ArtifactFault::ClassTwice)?;
    write_json(&path, classes)
}

/// Reads the class list.
pub(super) fn read_classes(folder: &Path) -> Result<Vec<String>, ArtifactError> {
    let path = folder.join(schema::CLASSES);
    let classes: Vec<String> = read_json(&path)?;
    check_unique(&path, &classes, ArtifactFault::ClassTwice)?;
    Ok(classes)
}

/// Refuses a name that comes twice.
pub(super) fn check_unique<S: AsRef<str>>(
    path: &Path,
    names: &[S],
    fault: fn(String) -> ArtifactFault,
) -> Result<(), ArtifactError> {
    let mut seen = BTreeSet::new();
    match names.iter().map(AsRef::as_ref).find(|name| !seen.insert(*name)) {
        Some(name) => Err(ArtifactError::new(path, fault(name.to_owned()))),
        None => Ok(()),
    }
}

/// A box as a row: the image's id, the edges, the label.
pub(super) type BoxRow<'a> = (&'a str, &'a BoundingBox, u32);

/// Starts the table of boxes.
pub(super) fn box_columns(path: &Path, rows: &[BoxRow<'_>], classes: &[String]) -> Result<TableBuilder, ArtifactError> {
    let name = |&(image, _, label): &BoxRow<'_>| {
        classes.get(label as usize).ok_or_else(|| {
            let (image, classes) = (image.to_owned(), classes.len());
            ArtifactError::new(path, ArtifactFault::LabelOutOfRange { image, label, classes })
        })
    };
    let labels: Vec<&String> = rows.iter().map(name).collect::<Result<_, _>>()?;
    let mut builder = Table::builder().text(schema::IMAGE, rows.iter().map(|row| row.0));
    for (at, column) in schema::EDGES.into_iter().enumerate() {
        let edges = || rows.iter().map(move |row| row.1.xyxy()[at]);
        check_finite(path, column, edges().map(Some))?;
        builder = builder.numbers(column, edges());
    }
    Ok(builder.text(schema::LABEL, labels))
}

/// Refuses NaN and infinity.
pub(super) fn check_finite(
    path: &Path,
    column: &'static str,
    values: impl IntoIterator<Item = Option<f64>>,
) -> Result<(), ArtifactError> {
    for (at, value) in values.into_iter().enumerate() {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            let row = at + 1;
            return Err(ArtifactError::new(
                path,
                ArtifactFault::NotFinite { column, row, value },
            ));
        }
    }
    Ok(())
}

/// The table of boxes, read and checked against the images and the classes.
pub(super) struct Boxes {
    /// The file.
    pub(super) path: PathBuf,
    /// The table, for the columns that are not shared.
    pub(super) table: Table,
    /// For each row, which image it is in.
    pub(super) images: Vec<usize>,
    /// For each row, where it is.
    pub(super) bounds: Vec<BoundingBox>,
    /// For each row, its class.
    pub(super) labels: Vec<u32>,
}

/// Reads the table of boxes.
pub(super) fn read_boxes<S: AsRef<str>>(
    folder: &Path,
    images: &[S],
    classes: &[String],
) -> Result<Boxes, ArtifactError> {
    let path = folder.join(schema::BOXES);
    let table = Table::read_parquet(&path)?;
    let places: BTreeMap<&str, usize> = images.iter().enumerate().map(|(at, id)| (id.as_ref(), at)).collect();
    let known: BTreeMap<&str, u32> = (0..).zip(classes).map(|(at, name)| (name.as_str(), at)).collect();

    let of_image = |(at, image): (usize, &str)| {
        places.get(image).copied().ok_or_else(|| {
            let (row, image) = (at + 1, image.to_owned());
            ArtifactError::new(&path, ArtifactFault::UnknownImage { row, image })
        })
    };
    let of_class = |(at, label): (usize, &str)| {
        known.get(label).copied().ok_or_else(|| {
            let (row, label) = (at + 1, label.to_owned());
            ArtifactError::new(&path, ArtifactFault::UnknownClass { row, label })
        })
    };
    let images = table.text(schema::IMAGE)?.into_iter().enumerate();
    let images = images.map(of_image).collect::<Result<_, _>>()?;
    let labels = table.text(schema::LABEL)?.into_iter().enumerate();
    let labels = labels.map(of_class).collect::<Result<_, _>>()?;

    let mut edges = Vec::with_capacity(4);
    for column in schema::EDGES {
        let values = table.numbers(column)?;
        check_finite(&path, column, values.iter().copied().map(Some))?;
        edges.push(values);
    }
    let bounds = (0..table.height()).map(|row| BoundingBox::new([0, 1, 2, 3].map(|edge: usize| edges[edge][row])));
    let bounds = bounds.collect();
    Ok(Boxes {
        path,
        table,
        images,
        bounds,
        labels,
    })
}
