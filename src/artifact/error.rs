//! Why an artifact cannot be read or written.

use std::path::{Path, PathBuf};

use crate::stage::StageError;
use crate::table::TableError;

/// A fault of an artifact.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file of it holds what it must not.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: ArtifactFault,
    },
    /// One of its tables cannot be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The disk said no. The error names the file.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// What can be wrong inside a file.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactFault {
    /// Not the JSON that was expected.
    #[error("not the JSON expected: {0}")]
    Json(#[from] serde_json::Error),
    /// Two images of one name.
    #[error("image `{0}` is listed twice")]
    ImageTwice(String),
    /// Two classes of one name.
    #[error("class `{0}` is listed twice")]
    ClassTwice(String),
    /// A box in an image that is not listed.
    #[error("row {row} is a box in the image `{image}`, which is not in the table of images")]
    UnknownImage {
        /// The row, counted from 1.
        row: usize,
        /// The image.
        image: String,
    },
    /// A box of a class that is not listed.
    #[error("row {row} is a box of the class `{label}`, which is not in the list of classes")]
    UnknownClass {
        /// The row, counted from 1.
        row: usize,
        /// The class.
        label: String,
    },
    /// NaN or infinity.
    #[error("`{column}` in row {row} is {value}, not a finite number")]
    NotFinite {
        /// The column.
        column: &'static str,
        /// The row, counted from 1.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Rows of numbers that are not of one length.
    #[error("`{column}` in row {row} has {count} numbers, the first row has {width}")]
    Ragged {
        /// The columns' name.
        column: &'static str,
        /// The row, counted from 1.
        row: usize,
        /// How many it has.
        count: usize,
        /// How many it should have.
        width: usize,
    },
    /// A box in a view that its image does not have.
    #[error("row {row} is a box in the view `{view}`, which its image does not have")]
    UnknownView {
        /// The row, counted from 1.
        row: usize,
        /// The view.
        view: String,
    },
    /// A source that is neither human nor model.
    #[error("`source` in row {row} is `{value}`, which is neither `human` nor `model`")]
    UnknownSource {
        /// The row, counted from 1.
        row: usize,
        /// The value.
        value: String,
    },
    /// Data in memory that has no place on disk: a label past the classes.
    #[error("a box in image `{image}` has label {label}, but there are {classes} classes")]
    LabelOutOfRange {
        /// The image.
        image: String,
        /// The label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
}

impl ArtifactError {
    pub(super) fn new(path: &Path, fault: impl Into<ArtifactFault>) -> Self {
        Self::File {
            path: path.to_path_buf(),
            fault: fault.into(),
        }
    }
}

impl From<ArtifactError> for StageError {
    fn from(error: ArtifactError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<TableError> for StageError {
    fn from(error: TableError) -> Self {
        Self::new(error.to_string())
    }
}
