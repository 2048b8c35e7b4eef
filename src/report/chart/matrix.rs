//! A table of counts as a picture: the darker a cell, the larger its share of its row.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::HEIGHT;
use super::sheet::{Cells, DARK, HEAD, Sheet, between, short};

/// More rows than this have no room for numbers.
const NUMBERED: usize = 16;
/// And more than this none for names.
const NAMED: usize = 40;
/// Room above the cells, for what the rows are, and below them, for what the columns are.
const ABOVE: u32 = 24;
const BELOW: u32 = 44;
/// The least height of a cell with a name, and the largest.
const CELL: (u32, u32) = (14, 40);

/// A square table of counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatrixChart {
    /// What it shows.
    pub title: String,
    /// What the rows are.
    pub rows: String,
    /// What the columns are.
    pub columns: String,
    /// The names of rows and of columns.
    pub names: Vec<String>,
    /// A list a row.
    pub counts: Vec<Vec<u64>>,
}

impl Drawing for MatrixChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self) -> u32 {
        let rows = self.names.len().max(1) as u32;
        if self.names.len() > NAMED {
            return HEIGHT;
        }
        HEAD + ABOVE + rows * ((HEIGHT - HEAD - ABOVE - BELOW) / rows).clamp(CELL.0, CELL.1) + BELOW
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let sheet = Sheet::below(area, &self.title, scale)?;
        let count = self.names.len().max(1) as i32;
        let (left, top) = (sheet.left + sheet.pixels(150), sheet.top + sheet.pixels(ABOVE));
        let cells = Cells {
            left,
            top,
            width: sheet.right - sheet.pixels(16) - left,
            height: sheet.bottom - sheet.pixels(BELOW) - top,
            rows: count,
            columns: count,
        };
        // A name in a column has the width of a cell.
        let letters_in_cell = (cells.width / count / sheet.pixels(7)).max(1) as usize;
        // Names cut to a few letters are all alike: then columns are called by their number.
        let numbered = self.names.iter().any(|name| name.chars().count() > letters_in_cell);
        let style = sheet.letters(11);
        for (row, (name, counts)) in (0..).zip(self.names.iter().zip(&self.counts)) {
            let sum = counts.iter().sum::<u64>().max(1) as f64;
            for (column, &number) in (0..).zip(counts) {
                let share = number as f64 / sum;
                sheet.cell(cells.corners(row, column), between([246; 3], [0, 90, 150], share))?;
                if self.names.len() <= NUMBERED && number > 0 {
                    let white = style.color(&WHITE);
                    let style = if share > DARK { &white } else { &style };
                    sheet.text_around(&number.to_string(), cells.middle(row, column), style)?;
                }
            }
            if self.names.len() <= NAMED {
                let number = (row + 1).to_string();
                let text = short(name, 18);
                let text = if numbered { format!("{text} {number}") } else { text };
                sheet.text_up_to(&text, (left - sheet.pixels(6), cells.middle(row, 0).1), &style)?;
                let at = (cells.middle(0, row).0, top + cells.height + sheet.pixels(12));
                sheet.text_around(if numbered { &number } else { name }, at, &style)?;
            }
        }
        let style = sheet.letters(13);
        let below = (left + cells.width / 2, top + cells.height + sheet.pixels(32));
        sheet.text_around(&self.columns, below, &style)?;
        sheet.text_below(&self.rows, (sheet.left + sheet.pixels(14), sheet.top), &style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(classes: usize) -> MatrixChart {
        MatrixChart {
            title: "Confusion".to_owned(),
            rows: "what is there".to_owned(),
            columns: "what is reported".to_owned(),
            names: (0..classes).map(|number| format!("c{number}")).collect(),
            counts: (0..classes)
                .map(|row| (0..classes).map(|column| (900 + 10 * row + column) as u64).collect())
                .collect(),
        }
    }

    #[test]
    fn cells_hold_their_number_as_long_as_there_is_room() {
        let svg = chart(3).picture().unwrap().svg;
        for word in ["what is there", "what is reported", "c2", "900", "921"] {
            assert!(svg.contains(word), "{word}");
        }
        let svg = chart(20).picture().unwrap().svg;
        assert!(svg.contains("c19") && !svg.contains("921"));
        let long = MatrixChart {
            names: (0..20).map(|number| format!("long name {number}")).collect(),
            ..chart(20)
        };
        assert!(
            long.picture().unwrap().svg.contains("long name 19 20"),
            "with the number of its column"
        );
        assert!(chart(3).height() < HEIGHT && chart(40).height() > HEIGHT);
        assert_eq!(chart(80).height(), HEIGHT);
        assert!(!chart(80).picture().unwrap().svg.contains("c19"));
        chart(0).picture().unwrap();
    }
}
