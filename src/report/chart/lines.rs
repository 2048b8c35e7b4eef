//! Curves over a number, with markers and, where several seeds are averaged, a band around them.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::Drawing;
use super::axes::{Axes, Names, Plot, beside_legend, height_beside, legend};
use super::canvas::{colour, mark};

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
    /// The least and the largest value that what is up can have: no band reaches beyond.
    pub limits: (f64, f64),
    /// The curves.
    pub series: Vec<Series>,
    /// The curves of which only the last height counts, by their places: a dashed line across, wherever they end.
    pub levels: Vec<usize>,
}

impl LineChart {
    /// The curves at all their points, and the others as one point each, which lies where the first do.
    fn placed(&self) -> Vec<Series> {
        let is_level = |place: usize| self.levels.contains(&place);
        let curves = self.series.iter().enumerate().filter(|(place, _)| !is_level(*place));
        let from = curves.flat_map(|(_, series)| &series.points).map(|point| point.x);
        let from = from.fold(f64::INFINITY, f64::min);
        let place = |(place, series): (usize, &Series)| {
            let last = series.points.last().filter(|_| is_level(place));
            let level = last.map(|point| Point {
                x: if from.is_finite() { from } else { point.x },
                half: None,
                ..*point
            });
            Series {
                name: series.name.clone(),
                points: level.map_or_else(|| series.points.clone(), |point| vec![point]),
            }
        };
        self.series.iter().enumerate().map(place).collect()
    }
}

/// What is shown of these curves across and up.
pub(super) fn bounds(series: &[&Series], limits: (f64, f64)) -> [(f64, f64); 2] {
    let points = || series.iter().flat_map(|series| &series.points);
    let (low, high) = points().fold((f64::INFINITY, f64::NEG_INFINITY), |ends, p| {
        (ends.0.min(p.y), ends.1.max(p.y))
    });
    // The interval of few seeds can be wider than all curves together: it is cut rather than that it hides them.
    let most = (high - low).max(high.abs() * 0.1) * 0.25;
    let ends = |p: &Point| {
        let half = p.half.unwrap_or(0.0);
        let (lower, upper) = ((p.y - half).max(limits.0), (p.y + half).min(limits.1));
        [lower.max(low - most).min(p.y), upper.min(high + most).max(p.y)]
    };
    [span(points().map(|p| p.x)), span(points().flat_map(ends))]
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

    fn height(&self) -> u32 {
        height_beside(names(self.series.iter().enumerate()).len())
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let names = names(self.series.iter().enumerate());
        let (plot, beside) = beside_legend(area, &self.title, &names, scale)?;
        let placed = self.placed();
        let [(low, high), (bottom, top)] = bounds(&placed.iter().collect::<Vec<_>>(), self.limits);
        let axes = Axes {
            x: &self.x_label,
            y: &self.y_label,
            marks: [if self.whole_x { whole_marks(low, high, 12) } else { 8 }, 8],
            decimals: [
                if self.whole_x { 0 } else { decimals(high - low) },
                decimals(top - bottom),
            ],
            is_small: false,
        };
        let mut chart = axes.draw(&plot, (low..high, bottom..top), scale)?;
        let is_level = |place: &usize| self.levels.contains(place);
        for (index, level) in placed.iter().enumerate().filter(|(place, _)| is_level(place)) {
            let Some(y) = level.points.first().map(|point| point.y) else {
                continue;
            };
            let style = colour(index).stroke_width(2 * scale);
            let [dash, gap] = [7, 5].map(|length: i32| length * scale as i32);
            chart.draw_series(DashedLineSeries::new([(low, y), (high, y)], dash, gap, style))?;
        }
        let curved = placed.iter().enumerate().filter(|(place, _)| !is_level(place));
        curves((area, &mut chart), curved, self.limits, scale)?;
        line_legend((area, &beside), (&names, &self.levels), scale)
    }
}

/// The names of the curves that have points.
pub(super) fn names<'a>(series: impl Iterator<Item = (usize, &'a Series)>) -> Names {
    let drawn = series.filter(|(_, series)| !series.points.is_empty());
    drawn.map(|(index, series)| (index, series.name.clone())).collect()
}

/// How many whole numbers there are to write, of so many at most.
pub(super) fn whole_marks(low: f64, high: f64, most: usize) -> usize {
    ((high - low) as usize + 1).min(most)
}

/// Decimals that tell the figures of an axis apart.
pub(super) fn decimals(extent: f64) -> usize {
    match extent {
        extent if extent < 0.15 => 3,
        extent if extent < 2.0 => 2,
        extent if extent < 16.0 => 1,
        _ => 0,
    }
}

/// Draws curves by the numbers of their colours: bands first, then lines, markers on top.
pub(super) fn curves<'a, B: DrawingBackend>(
    (area, chart): (&DrawingArea<B, Shift>, &mut Plot<'_, B>),
    series: impl Iterator<Item = (usize, &'a Series)> + Clone,
    limits: (f64, f64),
    scale: u32,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let shown = chart.y_range();
    // Bands of many curves lie over each other, and are to stay a ground for all of them.
    let shade = (0.6 / series.clone().count() as f64).min(0.15);
    for (index, series) in series.clone() {
        let edge = |p: &Point, half: f64| {
            let y = (p.y + half).clamp(limits.0, limits.1);
            (p.x, y.clamp(shown.start, shown.end))
        };
        let upper = series.points.iter().filter_map(|p| Some(edge(p, p.half?)));
        let lower = series.points.iter().rev().filter_map(|p| Some(edge(p, -p.half?)));
        let band: Vec<(f64, f64)> = upper.chain(lower).collect();
        if band.len() > 3 {
            chart.draw_series(std::iter::once(Polygon::new(band, colour(index).mix(shade))))?;
        }
    }
    for (index, series) in series.clone() {
        let line = series.points.iter().map(|p| (p.x, p.y));
        chart.draw_series(LineSeries::new(line, colour(index).stroke_width(2 * scale)))?;
    }
    for (index, series) in series {
        for point in &series.points {
            mark(area, index, chart.backend_coord(&(point.x, point.y)), scale)?;
        }
    }
    Ok(())
}

/// The legend of curves: a piece of line with its marker before each name, of the levels a dashed one without.
pub(super) fn line_legend<B: DrawingBackend>(
    areas: (&DrawingArea<B, Shift>, &DrawingArea<B, Shift>),
    (names, levels): (&Names, &[usize]),
    scale: u32,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    legend(areas, names, scale, |index, sign| {
        let style = colour(index).stroke_width(2 * scale);
        if levels.contains(&index) {
            let third = (sign.right - sign.left) / 3;
            for ends in [(sign.left, sign.left + third), (sign.right - third, sign.right)] {
                let dash = [(ends.0, sign.y), (ends.1, sign.y)];
                areas.0.draw(&PathElement::new(dash, style))?;
            }
            return Ok(());
        }
        let ends = [(sign.left, sign.y), (sign.right, sign.y)];
        areas.0.draw(&PathElement::new(ends, style))?;
        mark(areas.0, index, ((sign.left + sign.right) / 2, sign.y), scale)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_rounds(series: Vec<Series>) -> LineChart {
        LineChart {
            title: "AP50 over rounds".to_owned(),
            x_label: "round".to_owned(),
            y_label: "AP50".to_owned(),
            whole_x: true,
            limits: (0.0, 1.0),
            series,
            levels: Vec::new(),
        }
    }

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
        let chart = over_rounds(vec![
            Series {
                name: "v1".to_owned(),
                points: points(0.2),
            },
            Series {
                name: "topk_v3".to_owned(),
                points: points(0.3),
            },
        ]);
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
            limits: (0.0, 1.0),
            series: Vec::new(),
            levels: Vec::new(),
        };
        assert!(chart.picture().unwrap().svg.contains("none"));
    }

    #[test]
    fn marks_closer_than_one_are_told_apart() {
        let chart = LineChart {
            title: String::new(),
            x_label: "hours".to_owned(),
            y_label: "AP50".to_owned(),
            whole_x: false,
            limits: (0.0, 1.0),
            series: vec![Series {
                name: "v1".to_owned(),
                points: [3.0, 6.0].map(|x| Point { x, y: 0.5, half: None }).to_vec(),
            }],
            levels: Vec::new(),
        };
        let svg = chart.picture().unwrap().svg;
        assert!(svg.contains("3.5") && svg.contains("5.5"), "{svg}");
    }

    #[test]
    fn a_level_is_within_the_chart_but_does_not_widen_it() {
        let series = |name: &str, ends: [(f64, f64); 2]| Series {
            name: name.to_owned(),
            points: ends.map(|(x, y)| Point { x, y, half: Some(0.3) }).to_vec(),
        };
        let mut chart = LineChart {
            title: "AP50 over hours".to_owned(),
            x_label: "hours".to_owned(),
            y_label: "AP50".to_owned(),
            whole_x: false,
            limits: (0.0, 1.0),
            series: vec![
                series("v1", [(3.0, 0.5), (6.0, 0.6)]),
                series("full", [(3.0, 0.5), (130.0, 0.9)]),
            ],
            levels: vec![1],
        };
        let across = |chart: &LineChart| bounds(&chart.placed().iter().collect::<Vec<_>>(), chart.limits);
        let [(low, high), (_, top)] = across(&chart);
        assert!(low > 2.0 && high < 7.0 && top > 0.9, "{low} {high} {top}");
        assert!(chart.picture().unwrap().svg.contains("full"));
        chart.levels = Vec::new();
        assert!(across(&chart)[0].1 > 130.0);
        // Levels alone are drawn all the same.
        chart.levels = vec![0, 1];
        chart.picture().unwrap();
    }

    #[test]
    fn all_bands_lie_below_all_curves() {
        let series = |name: &str| Series {
            name: name.to_owned(),
            points: [0.0, 1.0]
                .map(|x| Point {
                    x,
                    y: 0.5,
                    half: Some(0.1),
                })
                .to_vec(),
        };
        let chart = over_rounds(["a", "b", "c"].map(series).to_vec());
        let svg = chart.picture().unwrap().svg;
        let curve = |index: usize| {
            let RGBColor(red, green, blue) = colour(index);
            svg.find(&format!(
                "<polyline fill=\"none\" opacity=\"1\" stroke=\"#{red:02X}{green:02X}{blue:02X}\""
            ))
            .unwrap()
        };
        assert_eq!(svg.matches("<polygon opacity=\"0.15\"").count(), 3);
        assert!(svg.rfind("<polygon opacity=\"0.15\"").unwrap() < curve(0), "{svg}");
    }

    #[test]
    fn a_band_ends_where_the_measure_does_and_never_hides_the_curves() {
        let series = |y: f64, half: f64| Series {
            name: "a".to_owned(),
            points: [0.0, 1.0]
                .map(|x| Point {
                    x,
                    y: y + 0.2 * x,
                    half: Some(half),
                })
                .to_vec(),
        };
        let up = |y, half, limits| bounds(&[&series(y, half)], limits)[1];
        assert_eq!(up(0.02, 0.5, (0.0, 1.0)).0, 0.0);
        assert!(
            up(0.02, 0.5, (-1.0, 1.0)).0 < -0.01,
            "a rank correlation may be below 0"
        );
        let (low, high) = up(0.6, 50.0, (-1.0, 1.0));
        assert!(low > 0.5 && high < 0.9, "{low} {high}");
    }
}
