//! An image with frames drawn on it, as PNG.

use std::io::Cursor;

use image::imageops::thumbnail;
use image::{ImageFormat, ImageResult, Rgb, RgbImage};

/// A rectangle to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Left, upper, right and lower edge, in pixels of the image as given.
    pub edges: [f64; 4],
    /// Red, green and blue.
    pub colour: [u8; 3],
}

/// A picture as it goes into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The encoded picture.
    pub png: Vec<u8>,
}

impl Picture {
    /// Draws the frames, the later over the earlier, on an image that is made smaller if a side is longer than `longest`.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn drawn(mut image: RgbImage, frames: &[Frame], longest: u32) -> ImageResult<Self> {
        let side = image.width().max(image.height());
        let scale = (f64::from(longest) / f64::from(side.max(1))).min(1.0);
        if scale < 1.0 {
            let length = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
            image = thumbnail(&image, length(image.width()), length(image.height()));
        }
        for frame in frames {
            outline(&mut image, frame.edges.map(|edge| edge * scale), Rgb(frame.colour));
        }
        let mut png = Cursor::new(Vec::new());
        image.write_to(&mut png, ImageFormat::Png)?;
        Ok(Self {
            width: image.width(),
            height: image.height(),
            png: png.into_inner(),
        })
    }
}

/// Two pixels wide, inside the rectangle, as far as it is on the image.
fn outline(image: &mut RgbImage, [left, top, right, bottom]: [f64; 4], colour: Rgb<u8>) {
    let (width, height) = image.dimensions();
    let place = |at: f64, length: u32| at.round().clamp(0.0, f64::from(length)) as u32;
    let (left, right) = (place(left, width), place(right, width));
    let (top, bottom) = (place(top, height), place(bottom, height));
    for y in top..bottom {
        for x in left..right {
            let depth = (x - left).min(right - 1 - x).min(y - top).min(bottom - 1 - y);
            if depth < 2 {
                image.put_pixel(x, y, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Picture};
    use image::{Rgb, RgbImage};

    const BACK: Rgb<u8> = Rgb([9, 9, 9]);
    const RED: [u8; 3] = [200, 0, 0];

    fn drawn(edges: [f64; 4], longest: u32) -> RgbImage {
        let frame = Frame { edges, colour: RED };
        let picture = Picture::drawn(RgbImage::from_pixel(20, 10, BACK), &[frame], longest).unwrap();
        let image = image::load_from_memory(&picture.png).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (picture.width, picture.height));
        image
    }

    #[test]
    fn a_frame_is_drawn_inside_its_edges() {
        let image = drawn([4.0, 2.0, 14.0, 9.0], 100);
        for (x, y, inside) in [
            (4, 2, true),
            (13, 8, true),
            (5, 5, true),
            (3, 2, false),
            (14, 8, false),
            (8, 5, false),
        ] {
            assert_eq!(*image.get_pixel(x, y) == Rgb(RED), inside, "{x} {y}");
        }
    }

    #[test]
    fn a_large_image_becomes_smaller_with_its_frames() {
        let image = drawn([0.0, 0.0, 20.0, 10.0], 10);
        assert_eq!(image.dimensions(), (10, 5));
        assert_eq!(*image.get_pixel(9, 4), Rgb(RED));
        assert_eq!(*image.get_pixel(5, 2), BACK);
    }

    #[test]
    fn edges_outside_of_the_image_or_swapped_draw_what_there_is() {
        for edges in [
            [-9.0, -9.0, 99.0, 99.0],
            [15.0, 8.0, 2.0, 1.0],
            [f64::NAN, 0.0, 5.0, 5.0],
        ] {
            assert_eq!(drawn(edges, 100).dimensions(), (20, 10));
        }
    }
}
