//! Tables onto the disk.

use std::io::{self, Write};
use std::path::Path;

use polars::prelude::{CsvWriter, DataFrame, ParquetCompression, ParquetWriter, PolarsError, SerWriter};

use super::{Table, TableError, TableFault, write_atomically};

impl Table {
    /// Writes the table as Parquet, whole or not at all.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write_parquet(&self, path: &Path) -> Result<(), TableError> {
        self.write(path, |frame, writer| {
            let parquet = ParquetWriter::new(writer)
                .with_compression(ParquetCompression::Zstd(None))
                .set_parallel(false);
            parquet.finish(frame).map(|_| ())
        })
    }

    /// Writes the table as CSV with a header line, whole or not at all. A missing value is an empty field; a number is
    /// written with as many digits as it takes to read it back the same.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write_csv(&self, path: &Path) -> Result<(), TableError> {
        self.write(path, |frame, writer| CsvWriter::new(writer).n_threads(1).finish(frame))
    }

    fn write(
        &self,
        path: &Path,
        format: impl FnOnce(&mut DataFrame, &mut dyn Write) -> Result<(), PolarsError>,
    ) -> Result<(), TableError> {
        let mut frame = self.frame.clone();
        // How a frame is cut into chunks depends on how it came about; the bytes must not.
        frame.rechunk_mut();
        let fill = |writer: &mut dyn Write| {
            format(&mut frame, writer).map_err(|e| match e {
                PolarsError::IO { error, .. } => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
                other => io::Error::other(format!("{}: {other}", path.display())),
            })
        };
        write_atomically(path, fill).map_err(|e| TableError::new(Some(path), TableFault::Disk(e)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;

    fn table(rows: u32) -> Table {
        let table = Table::builder()
            .text("id", (0..rows).map(|at| format!("image {at}")))
            .numbers("x", (0..rows).map(|at| f64::from(at) / 3.0))
            .optional_numbers(
                "score",
                (0..rows).map(|at| (at % 3 == 0).then(|| 1.0 / f64::from(at + 1))),
            )
            .integers("shift", (0..rows).map(|at| -i64::from(at)))
            .optional_counts("round", (0..rows).map(|at| (at % 2 == 0).then_some(at)))
            .flags("difficult", (0..rows).map(|at| at % 5 == 0));
        table.finish().unwrap()
    }

    #[test]
    fn parquet_reads_back_equal_and_writes_the_same_bytes_again() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        for rows in [0, 1, 1000] {
            table(rows).write_parquet(&first).unwrap();
            let read = Table::read_parquet(&first).unwrap();
            assert_eq!(read, table(rows));
            read.write_parquet(&second).unwrap();
            assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
        }
    }

    #[test]
    fn csv_quotes_what_it_must_and_leaves_missing_values_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let table = Table::builder()
            .text("strategy", ["topK, v3", "v1"])
            .optional_numbers("ap50", [Some(0.1 + 0.2), None])
            .counts("round", [1, 2]);
        table.finish().unwrap().write_csv(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "strategy,ap50,round\n\"topK, v3\",0.30000000000000004,1\nv1,,2\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = table(1).write_csv(Path::new("/nowhere/a.csv")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/"), "{error}");
    }
}
