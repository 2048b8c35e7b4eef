//! A picture in floating point that remembers which shape is on top of each pixel.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};

use super::colour::{Rgb, mix};
use super::outline::Placed;
use crate::detection::BoundingBox;
use crate::random::Stream;

/// JPEG quality: good, but not without the traces that photographs have.
const QUALITY: u8 = 90;

/// What a painted shape is to the annotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Part of the background: covers nothing.
    Background,
    /// Covers what is behind it.
    Clutter,
    /// An object by its number.
    Object(u8),
}

/// What can be seen of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Visible {
    /// The smallest box around the pixels that can be seen.
    pub(super) bounds: BoundingBox,
    /// Number of pixels that can be seen.
    pub(super) pixels: usize,
}

/// Pixels of a shape that was painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Painted {
    /// All of them.
    pub(super) area: usize,
    /// Those inside the picture.
    pub(super) inside: usize,
}

pub(super) struct Canvas {
    pub(super) width: u32,
    pub(super) height: u32,
    pixels: Vec<Rgb>,
    owners: Vec<Owner>,
}

impl Canvas {
    /// A picture with a colour for each pixel's centre.
    pub(super) fn new(width: u32, height: u32, colour: impl Fn([f32; 2]) -> Rgb) -> Self {
        let centres = (0..height).flat_map(|y| (0..width).map(move |x| [x as f32 + 0.5, y as f32 + 0.5]));
        let pixels: Vec<Rgb> = centres.map(colour).collect();
        let owners = vec![Owner::Background; pixels.len()];
        Self {
            width,
            height,
            pixels,
            owners,
        }
    }

    /// The mean colour around a point.
    pub(super) fn around(&self, [x, y]: [f32; 2], reach: f32) -> Rgb {
        let mut sum = [0.0; 3];
        let offsets = [[0.0, 0.0], [-0.6, -0.6], [0.6, -0.6], [-0.6, 0.6], [0.6, 0.6]];
        for [dx, dy] in offsets {
            let column = (x + dx * reach).clamp(0.0, self.width as f32 - 1.0) as usize;
            let row = (y + dy * reach).clamp(0.0, self.height as f32 - 1.0) as usize;
            let pixel = self.pixels[row * self.width as usize + column];
            sum = [0, 1, 2].map(|channel: usize| sum[channel] + pixel[channel] / offsets.len() as f32);
        }
        sum
    }

    /// Paints a shape with smooth edges. The ink, a colour and how opaque it is, may depend on the place and the distance to
    /// the edge.
    pub(super) fn paint(&mut self, shape: &Placed, owner: Owner, ink: impl Fn([f32; 2], f32) -> (Rgb, f32)) -> Painted {
        let reach = shape.reach() + 1.0;
        let (width, height) = (i64::from(self.width), i64::from(self.height));
        // Of an object also what is outside the picture is counted.
        let counted = matches!(owner, Owner::Object(_));
        let range = |centre: f32, side: i64| {
            let (from, to) = ((centre - reach).floor() as i64, (centre + reach).ceil() as i64);
            if counted { from..to } else { from.max(0)..to.min(side) }
        };
        let distance_to = shape.distances();
        let mut painted = Painted::default();
        for row in range(shape.centre[1], height) {
            for column in range(shape.centre[0], width) {
                let point = [column as f32 + 0.5, row as f32 + 0.5];
                let distance = distance_to(point);
                let cover = (0.5 - distance).clamp(0.0, 1.0);
                if cover <= 0.0 {
                    continue;
                }
                painted.area += usize::from(cover >= 0.5);
                if !(0..width).contains(&column) || !(0..height).contains(&row) {
                    continue;
                }
                painted.inside += usize::from(cover >= 0.5);
                let at = (row * width + column) as usize;
                let (colour, opacity) = ink(point, distance);
                self.pixels[at] = mix(self.pixels[at], colour, cover * opacity);
                if cover >= 0.5 && owner != Owner::Background {
                    self.owners[at] = owner;
                }
            }
        }
        painted
    }

    /// What can be seen of an object, if anything.
    pub(super) fn visible(&self, object: u8) -> Option<Visible> {
        let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
        let mut pixels = 0;
        for (at, _) in self
            .owners
            .iter()
            .enumerate()
            .filter(|&(_, &owner)| owner == Owner::Object(object))
        {
            let (x, y) = (at as u32 % self.width, at as u32 / self.width);
            (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
            pixels += 1;
        }
        let bounds = || BoundingBox::new([left, top, right, bottom].map(f64::from));
        (pixels > 0).then(|| Visible {
            bounds: bounds(),
            pixels,
        })
    }

    /// Blurs: each pass replaces a pixel by the mean of its row neighbours, then of its column neighbours.
    pub(super) fn blur(&mut self, passes: u32) {
        let (width, height) = (self.width as usize, self.height as usize);
        let smooth = |before: Rgb, here: Rgb, after: Rgb| -> Rgb {
            [0, 1, 2].map(|c: usize| 0.25 * before[c] + 0.5 * here[c] + 0.25 * after[c])
        };
        for _ in 0..passes {
            let source = self.pixels.clone();
            for at in 0..source.len() {
                let x = at % width;
                let (before, after) = (at - usize::from(x > 0), at + usize::from(x + 1 < width));
                self.pixels[at] = smooth(source[before], source[at], source[after]);
            }
            let source = self.pixels.clone();
            for at in 0..source.len() {
                let y = at / width;
                let before = if y > 0 { at - width } else { at };
                let after = if y + 1 < height { at + width } else { at };
                self.pixels[at] = smooth(source[before], source[at], source[after]);
            }
        }
    }

    /// Adds noise, mostly of brightness, as a camera does.
    pub(super) fn noise(&mut self, amount: f32, stream: &mut Stream) {
        for pixel in &mut self.pixels {
            let bits = stream.bits();
            let part = |at: u32| f32::from((bits >> (16 * at)) as u16) / 65536.0 - 0.5;
            let brightness = part(0) + part(1);
            *pixel = [
                pixel[0] + amount * (brightness + 0.6 * part(2)),
                pixel[1] + amount * brightness,
                pixel[2] + amount * (brightness + 0.6 * part(3)),
            ];
        }
    }

    /// The picture as eight-bit pixels, row by row.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let byte = |channel: f32| (channel.clamp(0.0, 1.0) * 255.0).round() as u8;
        self.pixels.iter().flat_map(|pixel| pixel.map(byte)).collect()
    }

    /// The picture as a JPEG file.
    pub(super) fn jpeg(&self) -> Result<Vec<u8>, ImageError> {
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
        encoder.encode(&self.bytes(), self.width, self.height, ExtendedColorType::Rgb8)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::outline::Outline;
    use super::*;

    fn disc(centre: [f32; 2]) -> Placed {
        Placed {
            outline: Outline::Circle,
            centre,
            radius: 10.0,
            angle: 0.0,
        }
    }

    #[test]
    fn the_box_of_a_disc_fits_tightly() {
        let mut canvas = Canvas::new(64, 48, |_| [0.0; 3]);
        let area = canvas.paint(&disc([30.0, 20.0]), Owner::Object(0), |_, _| ([1.0; 3], 1.0));
        let visible = canvas.visible(0).unwrap();
        assert_eq!(visible.bounds.xyxy(), [20.0, 10.0, 40.0, 30.0]);
        assert_eq!((visible.pixels, visible.pixels), (area.area, area.inside));
        assert!((visible.pixels as f32 - 314.0).abs() < 8.0, "{area:?}");
    }

    #[test]
    fn only_what_is_inside_and_uncovered_is_visible() {
        let mut canvas = Canvas::new(64, 48, |_| [0.0; 3]);
        let area = canvas.paint(&disc([0.0, 20.0]), Owner::Object(0), |_, _| ([1.0; 3], 1.0));
        let visible = canvas.visible(0).unwrap();
        assert_eq!(visible.bounds.xyxy(), [0.0, 10.0, 10.0, 30.0]);
        assert_eq!(
            (visible.pixels * 2, visible.pixels),
            (area.area, area.inside),
            "half of it is over the edge"
        );
        canvas.paint(&disc([0.0, 30.0]), Owner::Clutter, |_, _| ([1.0; 3], 1.0));
        assert!(canvas.visible(0).unwrap().bounds.y_max < 27.0);
        canvas.paint(&disc([0.0, 20.0]), Owner::Background, |_, _| ([1.0; 3], 1.0));
        assert!(canvas.visible(0).is_some(), "background covers nothing");
        canvas.paint(&disc([0.0, 20.0]), Owner::Object(1), |_, _| ([1.0; 3], 1.0));
        assert_eq!(canvas.visible(0), None);
    }

    #[test]
    fn blur_keeps_an_even_colour_and_spreads_an_edge() {
        let mut canvas = Canvas::new(8, 4, |[x, _]| if x < 4.0 { [0.0; 3] } else { [1.0; 3] });
        canvas.blur(1);
        let row: Vec<f32> = canvas.pixels[8..16].iter().map(|pixel| pixel[0]).collect();
        assert_eq!(row, [0.0, 0.0, 0.0, 0.25, 0.75, 1.0, 1.0, 1.0]);
    }
}
