//! Text in columns that begin at the same place, for lists in which a cell is a phrase rather than a number.

/// Rows as lines, each column as wide as its widest cell.
#[must_use]
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_begin_at_the_same_place_and_lines_end_with_their_text() {
        let rows =
            [vec!["a", "first", ""], vec!["longer", "2"]].map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(columns(&rows), "a       first\nlonger  2\n");
        assert_eq!(columns(&[]), "");
    }
}
