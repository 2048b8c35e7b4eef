//! Building a table column by column.

use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use super::{Table, TableError, TableFault};

/// A table in the making. Columns come in the order they are added.
#[derive(Clone, Debug, Default)]
pub struct TableBuilder {
    columns: Vec<Column>,
}

impl TableBuilder {
    /// Adds a column of text.
    #[must_use]
    pub fn text<S: AsRef<str>>(self, name: &str, values: impl IntoIterator<Item = S>) -> Self {
        let values: Vec<S> = values.into_iter().collect();
        let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of text that may be missing.
    #[must_use]
    pub fn optional_text<S: AsRef<str>>(self, name: &str, values: impl IntoIterator<Item = Option<S>>) -> Self {
        let values: Vec<Option<S>> = values.into_iter().collect();
        let values: Vec<Option<&str>> = values.iter().map(|value| value.as_ref().map(AsRef::as_ref)).collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of numbers.
    #[must_use]
    pub fn numbers(self, name: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of numbers that may be missing.
    #[must_use]
    pub fn optional_numbers(self, name: &str, values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let values: Vec<Option<f64>> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of whole numbers.
    #[must_use]
    pub fn integers(self, name: &str, values: impl IntoIterator<Item = i64>) -> Self {
        let values: Vec<i64> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of whole numbers that may be missing.
    #[must_use]
    pub fn optional_integers(self, name: &str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        let values: Vec<Option<i64>> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of counts: sizes, rounds, numbers of things.
    #[must_use]
    pub fn counts(self, name: &str, values: impl IntoIterator<Item = u32>) -> Self {
        let values: Vec<u32> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of counts that may be missing.
    #[must_use]
    pub fn optional_counts(self, name: &str, values: impl IntoIterator<Item = Option<u32>>) -> Self {
        let values: Vec<Option<u32>> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Adds a column of yes and no.
    #[must_use]
    pub fn flags(self, name: &str, values: impl IntoIterator<Item = bool>) -> Self {
        let values: Vec<bool> = values.into_iter().collect();
        self.push(Series::new(name.into(), values))
    }

    /// Makes the table.
    ///
    /// # Errors
    /// When the columns differ in length, or two have the same name.
    pub fn finish(self) -> Result<Table, TableError> {
        let frame = DataFrame::new_infer_height(self.columns)
            .map_err(|e| TableError::new(None, TableFault::Shape(e.to_string())))?;
        Ok(Table { frame, origin: None })
    }

    fn push(mut self, series: Series) -> Self {
        self.columns.push(series.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_different_length_make_no_table() {
        let table = Table::builder().text("a", ["x", "y"]).counts("b", [1]).finish();
        assert!(matches!(
            table,
            Err(TableError {
                fault: TableFault::Shape(_),
                ..
            })
        ));
    }

    #[test]
    fn two_columns_of_one_name_make_no_table() {
        assert!(Table::builder().text("a", ["x"]).counts("a", [1]).finish().is_err());
    }

    #[test]
    fn columns_keep_the_order_they_were_added_in() {
        let table = Table::builder().text("z", ["x"]).counts("a", [1]).finish().unwrap();
        assert_eq!((table.names(), table.height()), (vec!["z", "a"], 1));
    }
}
