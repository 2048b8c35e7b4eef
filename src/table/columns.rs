//! Columns of a table as plain vectors, their types checked.

use polars::prelude::{Column, DataType};

use super::{Table, TableError, TableFault};

impl Table {
    /// A column of text without missing values.
    ///
    /// # Errors
    /// When there is no such column, it holds something else, or a value is missing.
    pub fn text(&self, name: &str) -> Result<Vec<&str>, TableError> {
        self.complete(name, self.optional_text(name)?)
    }

    /// A column of text; a column without any value passes for one.
    ///
    /// # Errors
    /// When there is no such column or it holds something else.
    pub fn optional_text(&self, name: &str) -> Result<Vec<Option<&str>>, TableError> {
        let column = self.column(name)?;
        if column.dtype() == &DataType::Null {
            return Ok(vec![None; self.height()]);
        }
        let values = column.str().map_err(|_| self.mismatch(name, column, "text"))?;
        Ok(values.iter().collect())
    }

    /// A column of numbers, whole or not, without missing values.
    ///
    /// # Errors
    /// When there is no such column, it holds something else, or a value is missing.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, TableError> {
        self.complete(name, self.optional_numbers(name)?)
    }

    /// A column of numbers, whole or not; a column without any value passes for one.
    ///
    /// # Errors
    /// When there is no such column or it holds something else.
    pub fn optional_numbers(&self, name: &str) -> Result<Vec<Option<f64>>, TableError> {
        let column = self.column(name)?;
        let numeric = column.dtype().is_primitive_numeric() || column.dtype() == &DataType::Null;
        let cast = numeric.then(|| column.cast(&DataType::Float64).ok()).flatten();
        let cast = cast.ok_or_else(|| self.mismatch(name, column, "numbers"))?;
        let values = cast.f64().map_err(|_| self.mismatch(name, column, "numbers"))?;
        Ok(values.iter().collect())
    }

    /// A column of whole numbers without missing values.
    ///
    /// # Errors
    /// When there is no such column, it holds something else, or a value is missing.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, TableError> {
        self.complete(name, self.optional_integers(name)?)
    }

    /// A column of whole numbers; a column without any value passes for one.
    ///
    /// # Errors
    /// When there is no such column or it holds something else.
    pub fn optional_integers(&self, name: &str) -> Result<Vec<Option<i64>>, TableError> {
        let column = self.column(name)?;
        let whole = column.dtype().is_integer() || column.dtype() == &DataType::Null;
        let cast = whole.then(|| column.strict_cast(&DataType::Int64).ok()).flatten();
        let cast = cast.ok_or_else(|| self.mismatch(name, column, "whole numbers"))?;
        let values = cast.i64().map_err(|_| self.mismatch(name, column, "whole numbers"))?;
        Ok(values.iter().collect())
    }

    /// A column of counts without missing values.
    ///
    /// # Errors
    /// When there is no such column, it holds something else, a value is missing, negative or past `u32`.
    pub fn counts(&self, name: &str) -> Result<Vec<u32>, TableError> {
        self.complete(name, self.optional_counts(name)?)
    }

    /// A column of counts; a column without any value passes for one.
    ///
    /// # Errors
    /// When there is no such column, it holds something else, or a value is negative or past `u32`.
    pub fn optional_counts(&self, name: &str) -> Result<Vec<Option<u32>>, TableError> {
        let values = self.optional_integers(name)?.into_iter().enumerate();
        let count = |(at, value): (usize, Option<i64>)| match value.map(u32::try_from) {
            None => Ok(None),
            Some(Ok(count)) => Ok(Some(count)),
            Some(Err(_)) => Err(self.fault(TableFault::Value {
                name: name.to_owned(),
                row: at + 1,
                value: value.map_or_else(String::new, |v| v.to_string()),
                wanted: "a count",
            })),
        };
        values.map(count).collect()
    }

    /// A column of yes and no without missing values.
    ///
    /// # Errors
    /// When there is no such column, it holds something else, or a value is missing.
    pub fn flags(&self, name: &str) -> Result<Vec<bool>, TableError> {
        let column = self.column(name)?;
        let values = column.bool().map_err(|_| self.mismatch(name, column, "yes and no"))?;
        self.complete(name, values.iter().collect())
    }

    /// Whether there is a column of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.frame.column(name).is_ok()
    }

    fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.frame.column(name).map_err(|_| {
            let present = self.names().into_iter().map(str::to_owned).collect();
            self.fault(TableFault::NoColumn {
                name: name.to_owned(),
                present,
            })
        })
    }

    fn complete<T>(&self, name: &str, values: Vec<Option<T>>) -> Result<Vec<T>, TableError> {
        let value = |(at, value): (usize, Option<T>)| {
            value.ok_or_else(|| {
                self.fault(TableFault::Missing {
                    name: name.to_owned(),
                    row: at + 1,
                })
            })
        };
        values.into_iter().enumerate().map(value).collect()
    }

    fn mismatch(&self, name: &str, column: &Column, wanted: &'static str) -> TableError {
        let found = match column.dtype() {
            DataType::String => "text".to_owned(),
            DataType::Boolean => "yes and no".to_owned(),
            kind if kind.is_integer() => "whole numbers".to_owned(),
            kind if kind.is_float() => "numbers".to_owned(),
            kind => kind.to_string(),
        };
        self.fault(TableFault::ColumnType {
            name: name.to_owned(),
            found,
            wanted,
        })
    }

    fn fault(&self, fault: TableFault) -> TableError {
        TableError::new(self.origin.as_deref(), fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let table = Table::builder()
            .text("id", ["a", "b"])
            .optional_numbers("score", [Some(0.5), None])
            .integers("shift", [-1, 7])
            .flags("difficult", [true, false]);
        table.finish().unwrap()
    }

    #[test]
    fn whole_numbers_pass_for_numbers_but_not_the_other_way() {
        assert_eq!(table().numbers("shift").unwrap(), [-1.0, 7.0]);
        let error = table().integers("score").unwrap_err().to_string();
        assert_eq!(error, "table: column `score` holds numbers, not whole numbers");
    }

    #[test]
    fn a_missing_value_is_named_by_column_and_row() {
        assert_eq!(table().optional_numbers("score").unwrap(), [Some(0.5), None]);
        let error = table().numbers("score").unwrap_err().to_string();
        assert_eq!(error, "table: column `score` has no value in row 2");
    }

    #[test]
    fn an_unknown_column_is_named_with_those_there_are() {
        let error = table().text("name").unwrap_err().to_string();
        assert_eq!(
            error,
            "table: has no column `name`; it has `id`, `score`, `shift`, `difficult`"
        );
    }

    #[test]
    fn a_negative_number_is_no_count() {
        let error = table().counts("shift").unwrap_err().to_string();
        assert_eq!(error, "table: column `shift` has -1 in row 1, which is not a count");
    }

    #[test]
    fn a_yes_and_no_column_is_not_text() {
        assert_eq!(table().flags("difficult").unwrap(), [true, false]);
        let error = table().text("difficult").unwrap_err().to_string();
        assert_eq!(error, "table: column `difficult` holds yes and no, not text");
    }
}
