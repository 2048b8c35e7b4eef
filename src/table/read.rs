//! Tables from the disk.

use std::path::Path;

use fs_err as fs;
use polars::prelude::{ParallelStrategy, ParquetReader, SerReader};

use super::{Table, TableError, TableFault};

impl Table {
    /// Reads a Parquet file. Errors of its columns will name the file.
    ///
    /// # Errors
    /// When the file is not there or is not Parquet.
    pub fn read_parquet(path: &Path) -> Result<Self, TableError> {
        let fault = |fault| TableError::new(Some(path), fault);
        // Read, not mapped: the store may replace the file while a stage holds the table.
        let bytes = fs::read(path).map_err(|e| fault(TableFault::Disk(e)))?;
        let reader = ParquetReader::new(std::io::Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
        let frame = reader.finish().map_err(|e| fault(TableFault::Content(e.to_string())))?;
        Ok(Self {
            frame,
            origin: Some(path.to_path_buf()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_table_that_was_read_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes.parquet");
        Table::builder()
            .text("id", ["a"])
            .finish()
            .unwrap()
            .write_parquet(&path)
            .unwrap();
        let error = Table::read_parquet(&path)
            .unwrap()
            .numbers("id")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            format!("{}: column `id` holds text, not numbers", path.display())
        );
    }

    #[test]
    fn a_file_that_is_not_parquet_or_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes.parquet");
        assert!(
            Table::read_parquet(&path)
                .unwrap_err()
                .to_string()
                .contains("boxes.parquet")
        );
        for bytes in [&b""[..], b"no", b"PAR1 and then something that is not a footer PAR1"] {
            fs::write(&path, bytes).unwrap();
            let error = Table::read_parquet(&path).unwrap_err().to_string();
            assert!(error.contains("boxes.parquet: cannot be read as a table"), "{error}");
        }
    }
}
