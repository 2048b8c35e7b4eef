//! The critical-difference diagram (Demšar 2006) for a paper: strategies on a line of mean ranks, bars over those that do not differ.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Drawing, render};
use super::sheet::{Sheet, squeezed};
use super::{ChartError, Picture};
use crate::statistics::cliques;

const LEFT: u32 = 230;
const RIGHT: u32 = 530;

/// Mean ranks over datasets.
#[derive(Clone, Debug, PartialEq)]
pub struct RanksChart {
    /// What it shows.
    pub title: String,
    /// Names and their mean ranks.
    pub ranks: Vec<(String, f64)>,
    /// Ranks that are farther apart differ.
    pub critical_difference: f64,
}

impl RanksChart {
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library does.
    pub fn picture(&self) -> Result<Picture, ChartError> {
        render(self)
    }
}

impl Drawing for RanksChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let sheet = Sheet::below(area, &self.title, scale)?;
        let pixels = |length: u32| sheet.pixels(length);
        let (left, right) = (sheet.left + pixels(LEFT), sheet.left + pixels(RIGHT));
        let (count, top) = (self.ranks.len(), sheet.top + pixels(68));
        let widest = (count as f64 - 1.0).max(1.0);
        let reach = |ranks: f64| (ranks / widest * f64::from(right - left)) as i32;
        let x = |rank: f64| left + reach(rank - 1.0);
        let style = sheet.letters(12);

        let (y, end) = (sheet.top + pixels(26), left + reach(self.critical_difference));
        sheet.line(&[(left, y), (end, y)], 1)?;
        for x in [left, end] {
            sheet.line(&[(x, y - pixels(4)), (x, y + pixels(4))], 1)?;
        }
        let words = format!("critical difference {:.2}", self.critical_difference);
        sheet.text_below(&words, (left, sheet.top + pixels(4)), &style)?;

        sheet.line(&[(left, top), (right, top)], 1)?;
        for rank in 1..=count {
            let x = x(rank as f64);
            sheet.line(&[(x, top), (x, top - pixels(6))], 1)?;
            sheet.text_around(&rank.to_string(), (x, top - pixels(14)), &style)?;
        }
        let values: Vec<f64> = self.ranks.iter().map(|(_, rank)| *rank).collect();
        let bars = cliques(&values, self.critical_difference);
        for (row, clique) in (0..).zip(&bars) {
            let y = top + pixels(9 + 9 * row);
            let (first, last) = (values[clique[0]], values[clique[clique.len() - 1]]);
            sheet.line(&[(x(first) - pixels(3), y), (x(last) + pixels(3), y)], 4)?;
        }

        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let half = count.div_ceil(2);
        let below = top + pixels(22 + 9 * bars.len() as u32);
        let step = pixels(24).min((sheet.bottom - pixels(16) - below) / half.max(1) as i32);
        for (place, &at) in order.iter().enumerate() {
            let is_left = place < half;
            let row = if is_left { place } else { count - 1 - place };
            let y = below + step * row as i32;
            let end = if is_left { left - pixels(14) } else { right + pixels(14) };
            sheet.line(&[(x(values[at]), top), (x(values[at]), y), (end, y)], 1)?;
            let text = format!("{} ({:.2})", squeezed(&self.ranks[at].0, 22), values[at]);
            match is_left {
                true => sheet.text_up_to(&text, (end - pixels(4), y), &style)?,
                false => sheet.text(&text, (end + pixels(4), y), &style)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(ranks: &[f64]) -> RanksChart {
        RanksChart {
            title: "Ranks".to_owned(),
            ranks: ranks
                .iter()
                .enumerate()
                .map(|(at, rank)| (format!("s{at}"), *rank))
                .collect(),
            critical_difference: 0.8,
        }
    }

    #[test]
    fn every_strategy_is_named_and_a_bar_joins_those_that_do_not_differ() {
        let svg = chart(&[1.0, 1.5, 3.0]).picture().unwrap().svg;
        for word in ["critical difference 0.80", "s0 (1.00)", "s1 (1.50)", "s2 (3.00)"] {
            assert!(svg.contains(word), "{word}");
        }
        assert_eq!(svg.matches("stroke-width=\"4\"").count(), 1);
        assert_eq!(
            chart(&[1.0, 2.0, 3.0])
                .picture()
                .unwrap()
                .svg
                .matches("stroke-width=\"4\"")
                .count(),
            0
        );
    }

    #[test]
    fn many_strategies_move_together() {
        let many: Vec<f64> = (1..40).map(f64::from).collect();
        chart(&many).picture().unwrap();
        chart(&[1.0]).picture().unwrap();
    }
}
