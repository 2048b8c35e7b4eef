//! Where two tables differ first: for people who look for what is not repeatable.

use super::Table;

/// The first difference of two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableDifference {
    /// They have other columns, or in another order.
    Columns,
    /// A value is different.
    Value {
        /// The row, counted from 1.
        row: usize,
        /// The column.
        column: String,
        /// The value in the one.
        one: String,
        /// The value in the other.
        other: String,
    },
    /// One has the rows of the other and more.
    Height {
        /// Rows of the one.
        one: usize,
        /// Rows of the other.
        other: usize,
    },
}

impl Table {
    /// The first difference, row by row and in a row from left to right; none if they are equal.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<TableDifference> {
        if self.names() != other.names() {
            return Some(TableDifference::Columns);
        }
        let columns: Vec<_> = self.frame.columns().iter().zip(other.frame.columns()).collect();
        for row in 0..self.height().min(other.height()) {
            for (one, other) in &columns {
                let values = (one.get(row).ok()?, other.get(row).ok()?);
                if values.0 != values.1 {
                    return Some(TableDifference::Value {
                        row: row + 1,
                        column: one.name().to_string(),
                        one: values.0.to_string(),
                        other: values.1.to_string(),
                    });
                }
            }
        }
        let (one, other) = (self.height(), other.height());
        (one != other).then_some(TableDifference::Height { one, other })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(scores: &[Option<f64>]) -> Table {
        let ids: Vec<String> = (0..scores.len()).map(|at| at.to_string()).collect();
        let table = Table::builder().text("id", ids.iter().map(String::as_str));
        table.optional_numbers("score", scores.to_vec()).finish().unwrap()
    }

    #[test]
    fn the_first_value_that_differs_is_named_and_missing_values_are_equal() {
        let one = table(&[Some(0.5), None, Some(1.0)]);
        assert_eq!(one.first_difference(&one.clone()), None);
        let found = one.first_difference(&table(&[Some(0.5), Some(2.0), Some(3.0)]));
        let Some(TableDifference::Value { row, column, other, .. }) = found else {
            panic!("{found:?}")
        };
        assert_eq!((row, column.as_str(), other.as_str()), (2, "score", "2.0"));
        let found = one.first_difference(&table(&[Some(0.5)]));
        assert_eq!(found, Some(TableDifference::Height { one: 3, other: 1 }));
        let other = Table::builder().text("name", ["a"]).finish().unwrap();
        assert_eq!(one.first_difference(&other), Some(TableDifference::Columns));
    }
}
