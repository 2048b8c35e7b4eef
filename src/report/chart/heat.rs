//! Costs by strategy and value of a param as a picture: the darker a cell, the cheaper.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Drawing, frame, letters, render};
use super::matrix::{middle, short};
use super::{ChartError, Picture};

/// More rows or columns than this have no room for words.
const NAMED: usize = 24;

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
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library does.
    pub fn picture(&self) -> Result<Picture, ChartError> {
        render(self)
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

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let (plot, _) = frame(area, &self.title, 0, scale)?;
        let (across, down) = plot.get_pixel_range();
        let pixels = |length: u32| (length * scale) as i32;
        let (left, top) = (across.start + pixels(190), down.start + pixels(8));
        let (width, height) = (across.end - pixels(16) - left, down.end - pixels(52) - top);
        let (rows, columns) = (self.rows.len().max(1) as i32, self.columns.len().max(1) as i32);
        let worded = self.rows.len() <= NAMED && self.columns.len() <= NAMED;
        let style = letters(11, scale);
        for (row, (name, cells)) in (0..).zip(&self.rows) {
            let (y, below) = (top + height * row / rows, top + height * (row + 1) / rows);
            for (column, cell) in (0..).zip(cells) {
                let (x, beside) = (left + width * column / columns, left + width * (column + 1) / columns);
                let cheap = cell.as_ref().map_or(0.0, |(cost, _)| self.cheapness(*cost));
                let shade = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * cheap) as u8;
                let fill = match cell {
                    Some(_) => RGBColor(shade(225, 0), shade(236, 90), shade(244, 150)),
                    None => RGBColor(255, 255, 255),
                };
                area.draw(&Rectangle::new([(x, y), (beside, below)], fill.filled()))?;
                area.draw(&Rectangle::new([(x, y), (beside, below)], WHITE.stroke_width(scale)))?;
                if worded {
                    let text = cell.as_ref().map_or("–", |(_, text)| text);
                    let style = if cheap > 0.5 {
                        style.color(&WHITE)
                    } else {
                        style.clone()
                    };
                    middle(area, text, ((x + beside) / 2, (y + below) / 2), &style)?;
                }
            }
            if worded {
                let text = short(name, 26);
                let (wide, high) = area.estimate_text_size(&text, &style)?;
                let at = (left - pixels(6) - wide as i32, (y + below) / 2 - high as i32 / 2);
                area.draw(&Text::new(text, at, style.clone()))?;
            }
        }
        let most = (width / columns / pixels(7)).max(1) as usize;
        for (column, value) in (0..).zip(&self.columns).filter(|_| worded) {
            let x = left + width * (2 * column + 1) / (2 * columns);
            middle(area, &short(value, most), (x, top + height + pixels(12)), &style)?;
        }
        let at = (left + width / 2, top + height + pixels(34));
        middle(area, &self.param, at, &letters(13, scale))
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
