//! What a matrix varies, as columns of tables: `params.merge.certain`. Numbers where all values are, else text.

use std::collections::{BTreeMap, BTreeSet};

use crate::table::{Table, TableBuilder, TableError};

/// What the names of such columns begin with.
pub(super) const PREFIX: &str = "params.";

/// Params by path, as text.
type Varied = BTreeMap<String, String>;

/// Adds a column for each param that any row has.
pub(super) fn to_columns(mut table: TableBuilder, rows: &[&Varied]) -> TableBuilder {
    let paths: BTreeSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
    for path in paths {
        let values = || rows.iter().map(|row| row.get(path));
        let numbers: Vec<Option<f64>> = values().map(|value| value.and_then(|value| number(value))).collect();
        let name = format!("{PREFIX}{path}");
        table = match values()
            .zip(&numbers)
            .all(|(value, number)| value.is_some() == number.is_some())
        {
            true => table.optional_numbers(&name, numbers),
            false => table.optional_text(&name, values()),
        };
    }
    table
}

/// What each row of a table made by [`to_columns`] has.
pub(super) fn from_columns(table: &Table) -> Result<Vec<Varied>, TableError> {
    let mut rows = vec![Varied::new(); table.height()];
    for name in table.names() {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let texts: Vec<Option<String>> = match table.optional_numbers(name) {
            Ok(numbers) => numbers
                .into_iter()
                .map(|number| number.map(|number| number.to_string()))
                .collect(),
            Err(_) => table
                .optional_text(name)?
                .into_iter()
                .map(|text| text.map(str::to_owned))
                .collect(),
        };
        for (row, text) in rows.iter_mut().zip(texts) {
            if let Some(text) = text {
                row.insert(path.to_owned(), text);
            }
        }
    }
    Ok(rows)
}

/// Numbers by their size, other texts after them by their letters.
pub(super) fn order(a: &str, b: &str) -> std::cmp::Ordering {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// A number that reads the same after it was written: `007` and `1e400` are text.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    (number.is_finite() && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_numbers_and_all_else_text_that_comes_back() {
        let row = |pairs: &[(&str, &str)]| -> Varied {
            pairs
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect()
        };
        let rows = [
            row(&[("merge.certain", "0.7"), ("code", "007"), ("mixed", "1")]),
            row(&[("merge.certain", "0.85"), ("code", "8"), ("mixed", "late")]),
            row(&[]),
        ];
        let table = to_columns(Table::builder().counts("round", 0..3), &rows.iter().collect::<Vec<_>>());
        let table = table.finish().unwrap();
        assert_eq!(
            table.names(),
            ["round", "params.code", "params.merge.certain", "params.mixed"]
        );
        assert_eq!(
            table.optional_numbers("params.merge.certain").unwrap(),
            [Some(0.7), Some(0.85), None]
        );
        assert_eq!(
            table.optional_text("params.code").unwrap(),
            [Some("007"), Some("8"), None]
        );
        assert_eq!(from_columns(&table).unwrap(), rows);
    }
}
