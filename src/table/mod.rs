//! Tables by column name: built, written as Parquet and CSV, read back with their types checked.
//!
//! The only module that knows polars. Knows nothing of what the columns mean. The same table gives the same bytes,
//! whatever the number of threads: no times, no machine facts, one row group after another in order.

mod atomic;
mod build;
mod columns;
mod difference;
mod error;
mod read;
mod write;

pub use atomic::write_atomically;
pub use build::TableBuilder;
pub use difference::TableDifference;
pub use error::{TableError, TableFault};

use std::path::PathBuf;

use polars::prelude::DataFrame;

/// Rows with named, typed columns.
#[derive(Clone, Debug)]
pub struct Table {
    frame: DataFrame,
    origin: Option<PathBuf>,
}

impl Table {
    /// Starts a table without columns.
    #[must_use]
    pub fn builder() -> TableBuilder {
        TableBuilder::default()
    }

    /// Number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// Column names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.frame
            .get_column_names()
            .into_iter()
            .map(|name| name.as_str())
            .collect()
    }
}

impl PartialEq for Table {
    /// Same columns, same rows; missing values are equal to each other. Where the table came from does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.frame.equals_missing(&other.frame)
    }
}
