//! Boxes drawn into an image.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, ImageReader};
use plotters::prelude::*;

use super::canvas::{colour, register_letters};

/// Quality of a JPEG that is written: no loss that a person sees.
const QUALITY: u8 = 92;
/// Height of the letters in a large image, and the least.
const LETTERS: (u32, u32) = (22, 11);
/// Longer sides than this have the largest letters.
const LARGE: u32 = 1400;

/// A box to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// `[x_min, y_min, x_max, y_max]` in pixels.
    pub edges: [f64; 4],
    /// What stands on it.
    pub text: String,
    /// Boxes of one number have one colour.
    pub colour: usize,
}

/// Why boxes could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum BoxesError {
    /// The image cannot be decoded or encoded.
    #[error("{0}")]
    Image(#[from] image::ImageError),
    /// The drawing library refused.
    #[error("could not draw: {0}")]
    Draw(String),
}

/// Draws boxes into a JPEG or PNG; the answer has the same format. The last mark is drawn first: the first is on top.
///
/// # Errors
/// When the image cannot be decoded.
pub fn draw_boxes(bytes: &[u8], marks: &[Mark]) -> Result<Vec<u8>, BoxesError> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(image::ImageError::from)?;
    let format = reader.format();
    let mut picture = reader.decode()?.into_rgb8();
    let (width, height) = picture.dimensions();
    {
        register_letters();
        let area = BitMapBackend::with_buffer(&mut picture, (width, height)).into_drawing_area();
        let longest = width.max(height).min(LARGE);
        let size = (LETTERS.0 * longest / LARGE).max(LETTERS.1);
        for mark in marks.iter().rev() {
            one(&area, mark, size).map_err(|e| BoxesError::Draw(e.to_string()))?;
        }
        area.present().map_err(|e| BoxesError::Draw(e.to_string()))?;
    }
    let mut out = Vec::new();
    if format == Some(ImageFormat::Jpeg) {
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut out, QUALITY))?;
    } else {
        picture.write_to(&mut Cursor::new(&mut out), ImageFormat::Png)?;
    }
    Ok(out)
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type AreaError<'a> = DrawingAreaErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>;

fn one<'a>(area: &Area<'a>, mark: &Mark, size: u32) -> Result<(), AreaError<'a>> {
    let (width, height) = area.dim_in_pixel();
    let [left, top, right, bottom] = mark.edges.map(|edge| edge.round() as i32);
    // A box at the edge must stay visible.
    let inside = |x: i32, y: i32| (x.clamp(0, width as i32 - 1), y.clamp(0, height as i32 - 1));
    let (first, last) = (inside(left, top), inside(right, bottom));
    let shade = colour(mark.colour);
    let line = (size / 7).max(1) as i32;
    for step in 0..line {
        let corners = [(first.0 + step, first.1 + step), (last.0 - step, last.1 - step)];
        if corners[0].0 <= corners[1].0 && corners[0].1 <= corners[1].1 {
            area.draw(&Rectangle::new(corners, shade))?;
        }
    }
    if mark.text.is_empty() {
        return Ok(());
    }
    let font = ("sans-serif", size).into_font();
    let text_width = font.box_size(&mark.text).map_or(0, |(width, _)| width as i32) + 6;
    let text_height = size as i32 + 4;
    // Above the box, or in it where there is no room above; moved left where it would leave the image.
    let y = if first.1 >= text_height {
        first.1 - text_height
    } else {
        first.1
    };
    let x = first.0.min(width as i32 - text_width).max(0);
    area.draw(&Rectangle::new(
        [(x, y), (x + text_width, y + text_height)],
        shade.filled(),
    ))?;
    area.draw(&Text::new(mark.text.clone(), (x + 3, y + 2), font.color(&WHITE)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage};

    use super::{Mark, draw_boxes};

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        let grey = RgbImage::from_pixel(80, 60, Rgb([128; 3]));
        grey.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn mark(edges: [f64; 4]) -> Mark {
        let (text, colour) = ("bright 0.91".to_owned(), 1);
        Mark { edges, text, colour }
    }

    #[test]
    fn a_box_is_drawn_on_its_edges_and_leaves_its_inside_alone() {
        let drawn = draw_boxes(&encoded(ImageFormat::Png), &[mark([10.0, 30.0, 50.0, 55.0])]).unwrap();
        assert_eq!(image::guess_format(&drawn).unwrap(), ImageFormat::Png);
        let picture = image::load_from_memory(&drawn).unwrap().into_rgb8();
        for (x, y) in [(10, 30), (50, 55), (30, 30), (10, 40)] {
            assert_eq!(picture.get_pixel(x, y), &Rgb([213, 94, 0]), "{x} {y}");
        }
        assert_eq!(picture.get_pixel(30, 45), &Rgb([128; 3]));
        assert_ne!(picture.get_pixel(12, 20), &Rgb([128; 3]), "the text stands above");
    }

    #[test]
    fn boxes_over_the_edge_and_without_extent_do_no_harm() {
        let wild = [
            mark([-50.0, -50.0, 500.0, 500.0]),
            mark([5.0, 5.0, 5.0, 5.0]),
            mark([79.0, 59.0, 79.0, 59.0]),
        ];
        let drawn = draw_boxes(&encoded(ImageFormat::Jpeg), &wild).unwrap();
        assert_eq!(image::guess_format(&drawn).unwrap(), ImageFormat::Jpeg);
        assert!(draw_boxes(&encoded(ImageFormat::Png)[..40], &wild).is_err());
    }
}
