//! Why a table cannot be built, read or written.

use std::fmt;
use std::path::{Path, PathBuf};

/// A fault of a table, with the file if it has one.
#[derive(Debug, thiserror::Error)]
pub struct TableError {
    /// The file.
    pub path: Option<PathBuf>,
    /// What is wrong.
    pub fault: TableFault,
}

/// What can be wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum TableFault {
    /// No such column.
    #[error("has no column `{name}`; it has {}", list(.present))]
    NoColumn {
        /// The name asked for.
        name: String,
        /// The names there are.
        present: Vec<String>,
    },
    /// A column of another type.
    #[error("column `{name}` holds {found}, not {wanted}")]
    ColumnType {
        /// The column.
        name: String,
        /// What it holds.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A value is missing where none may be.
    #[error("column `{name}` has no value in row {row}")]
    Missing {
        /// The column.
        name: String,
        /// The row, counted from 1 after the header.
        row: usize,
    },
    /// A value does not fit the type that was asked for.
    #[error("column `{name}` has {value} in row {row}, which is not {wanted}")]
    Value {
        /// The column.
        name: String,
        /// The row, counted from 1 after the header.
        row: usize,
        /// The value.
        value: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Columns of different length, or two of one name.
    #[error("columns do not make a table: {0}")]
    Shape(String),
    /// The file's content cannot be understood.
    #[error("cannot be read as a table: {0}")]
    Content(String),
    /// The disk said no.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
}

impl TableError {
    pub(super) fn new(path: Option<&Path>, fault: TableFault) -> Self {
        Self {
            path: path.map(Path::to_path_buf),
            fault,
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, &self.fault) {
            // fs_err has named the file already.
            (_, TableFault::Disk(error)) => write!(f, "{error}"),
            (Some(path), fault) => write!(f, "{}: {fault}", path.display()),
            (None, fault) => write!(f, "table: {fault}"),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
