//! From a drawing to SVG and PNG.

use std::sync::Once;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;

/// Width in CSS pixels; the PNG has twice as many.
pub(super) const WIDTH: u32 = 760;
/// Height in CSS pixels of what says no other.
pub(super) const HEIGHT: u32 = 440;
const PNG_SCALE: u32 = 2;

/// A chart in both formats.
#[derive(Clone, Debug)]
pub struct Picture {
    /// An SVG document.
    pub svg: String,
    /// A PNG file's bytes.
    pub png: Vec<u8>,
}

/// A chart that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("could not draw the chart `{title}`: {cause}")]
pub struct ChartError {
    /// The chart's title.
    pub title: String,
    /// What the drawing library says.
    pub cause: String,
}

/// Something that can be drawn at any scale. Lengths inside are CSS pixels times `scale`.
pub trait Drawing {
    /// What stands above it.
    fn title(&self) -> &str;

    /// How high it is in CSS pixels, for what it holds.
    fn height(&self) -> u32 {
        HEIGHT
    }

    /// Draws it on an area of its size.
    ///
    /// # Errors
    /// When the drawing library does.
    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: u32,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>;

    /// Draws it in both formats.
    ///
    /// # Errors
    /// When the drawing library does.
    fn picture(&self) -> Result<Picture, ChartError> {
        register_letters();
        let failed = |cause: String| ChartError {
            title: self.title().to_owned(),
            cause,
        };
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, self.height())).into_drawing_area();
            area.fill(&WHITE).map_err(|e| failed(e.to_string()))?;
            self.draw(&area, 1).map_err(|e| failed(e.to_string()))?;
            area.present().map_err(|e| failed(e.to_string()))?;
        }
        let (width, height) = (WIDTH * PNG_SCALE, self.height() * PNG_SCALE);
        let mut pixels = vec![255_u8; (width * height * 3) as usize];
        {
            let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
            area.fill(&WHITE).map_err(|e| failed(e.to_string()))?;
            self.draw(&area, PNG_SCALE).map_err(|e| failed(e.to_string()))?;
            area.present().map_err(|e| failed(e.to_string()))?;
        }
        let mut png = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut png);
        image::ImageEncoder::write_image(encoder, &pixels, width, height, image::ExtendedColorType::Rgb8)
            .map_err(|e| failed(e.to_string()))?;
        Ok(Picture { svg, png })
    }
}

/// Makes the built-in font known to the drawing library.
pub(super) fn register_letters() {
    static FONT: Once = Once::new();
    FONT.call_once(|| {
        let letters = include_bytes!("../../../assets/DejaVuSans-Latin.ttf");
        let registered = register_font("sans-serif", FontStyle::Normal, letters);
        debug_assert!(registered.is_ok(), "the built-in font is a font");
    });
}

/// The colour of the n-th series: those of Okabe and Ito in an order of our own, plum in the place of their yellow, which is not seen on white.
pub(super) fn colour(index: usize) -> RGBColor {
    const OKABE_ITO: [RGBColor; 8] = [
        RGBColor(0, 114, 178),
        RGBColor(213, 94, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(230, 159, 0),
        RGBColor(86, 180, 233),
        RGBColor(0, 0, 0),
        RGBColor(120, 26, 111),
    ];
    OKABE_ITO[index % OKABE_ITO.len()]
}

/// Letters of a size in CSS pixels.
pub(super) fn letters(size: u32, scale: u32) -> TextStyle<'static> {
    ("sans-serif", size * scale).into_font().color(&RGBColor(34, 34, 34))
}

/// The same, its middle rather than its top at the place given.
pub(super) fn centred(size: u32, scale: u32) -> TextStyle<'static> {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    letters(size, scale).pos(Pos::new(HPos::Left, VPos::Center))
}

/// Draws the marker of the n-th series. `at` is a place in pixels from the whole picture's corner, as is `area`.
pub(super) fn mark<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    index: usize,
    at: (i32, i32),
    scale: u32,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let size = (4 * scale) as i32;
    let fill = colour(index).filled();
    // Those that share a colour differ in their marker.
    match (index + index / 8) % 4 {
        0 => area.draw(&Circle::new(at, size, fill)),
        1 => area.draw(&TriangleMarker::new(at, size + scale as i32, fill)),
        2 => area.draw(&Rectangle::new(
            [(at.0 - size, at.1 - size), (at.0 + size, at.1 + size)],
            fill,
        )),
        _ => area.draw(&Cross::new(at, size, colour(index).stroke_width(2 * scale))),
    }
}
