//! Curves over a number, with markers and, where several seeds are averaged, a band around them.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::{Drawing, centred, colour, frame, letters, mark, render};
use super::{ChartError, Picture};

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Across.
    pub x: f64,
    /// Up: the mean over seeds.
    pub y: f64,
    /// How far the band reaches up and down, if there is one.
    pub half: Option<f64>,
}

impl Point {
    /// The lower edge of the band: what cannot be negative does not seem so.
    fn lower(&self) -> Option<f64> {
        let lower = self.y - self.half?;
        Some(if self.y >= 0.0 { lower.max(0.0) } else { lower })
    }
}

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points from left to right.
    pub points: Vec<Point>,
}

/// A chart of curves.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChart {
    /// What it shows.
    pub title: String,
    /// What is across, with its unit.
    pub x_label: String,
    /// What is up, with its unit.
    pub y_label: String,
    /// Whether only whole numbers make sense across.
    pub whole_x: bool,
    /// The curves.
    pub series: Vec<Series>,
}

impl LineChart {
    /// Draws it.
    ///
    /// # Errors
    /// When the drawing library does.
    pub fn picture(&self) -> Result<Picture, ChartError> {
        render(self)
    }

    /// What is shown across and up.
    fn bounds(&self) -> [(f64, f64); 2] {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (low, high) = points().fold((f64::INFINITY, f64::NEG_INFINITY), |ends, p| {
            (ends.0.min(p.y), ends.1.max(p.y))
        });
        // The interval of few seeds can be wider than all curves together: it is cut rather than that it hides them.
        let most = (high - low).max(high.abs() * 0.1) * 0.25;
        let ends = |p: &Point| {
            let upper = (p.y + p.half.unwrap_or(0.0)).min(high + most);
            [p.lower().unwrap_or(p.y).max(low - most), upper]
        };
        [span(points().map(|p| p.x)), span(points().flat_map(ends))]
    }
}

/// From a little below the lowest value to a little above the highest; from 0 when that is not far.
fn span(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return (0.0, 1.0);
    }
    let low = if low >= 0.0 && low < 0.35 * high { 0.0 } else { low };
    // Equal values get a span that does not depend on the last bits.
    let margin = match high - low {
        extent if extent > 1e-9 => extent * 0.06,
        _ => high.abs().max(1.0) * 0.1,
    };
    let below = if low >= 0.0 {
        (low - margin).max(0.0)
    } else {
        low - margin
    };
    (below, high + margin)
}

impl Drawing for LineChart {
    fn title(&self) -> &str {
        &self.title
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let longest = self
            .series
            .iter()
            .map(|series| series.name.chars().count())
            .max()
            .unwrap_or(0) as u32;
        let (plot, legend) = frame(area, &self.title, (60 + 8 * longest).clamp(110, 260), scale)?;
        let [(low, high), (bottom, top)] = self.bounds();
        let mut chart = ChartBuilder::on(&plot)
            .margin(8 * scale)
            .x_label_area_size(46 * scale)
            .y_label_area_size(64 * scale)
            .build_cartesian_2d(low..high, bottom..top)?;
        let decimals = match top - bottom {
            extent if extent < 0.15 => 3,
            extent if extent < 2.0 => 2,
            _ => 0,
        };
        let x_labels = if self.whole_x {
            ((high - low) as usize + 1).min(12)
        } else {
            8
        };
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225).stroke_width(scale))
            .axis_style(RGBColor(90, 90, 90).stroke_width(scale))
            .x_desc(self.x_label.as_str())
            .y_desc(self.y_label.as_str())
            .axis_desc_style(letters(14, scale))
            .label_style(letters(12, scale))
            .x_labels(x_labels)
            .y_labels(8)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.decimals$}"))
            .draw()?;
        for (index, series) in self.series.iter().enumerate() {
            let band: Vec<(f64, f64)> = {
                let upper = series.points.iter().filter_map(|p| Some((p.x, p.y + p.half?)));
                let lower = series.points.iter().rev().filter_map(|p| Some((p.x, p.lower()?)));
                upper.chain(lower).map(|(x, y)| (x, y.clamp(bottom, top))).collect()
            };
            if band.len() > 3 {
                chart.draw_series(std::iter::once(Polygon::new(band, colour(index).mix(0.15))))?;
            }
            let line = series.points.iter().map(|p| (p.x, p.y));
            chart.draw_series(LineSeries::new(line, colour(index).stroke_width(2 * scale)))?;
        }
        for (index, series) in self.series.iter().enumerate() {
            for point in &series.points {
                mark(area, index, chart.backend_coord(&(point.x, point.y)), scale)?;
            }
        }
        let (origin, _) = legend.get_pixel_range();
        let rows = legend.get_pixel_range().1;
        for (index, series) in self.series.iter().enumerate() {
            let (left, y) = (
                origin.start + (8 * scale) as i32,
                rows.start + ((18 + 22 * index as u32) * scale) as i32,
            );
            let right = left + (26 * scale) as i32;
            area.draw(&PathElement::new(
                [(left, y), (right, y)],
                colour(index).stroke_width(2 * scale),
            ))?;
            mark(area, index, ((left + right) / 2, y), scale)?;
            let at = (right + (6 * scale) as i32, y);
            area.draw(&Text::new(series.name.clone(), at, centred(13, scale)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_axes_and_every_series_in_svg_and_is_a_png() {
        let points = |offset: f64| {
            (0..4)
                .map(|x| Point {
                    x: f64::from(x),
                    y: offset + 0.1 * f64::from(x),
                    half: Some(0.05),
                })
                .collect()
        };
        let chart = LineChart {
            title: "AP50 over rounds".to_owned(),
            x_label: "round".to_owned(),
            y_label: "AP50".to_owned(),
            whole_x: true,
            series: vec![
                Series {
                    name: "v1".to_owned(),
                    points: points(0.2),
                },
                Series {
                    name: "topk_v3".to_owned(),
                    points: points(0.3),
                },
            ],
        };
        let picture = chart.picture().unwrap();
        for word in ["AP50 over rounds", "round", "AP50", "v1", "topk_v3"] {
            assert!(picture.svg.contains(word), "{word}");
        }
        let decoded = image::load_from_memory(&picture.png).unwrap().to_rgb8();
        assert_eq!(decoded.dimensions(), (1520, 880));
        let [r, g, b] = [0, 114, 178];
        assert!(
            decoded.pixels().any(|pixel| pixel.0 == [r, g, b]),
            "the first curve's colour is on the picture"
        );
    }

    #[test]
    fn a_chart_without_points_is_still_drawn() {
        let chart = LineChart {
            title: "none".to_owned(),
            x_label: "x".to_owned(),
            y_label: "y".to_owned(),
            whole_x: false,
            series: Vec::new(),
        };
        assert!(chart.picture().unwrap().svg.contains("none"));
    }
}
