//! Small charts of curves beside one another, with the same axes and one legend: one measure each, of the same strategies.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::Series;
use super::axes::{Axes, Names, beside_legend, height_beside};
use super::canvas::letters;
use super::lines::{bounds, curves, decimals, line_legend, names, whole_marks};

/// Height of a panel's title in CSS pixels.
const HEAD: u32 = 18;

/// Charts side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct PanelsChart {
    /// What all show.
    pub title: String,
    /// What is across, whole numbers.
    pub x_label: String,
    /// What is up.
    pub y_label: String,
    /// The least and the largest value that what is up can have.
    pub limits: (f64, f64),
    /// A title each, with curves: those at the same place have one name and one colour.
    pub panels: Vec<(String, Vec<Series>)>,
}

impl PanelsChart {
    /// The names in the legend, each once.
    fn names(&self) -> Names {
        let mut names = names(self.panels.iter().flat_map(|(_, series)| series.iter().enumerate()));
        names.sort();
        names.dedup();
        names
    }

    fn series(&self) -> impl Iterator<Item = &Series> {
        self.panels.iter().flat_map(|(_, series)| series)
    }

    /// Rows and columns that hold all panels.
    fn grid(&self) -> (usize, usize) {
        let count = self.panels.len().max(1);
        let columns = (1..).find(|side| side * side >= count).unwrap_or(1);
        (count.div_ceil(columns), columns)
    }
}

impl Drawing for PanelsChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn height(&self) -> u32 {
        height_beside(self.names().len())
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let names = self.names();
        let (plots, beside) = beside_legend(area, &self.title, &names, scale)?;
        let [(low, high), (bottom, top)] = bounds(&self.series().collect::<Vec<_>>(), self.limits);
        let (rows, columns) = self.grid();
        let places = plots.split_evenly((rows, columns));
        for (at, ((title, series), place)) in self.panels.iter().zip(&places).enumerate() {
            // What the axes say stands at the edges alone.
            let is_lowest = at + columns >= self.panels.len();
            let axes = Axes {
                x: if is_lowest { &self.x_label } else { "" },
                y: if at % columns == 0 { &self.y_label } else { "" },
                marks: [whole_marks(low, high, 8), 6],
                decimals: [0, decimals(top - bottom)],
                is_small: true,
            };
            let (head, plot) = place.split_vertically(HEAD * scale);
            let left = (60 * scale) as i32;
            head.draw(&Text::new(
                title.clone(),
                (left, (4 * scale) as i32),
                letters(13, scale),
            ))?;
            let mut chart = axes.draw(&plot, (low..high, bottom..top), scale)?;
            curves((area, &mut chart), series.iter().enumerate(), self.limits, scale)?;
        }
        line_legend((area, &beside), (&names, &[]), scale)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Point;
    use super::*;

    #[test]
    fn each_panel_has_its_title_and_the_legend_each_name_once() {
        let series = |name: &str, y: f64| Series {
            name: name.to_owned(),
            points: vec![Point { x: 1.0, y, half: None }, Point { x: 2.0, y, half: None }],
        };
        let empty = Series {
            name: "silent".to_owned(),
            points: Vec::new(),
        };
        let panel = |title: &str, y: f64| {
            (
                title.to_owned(),
                vec![series("v1", y), empty.clone(), series("topk_v3", y / 2.0)],
            )
        };
        let chart = PanelsChart {
            title: "Scores".to_owned(),
            x_label: "round".to_owned(),
            y_label: "rho".to_owned(),
            limits: (-1.0, 1.0),
            panels: vec![panel("certain_sum", 0.5), panel("weakest", -0.25), panel("mean", 0.1)],
        };
        assert_eq!(chart.grid(), (2, 2));
        let svg = chart.picture().unwrap().svg;
        for (word, times) in [
            ("v1", 1),
            ("topk_v3", 1),
            ("silent", 0),
            ("certain_sum", 1),
            ("weakest", 1),
        ] {
            assert_eq!(svg.matches(&format!("\n{word}\n")).count(), times, "{word}");
        }
        // The third series keeps the third colour though the second has no points.
        assert!(svg.contains("#009E73") && !svg.contains("#D55E00"));
    }
}
