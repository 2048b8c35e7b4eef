//! A table as text: for the page, the terminal and Markdown.

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The head of each column.
    pub heads: Vec<String>,
    /// The cells, row by row.
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// The table as lines of text with aligned columns.
    #[must_use]
    pub fn text(&self) -> String {
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .chain(self.heads.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        std::iter::once(&self.heads).chain(&self.rows).map(line).collect()
    }

    /// Only these columns, by their heads, in the order given.
    #[must_use]
    pub fn columns(&self, heads: &[&str]) -> Self {
        let places: Vec<usize> = heads
            .iter()
            .filter_map(|head| self.heads.iter().position(|h| h == head))
            .collect();
        let pick = |row: &Vec<String>| places.iter().map(|&at| row[at].clone()).collect();
        Self {
            heads: pick(&self.heads),
            rows: self.rows.iter().map(pick).collect(),
        }
    }

    /// The table in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| markdown_text(&cell.replace('|', "\\|").replace('\n', " ")))
                .collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<String> = (0..self.heads.len())
            .map(|column| if column == 0 { "---" } else { "---:" }.to_owned())
            .collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.heads) + &line(&rule) + &rows
    }
}

/// A text in which no name from the data begins an element. Also between backticks, where the sign is then seen as `&lt;`: a name may
/// have backticks of its own, and where they pair is the reader's program to say.
#[must_use]
pub(super) fn markdown_text(text: &str) -> String {
    let begins = |rest: &str| rest.starts_with(|next: char| next.is_ascii_alphabetic() || "/!?".contains(next));
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if letter == '<' && begins(&text[at + 1..]) {
            out += "&lt;";
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_tables_align_their_columns() {
        let grid = Grid {
            heads: vec!["name".to_owned(), "n".to_owned()],
            rows: vec![
                vec!["a".to_owned(), "100".to_owned()],
                vec!["long name".to_owned(), "2".to_owned()],
            ],
        };
        assert_eq!(grid.text(), "name         n\na          100\nlong name    2\n");
        assert_eq!(grid.columns(&["n"]).heads, ["n"]);
    }

    #[test]
    fn markdown_keeps_bars_inside_their_cells() {
        let grid = Grid {
            heads: vec!["name".to_owned(), "n".to_owned()],
            rows: vec![vec!["a|b".to_owned(), "1".to_owned()]],
        };
        assert_eq!(grid.markdown(), "| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n");
    }

    #[test]
    fn no_name_becomes_an_element_of_markdown() {
        assert_eq!(
            markdown_text("<script>x</script> <0.001, `<b>` and 1 < 2"),
            "&lt;script>x&lt;/script> <0.001, `&lt;b>` and 1 < 2"
        );
        for name in ["a`<img src=x>", "`<img src=x>``", "``<img src=x>`"] {
            assert!(!markdown_text(name).contains("<img"), "{name}");
        }
    }
}
