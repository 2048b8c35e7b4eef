//! Costs by strategy and value of a param as a picture: the darker a cell, the cheaper.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::HEIGHT;
use super::sheet::{Cells, DARK, HEAD, Sheet, between, short, squeezed};

/// More rows or columns than this have no room for words.
const NAMED: usize = 24;
/// Room above the cells and below them, for what the columns are.
const ABOVE: u32 = 8;
const BELOW: u32 = 52;
/// The least height of a cell with words, and the largest.
const CELL: (u32, u32) = (18, 34);

/// A cost as a number and in words; none where there is none.
pub type Cost = Option<(f64, String)>;

/// A table of costs.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatChart {
    /// What it shows.
    pub title: String,
    /// What the columns are values of.
    pub param: String,
    /// The param's values.
    pub columns: Vec<String>,
    /// A name with a cost for each column.
    pub rows: Vec<(String, Vec<Cost>)>,
}

impl HeatChart {
    fn is_worded(&self) -> bool {
        self.rows.len() <= NAMED && self.columns.len() <= NAMED
    }

    /// How cheap a cost is among all: 1 for the lowest, 0 for the highest.
    fn cheapness(&self, cost: f64) -> f64 {
        let all = || {
            self.rows
                .iter()
                .flat_map(|(_, cells)| cells)
                .flatten()
                .map(|(cost, _)| *cost)
        };
        let (low, high) = (
            all().fold(f64::INFINITY, f64::min),
            all().fold(f64::NEG_INFINITY, f64::max),
        );
        if high > low { (high - cost) / (high - low) } else { 1.0 }
    }
}

impl Drawing for HeatChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self) -> u32 {
        let rows = self.rows.len().max(1) as u32;
        if !self.is_worded() {
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
        let (left, top) = (sheet.left + sheet.pixels(190), sheet.top + sheet.pixels(ABOVE));
        let cells = Cells {
            left,
            top,
            width: sheet.right - sheet.pixels(16) - left,
            height: sheet.bottom - sheet.pixels(BELOW) - top,
            rows: self.rows.len().max(1) as i32,
            columns: self.columns.len().max(1) as i32,
        };
        let worded = self.is_worded();
        let style = sheet.letters(11);
        for (row, (name, costs)) in (0..).zip(&self.rows) {
            for (column, cost) in (0..).zip(costs) {
                let cheap = cost.as_ref().map_or(0.0, |(cost, _)| self.cheapness(*cost));
                let fill = match cost {
                    Some(_) => between([225, 236, 244], [0, 90, 150], cheap),
                    None => RGBColor(240, 240, 240),
                };
                sheet.cell(cells.corners(row, column), fill)?;
                if worded {
                    let text = cost.as_ref().map_or("–", |(_, text)| text);
                    let white = style.color(&WHITE);
                    let style = if cheap > DARK { &white } else { &style };
                    sheet.text_around(text, cells.middle(row, column), style)?;
                }
            }
            if worded {
                let at = (left - sheet.pixels(6), cells.middle(row, 0).1);
                sheet.text_up_to(&squeezed(name, 26), at, &style)?;
            }
        }
        let most = (cells.width / cells.columns / sheet.pixels(7)).max(1) as usize;
        for (column, value) in (0..).zip(&self.columns).filter(|_| worded) {
            let at = (cells.middle(0, column).0, top + cells.height + sheet.pixels(12));
            sheet.text_around(&short(value, most), at, &style)?;
        }
        let at = (left + cells.width / 2, top + cells.height + sheet.pixels(34));
        sheet.text_around(&self.param, at, &sheet.letters(13))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(costs: &[Option<f64>]) -> HeatChart {
        HeatChart {
            title: "Cost".to_owned(),
            param: "split.initial".to_owned(),
            columns: (0..costs.len()).map(|at| format!("value {at}")).collect(),
            rows: vec![(
                "topk_v3".to_owned(),
                costs
                    .iter()
                    .map(|cost| cost.map(|cost| (cost, format!("{cost:.2}"))))
                    .collect(),
            )],
        }
    }

    #[test]
    fn the_cheapest_is_darkest_and_what_is_never_reached_has_a_dash() {
        let chart = chart(&[Some(2.0), Some(4.0), None]);
        assert_eq!(
            (chart.cheapness(2.0), chart.cheapness(3.0), chart.cheapness(4.0)),
            (1.0, 0.5, 0.0)
        );
        let svg = chart.picture().unwrap().svg;
        for word in ["split.initial", "value 2", "topk_v3", "2.00", "–", "#005A96", "#E1ECF4"] {
            assert!(svg.contains(word), "{word}");
        }
    }

    #[test]
    fn a_map_is_no_higher_than_its_rows_need_and_its_words_have_room() {
        let of_rows = |count: usize| {
            let one = chart(&[Some(1.0)]);
            HeatChart {
                rows: vec![one.rows[0].clone(); count],
                ..one
            }
        };
        assert_eq!(of_rows(2).height() - of_rows(1).height(), CELL.1);
        assert_eq!(of_rows(24).height(), HEAD + ABOVE + BELOW + 24 * CELL.0);
        assert_eq!(of_rows(25).height(), HEIGHT, "no words");
    }

    #[test]
    fn a_map_of_one_cost_or_none_is_drawn_all_the_same() {
        assert_eq!(chart(&[Some(3.0)]).cheapness(3.0), 1.0);
        chart(&[None]).picture().unwrap();
        chart(&[]).picture().unwrap();
        assert!(
            !chart(&[Some(1.0); 40]).picture().unwrap().svg.contains("1.00"),
            "no room for words"
        );
    }
}
