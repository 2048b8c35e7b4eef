//! A table of counts as a picture: the darker a cell, the larger its share of its row.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Drawing, frame, letters, render};
use super::{ChartError, Picture};

/// More rows than this have no room for numbers.
const NUMBERED: usize = 16;
/// And more than this none for names.
const NAMED: usize = 40;

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

impl MatrixChart {
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library does.
    pub fn picture(&self) -> Result<Picture, ChartError> {
        render(self)
    }
}

/// A name cut to what fits.
pub(super) fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

impl Drawing for MatrixChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let (plot, _) = frame(area, &self.title, 0, scale)?;
        let (columns, rows) = plot.get_pixel_range();
        let pixels = |length: u32| (length * scale) as i32;
        let count = self.names.len().max(1) as i32;
        let (left, top) = (columns.start + pixels(150), rows.start + pixels(24));
        let (width, height) = (columns.end - pixels(16) - left, rows.end - pixels(44) - top);
        // A name in a column has the width of a cell.
        let letters_in_cell = (width / count / pixels(7)).max(1) as usize;
        // Names cut to a few letters are all alike: then columns are called by their number.
        let numbered = self.names.iter().any(|name| name.chars().count() > letters_in_cell);
        for (row, (name, counts)) in self.names.iter().zip(&self.counts).enumerate() {
            let sum = counts.iter().sum::<u64>().max(1) as f64;
            let (y, below) = (
                top + height * row as i32 / count,
                top + height * (row as i32 + 1) / count,
            );
            for (column, &number) in counts.iter().enumerate() {
                let (x, beside) = (
                    left + width * column as i32 / count,
                    left + width * (column as i32 + 1) / count,
                );
                let share = number as f64 / sum;
                let shade = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * share) as u8;
                let fill = RGBColor(shade(246, 0), shade(246, 90), shade(246, 150));
                area.draw(&Rectangle::new([(x, y), (beside, below)], fill.filled()))?;
                area.draw(&Rectangle::new([(x, y), (beside, below)], WHITE.stroke_width(scale)))?;
                if self.names.len() <= NUMBERED && number > 0 {
                    let style = letters(11, scale);
                    let style = if share > 0.5 { style.color(&WHITE) } else { style };
                    middle(area, &number.to_string(), ((x + beside) / 2, (y + below) / 2), &style)?;
                }
            }
            if self.names.len() <= NAMED {
                let style = letters(11, scale);
                let number = (row + 1).to_string();
                let text = short(name, 18);
                let text = if numbered { format!("{text} {number}") } else { text };
                let (wide, high) = area.estimate_text_size(&text, &style)?;
                let at = (left - pixels(6) - wide as i32, (y + below) / 2 - high as i32 / 2);
                area.draw(&Text::new(text, at, style.clone()))?;
                let x = left + width * (2 * row as i32 + 1) / (2 * count);
                let text = if numbered { &number } else { name };
                middle(area, text, (x, top + height + pixels(12)), &style)?;
            }
        }
        let style = letters(13, scale);
        middle(
            area,
            &self.columns,
            (left + width / 2, top + height + pixels(32)),
            &style,
        )?;
        area.draw(&Text::new(
            self.rows.clone(),
            (columns.start + pixels(14), rows.start),
            style,
        ))
    }
}

/// Writes a text around a place.
pub(super) fn middle<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    text: &str,
    at: (i32, i32),
    style: &TextStyle<'_>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let (width, height) = area.estimate_text_size(text, style)?;
    let corner = (at.0 - width as i32 / 2, at.1 - height as i32 / 2);
    area.draw(&Text::new(text.to_owned(), corner, style.clone()))
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
        assert!(!chart(80).picture().unwrap().svg.contains("c19"));
        chart(0).picture().unwrap();
    }
}
