//! A drawing below its title, in pixels: what tables and diagrams are drawn on that have no axes.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::canvas::letters;

/// The height of a title in CSS pixels.
pub(super) const HEAD: u32 = 42;

/// The share of the way to the darkest cell from which on its words are white.
pub(super) const DARK: f64 = 0.7;

const INK: RGBColor = RGBColor(34, 34, 34);

/// Room below a title. All places are in pixels from the whole picture's corner.
pub(super) struct Sheet<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    scale: u32,
    /// Its left edge.
    pub(super) left: i32,
    /// Its right edge.
    pub(super) right: i32,
    /// Its upper edge.
    pub(super) top: i32,
    /// Its lower edge.
    pub(super) bottom: i32,
}

/// What drawing may fail with.
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

impl<'a, B: DrawingBackend> Sheet<'a, B> {
    /// Writes the title; what is left is the sheet.
    pub(super) fn below(
        area: &'a DrawingArea<B, Shift>,
        title: &str,
        scale: u32,
    ) -> Result<Self, DrawingAreaErrorKind<B::ErrorType>> {
        let (across, down) = below_title(area, title, scale)?.get_pixel_range();
        Ok(Self {
            area,
            scale,
            left: across.start,
            right: across.end,
            top: down.start,
            bottom: down.end,
        })
    }

    /// CSS pixels in pixels of this picture.
    pub(super) fn pixels(&self, length: u32) -> i32 {
        (length * self.scale) as i32
    }

    /// Letters of a size in CSS pixels.
    pub(super) fn letters(&self, size: u32) -> TextStyle<'static> {
        letters(size, self.scale)
    }

    /// Draws a line of a width in CSS pixels.
    pub(super) fn line(&self, points: &[(i32, i32)], width: u32) -> Drawn<B> {
        let style = INK.stroke_width(width * self.scale);
        self.area.draw(&PathElement::new(points.to_vec(), style))
    }

    /// Fills a rectangle with a thin white line around it.
    pub(super) fn cell(&self, corners: [(i32, i32); 2], fill: RGBColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new(corners, fill.filled()))?;
        self.area.draw(&Rectangle::new(corners, WHITE.stroke_width(self.scale)))
    }

    /// Writes a text from a place on, its middle at that height.
    pub(super) fn text(&self, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn<B> {
        self.anchored(text, at, 0, style)
    }

    /// Writes a text around a place.
    pub(super) fn text_around(&self, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn<B> {
        self.anchored(text, at, 1, style)
    }

    /// Writes a text that ends at a place.
    pub(super) fn text_up_to(&self, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn<B> {
        self.anchored(text, at, 2, style)
    }

    /// Writes a text right and below of a place.
    pub(super) fn text_below(&self, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Drawn<B> {
        self.area.draw(&Text::new(text.to_owned(), at, style.clone()))
    }

    fn anchored(&self, text: &str, at: (i32, i32), halves: i32, style: &TextStyle<'_>) -> Drawn<B> {
        let (width, height) = self.area.estimate_text_size(text, style)?;
        let corner = (at.0 - halves * width as i32 / 2, at.1 - height as i32 / 2);
        self.area.draw(&Text::new(text.to_owned(), corner, style.clone()))
    }
}

/// A table of so many rows and columns within a rectangle.
pub(super) struct Cells {
    /// Its left edge.
    pub(super) left: i32,
    /// Its upper edge.
    pub(super) top: i32,
    /// Its width.
    pub(super) width: i32,
    /// Its height.
    pub(super) height: i32,
    /// How many rows.
    pub(super) rows: i32,
    /// How many columns.
    pub(super) columns: i32,
}

impl Cells {
    /// Two corners of a cell.
    pub(super) fn corners(&self, row: i32, column: i32) -> [(i32, i32); 2] {
        let x = |column: i32| self.left + self.width * column / self.columns;
        let y = |row: i32| self.top + self.height * row / self.rows;
        [(x(column), y(row)), (x(column + 1), y(row + 1))]
    }

    /// The middle of a cell.
    pub(super) fn middle(&self, row: i32, column: i32) -> (i32, i32) {
        let [first, last] = self.corners(row, column);
        ((first.0 + last.0) / 2, (first.1 + last.1) / 2)
    }
}

/// Writes the title; what is left is below it.
pub(super) fn below_title<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &str,
    scale: u32,
) -> Result<DrawingArea<B, Shift>, DrawingAreaErrorKind<B::ErrorType>> {
    let (head, body) = area.split_vertically(HEAD * scale);
    let at = ((14 * scale) as i32, (14 * scale) as i32);
    head.draw(&Text::new(title.to_owned(), at, letters(17, scale)))?;
    Ok(body)
}

/// A colour between two, by a share of the way.
pub(super) fn between(from: [u8; 3], to: [u8; 3], share: f64) -> RGBColor {
    let part = |at: usize| (f64::from(from[at]) + (f64::from(to[at]) - f64::from(from[at])) * share) as u8;
    RGBColor(part(0), part(1), part(2))
}

/// A name cut to what fits.
pub(super) fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A strategy's name cut to what fits: most of its end stays, for there names differ that a matrix varies.
pub(super) fn squeezed(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let tail = most.saturating_sub(1) * 2 / 3;
    let head = most.saturating_sub(1) - tail;
    name.chars()
        .take(head)
        .chain(['…'])
        .chain(name.chars().skip(count - tail))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_leave_no_gap_and_end_where_the_table_ends() {
        let cells = Cells {
            left: 10,
            top: 20,
            width: 100,
            height: 50,
            rows: 3,
            columns: 7,
        };
        assert_eq!(cells.corners(0, 0)[0], (10, 20));
        assert_eq!(cells.corners(2, 6)[1], (110, 70));
        assert_eq!(cells.corners(1, 3)[1], cells.corners(2, 4)[0]);
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_more_of_its_end() {
        assert_eq!(squeezed("topk_v3", 7), "topk_v3");
        assert_eq!(squeezed("topk_v3-certain=0.85", 10), "top…n=0.85");
        assert_eq!((squeezed("ab", 1), short("ab", 1)), ("…".to_owned(), "…".to_owned()));
    }
}
