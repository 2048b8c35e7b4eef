//! The critical-difference diagram (Demšar 2006) for a paper: strategies on a line of mean ranks, bars over those that do not differ.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Drawing, frame, letters, render};
use super::matrix::{middle, short};
use super::{ChartError, Picture};
use crate::statistics::cliques;

const LEFT: u32 = 230;
const RIGHT: u32 = 530;
const INK: RGBColor = RGBColor(34, 34, 34);

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
        let (plot, _) = frame(area, &self.title, 0, scale)?;
        let (across, down) = plot.get_pixel_range();
        let pixels = |length: u32| (length * scale) as i32;
        let (left, right, top) = (
            across.start + pixels(LEFT),
            across.start + pixels(RIGHT),
            down.start + pixels(68),
        );
        let count = self.ranks.len();
        let widest = (count as f64 - 1.0).max(1.0);
        let reach = |ranks: f64| (ranks / widest * f64::from(right - left)) as i32;
        let x = |rank: f64| left + reach(rank - 1.0);
        let line = |points: &[(i32, i32)], width: u32| {
            let style = INK.stroke_width(width * scale);
            area.draw(&PathElement::new(points.to_vec(), style))
        };
        let style = letters(12, scale);

        let (y, end) = (down.start + pixels(26), left + reach(self.critical_difference));
        line(&[(left, y), (end, y)], 1)?;
        for x in [left, end] {
            line(&[(x, y - pixels(4)), (x, y + pixels(4))], 1)?;
        }
        let words = format!("critical difference {:.2}", self.critical_difference);
        area.draw(&Text::new(words, (left, down.start + pixels(4)), style.clone()))?;

        line(&[(left, top), (right, top)], 1)?;
        for rank in 1..=count {
            let x = x(rank as f64);
            line(&[(x, top), (x, top - pixels(6))], 1)?;
            middle(area, &rank.to_string(), (x, top - pixels(14)), &style)?;
        }
        let values: Vec<f64> = self.ranks.iter().map(|(_, rank)| *rank).collect();
        let bars = cliques(&values, self.critical_difference);
        for (row, clique) in (0..).zip(&bars) {
            let y = top + pixels(9 + 9 * row);
            let (first, last) = (values[clique[0]], values[clique[clique.len() - 1]]);
            line(&[(x(first) - pixels(3), y), (x(last) + pixels(3), y)], 4)?;
        }

        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let half = count.div_ceil(2);
        let below = top + pixels(22 + 9 * bars.len() as u32);
        let step = pixels(24).min((down.end - pixels(16) - below) / half.max(1) as i32);
        for (place, &at) in order.iter().enumerate() {
            let is_left = place < half;
            let row = if is_left { place } else { count - 1 - place };
            let y = below + step * row as i32;
            let end = if is_left { left - pixels(14) } else { right + pixels(14) };
            line(&[(x(values[at]), top), (x(values[at]), y), (end, y)], 1)?;
            let text = format!("{} ({:.2})", short(&self.ranks[at].0, 22), values[at]);
            let (wide, high) = area.estimate_text_size(&text, &style)?;
            let start = if is_left {
                end - pixels(4) - wide as i32
            } else {
                end + pixels(4)
            };
            area.draw(&Text::new(text, (start, y - high as i32 / 2), style.clone()))?;
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
