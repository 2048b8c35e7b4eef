//! Precision over recall: a thin curve a class, a thick one for their mean.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::axes::Axes;
use super::canvas::{centred, colour};
use super::sheet::below_title;

/// As many classes as the legend names.
const NAMED: usize = 16;

/// A class's curve.
#[derive(Clone, Debug, PartialEq)]
pub struct RecallCurve {
    /// The class, and what else the legend says of it.
    pub name: String,
    /// Recall and precision, by ascending recall.
    pub points: Vec<(f64, f64)>,
}

/// The curves of several classes.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionRecallChart {
    /// What it shows.
    pub title: String,
    /// The mean over the classes.
    pub mean: Option<RecallCurve>,
    /// The classes.
    pub classes: Vec<RecallCurve>,
}

impl PrecisionRecallChart {
    /// What the legend says, each with the number of its colour; none for the mean.
    fn legend(&self) -> Vec<(Option<usize>, String)> {
        let mean = self.mean.iter().map(|mean| (None, mean.name.clone()));
        let named = self.classes.iter().take(NAMED).enumerate();
        let named = named.map(|(index, class)| (Some(index), class.name.clone()));
        let others = self.classes.len().saturating_sub(NAMED);
        let others = (others > 0).then(|| (Some(NAMED), format!("and {others} more")));
        mean.chain(named).chain(others).collect()
    }
}

impl Drawing for PrecisionRecallChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let names = self.legend();
        let longest = names.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0) as u32;
        let body = below_title(area, &self.title, scale)?;
        let wide = (60 + 8 * longest).clamp(110, 260) * scale;
        let (plot, legend) = body.split_horizontally(body.dim_in_pixel().0.saturating_sub(wide));
        let axes = Axes {
            x: "recall",
            y: "precision",
            marks: [6, 6],
            decimals: [1, 1],
            is_small: false,
        };
        let mut chart = axes.draw(&plot, (0.0..1.0, 0.0..1.02), scale)?;
        let style = |index: Option<usize>| match index {
            Some(index) => colour(index).mix(0.8).stroke_width(scale),
            None => BLACK.stroke_width(3 * scale),
        };
        for (index, class) in self.classes.iter().enumerate() {
            chart.draw_series(LineSeries::new(class.points.iter().copied(), style(Some(index))))?;
        }
        if let Some(mean) = &self.mean {
            chart.draw_series(LineSeries::new(mean.points.iter().copied(), style(None)))?;
        }
        let (columns, rows) = legend.get_pixel_range();
        for (place, (index, name)) in names.iter().enumerate() {
            let (left, y) = (
                columns.start + (8 * scale) as i32,
                rows.start + ((18 + 20 * place as u32) * scale) as i32,
            );
            let right = left + (26 * scale) as i32;
            if *index != Some(NAMED) {
                area.draw(&PathElement::new([(left, y), (right, y)], style(*index)))?;
            }
            let at = (right + (6 * scale) as i32, y);
            area.draw(&Text::new(name.clone(), at, centred(12, scale)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(name: String) -> RecallCurve {
        RecallCurve {
            name,
            points: vec![(0.0, 1.0), (0.5, 0.75), (1.0, 0.0)],
        }
    }

    #[test]
    fn the_legend_names_the_mean_and_the_classes_that_fit() {
        let chart = |classes: usize| PrecisionRecallChart {
            title: "Precision over recall".to_owned(),
            mean: Some(curve("mean 0.61".to_owned())),
            classes: (0..classes).map(|number| curve(format!("class-{number}"))).collect(),
        };
        let svg = chart(2).picture().unwrap().svg;
        for word in ["recall", "precision", "mean 0.61", "class-0", "class-1"] {
            assert!(svg.contains(word), "{word}");
        }
        let svg = chart(20).picture().unwrap().svg;
        assert!(svg.contains("and 4 more") && !svg.contains("class-16"));
    }
}
