//! A chart's axes and the legend beside them: what all charts of curves and bars begin with.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::canvas::{HEIGHT, centred, letters};
use super::sheet::{HEAD, below_title, squeezed};

/// Letters of a name that fit into the widest legend.
const LONGEST: usize = 32;
/// Between the rows of a legend, if there is room.
const STEP: u32 = 22;
/// Room above and below a legend's rows.
const LEGEND: u32 = 26;

/// A place for curves and bars.
pub(super) type Plot<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The plot and, to its right, the legend.
type Halves<B> = (DrawingArea<B, Shift>, DrawingArea<B, Shift>);

/// What the axes say.
pub(super) struct Axes<'a> {
    /// What is across, with its unit.
    pub(super) x: &'a str,
    /// What is up, with its unit.
    pub(super) y: &'a str,
    /// How many figures stand along each, about.
    pub(super) marks: [usize; 2],
    /// With how many decimals.
    pub(super) decimals: [usize; 2],
    /// Whether there is little room.
    pub(super) is_small: bool,
}

impl Axes<'_> {
    /// Draws them.
    pub(super) fn draw<'a, B: DrawingBackend>(
        &self,
        plot: &'a DrawingArea<B, Shift>,
        (across, up): (Range<f64>, Range<f64>),
        scale: u32,
    ) -> Result<Plot<'a, B>, DrawingAreaErrorKind<B::ErrorType>> {
        let (margin, below, beside, sizes) = match self.is_small {
            true => (4, 34, 52, (12, 11)),
            false => (8, 46, 64, (14, 12)),
        };
        let mut chart = ChartBuilder::on(plot)
            .margin(margin * scale)
            .x_label_area_size(below * scale)
            .y_label_area_size(beside * scale)
            .build_cartesian_2d(across, up)?;
        let [x_decimals, y_decimals] = self.decimals;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225).stroke_width(scale))
            .axis_style(RGBColor(90, 90, 90).stroke_width(scale))
            .x_desc(self.x)
            .y_desc(self.y)
            .axis_desc_style(letters(sizes.0, scale))
            .label_style(letters(sizes.1, scale))
            .x_labels(self.marks[0])
            .y_labels(self.marks[1])
            .x_label_formatter(&|x| format!("{x:.x_decimals$}"))
            .y_label_formatter(&|y| format!("{y:.y_decimals$}"))
            .draw()?;
        Ok(chart)
    }
}

/// A legend's names, each with the number of its colour.
pub(super) type Names = Vec<(usize, String)>;

/// How high a chart is whose legend has so many names: they can be read, as long as there are not too many.
pub(super) fn height_beside(names: usize) -> u32 {
    const LEAST_STEP: usize = 14;
    let legend = (HEAD + LEGEND) as usize + LEAST_STEP * names;
    legend.clamp(HEIGHT as usize, 2 * HEIGHT as usize) as u32
}

/// Puts the title on top and splits what is left into the plot and, to its right, room for these names.
pub(super) fn beside_legend<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    names: &Names,
    scale: u32,
) -> Result<Halves<B>, DrawingAreaErrorKind<B::ErrorType>> {
    let body = below_title(area, title, scale)?;
    let longest = names.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0);
    let wide = (54 + 8 * longest.min(LONGEST) as u32).clamp(110, 310);
    let (width, _) = body.dim_in_pixel();
    Ok(body.split_horizontally(width.saturating_sub(wide * scale)))
}

/// Where a legend's row has its sign.
pub(super) struct Sign {
    /// Its left end.
    pub(super) left: i32,
    /// Its right end.
    pub(super) right: i32,
    /// Its height.
    pub(super) y: i32,
}

/// Writes the names below one another; `sign` draws what stands before the name of a colour's number.
pub(super) fn legend<B: DrawingBackend>(
    (area, beside): (&DrawingArea<B, Shift>, &DrawingArea<B, Shift>),
    names: &Names,
    scale: u32,
    sign: impl Fn(usize, &Sign) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let (columns, rows) = beside.get_pixel_range();
    let room = (rows.end - rows.start) as u32 / scale;
    // Many names move together rather than that some fall off the picture.
    let step = STEP.min(room.saturating_sub(LEGEND) / names.len().max(1) as u32).max(6);
    let size = (step - 2).min(13);
    for (row, (index, name)) in names.iter().enumerate() {
        let left = columns.start + (8 * scale) as i32;
        let y = rows.start + ((18 + step * row as u32) * scale) as i32;
        let right = left + (26 * scale) as i32;
        sign(*index, &Sign { left, right, y })?;
        let at = (right + (6 * scale) as i32, y);
        area.draw(&Text::new(squeezed(name, LONGEST), at, centred(size, scale)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_legend_makes_a_higher_picture_up_to_twice() {
        assert_eq!([1, 20, 1000].map(height_beside), [HEIGHT, HEIGHT, 2 * HEIGHT]);
        assert!(height_beside(40) >= HEAD + LEGEND + 40 * 14);
    }
}
