//! Stacked bars: how a whole divides, round by round.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::axes::{Axes, Names, beside_legend, height_beside, legend};
use super::canvas::{colour, letters};

/// One part of every bar.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSegment {
    /// Its name in the legend.
    pub name: String,
    /// Its height in each bar.
    pub values: Vec<f64>,
}

/// A chart of stacked bars.
#[derive(Clone, Debug, PartialEq)]
pub struct StackedBars {
    /// What it shows.
    pub title: String,
    /// What is across.
    pub x_label: String,
    /// What is up, with its unit.
    pub y_label: String,
    /// A label for each bar.
    pub bars: Vec<String>,
    /// The parts, from the bottom up.
    pub segments: Vec<BarSegment>,
}

impl Drawing for StackedBars {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self) -> u32 {
        height_beside(self.segments.len())
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        // The last segment is on top, in the bars as in the legend.
        let named = self.segments.iter().enumerate().rev();
        let names: Names = named.map(|(index, segment)| (index, segment.name.clone())).collect();
        let (plot, beside) = beside_legend(area, &self.title, &names, scale)?;
        let sums = (0..self.bars.len()).map(|bar| self.segments.iter().filter_map(|s| s.values.get(bar)).sum::<f64>());
        let top = sums.fold(0.0, f64::max);
        let top = if top > 0.0 { top * 1.05 } else { 1.0 };
        let bars = self.bars.len().max(1);
        let axes = Axes {
            x: &self.x_label,
            y: &self.y_label,
            marks: [0, 8],
            decimals: [0, if top < 2.0 { 2 } else { 0 }],
            is_small: false,
        };
        let mut chart = axes.draw(&plot, (0.0..bars as f64, 0.0..top), scale)?;
        let every = bars.div_ceil(16);
        for (bar, label) in self.bars.iter().enumerate() {
            let (left, right) = (bar as f64 + 0.15, bar as f64 + 0.85);
            let mut base = 0.0;
            for (index, segment) in self.segments.iter().enumerate() {
                let value = segment.values.get(bar).copied().unwrap_or(0.0);
                let corners = [(left, base), (right, base + value)];
                chart.draw_series(std::iter::once(Rectangle::new(
                    corners,
                    colour(index).mix(0.9).filled(),
                )))?;
                base += value;
            }
            if bar % every == 0 {
                let (x, y) = chart.backend_coord(&(bar as f64 + 0.5, 0.0));
                let style = letters(12, scale);
                let (width, _) = area.estimate_text_size(label, &style)?;
                let at = (x - width as i32 / 2, y + (7 * scale) as i32);
                area.draw(&Text::new(label.clone(), at, style))?;
            }
        }
        legend((area, &beside), &names, scale, |index, sign| {
            let (half, left) = ((6 * scale) as i32, sign.right - (12 * scale) as i32);
            let corners = [(left, sign.y - half), (sign.right, sign.y + half)];
            area.draw(&Rectangle::new(corners, colour(index).mix(0.9).filled()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_name_their_segments_and_rounds() {
        let chart = StackedBars {
            title: "Who drew the boxes".to_owned(),
            x_label: "round".to_owned(),
            y_label: "share of boxes".to_owned(),
            bars: vec!["1".to_owned(), "2".to_owned()],
            segments: vec![
                BarSegment {
                    name: "model (SL)".to_owned(),
                    values: vec![0.25, 0.5],
                },
                BarSegment {
                    name: "annotator (AL)".to_owned(),
                    values: vec![0.75, 0.5],
                },
            ],
        };
        let svg = chart.picture().unwrap().svg;
        for word in ["Who drew the boxes", "model (SL)", "annotator (AL)", "share of boxes"] {
            assert!(svg.contains(word), "{word}");
        }
    }
}
