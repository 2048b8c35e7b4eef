//! Random changes to training images: horizontal flip and colour jitter. Every call returns new values.

use asm_pipe::detection::BoundingBox;
use asm_pipe::random::Stream;

use crate::image::Pixels;

/// What may change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Mirrors every second image, by chance.
    pub flip: bool,
    /// How far brightness, saturation and contrast may move: each, by chance 1/2, is multiplied by a number in
    /// `[1 - j, 1 + j)`.
    pub colour_jitter: f64,
}

/// An image for the network, with its objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[3, height, width]` in `[0, 1]`.
    pub planes: Vec<f32>,
    /// Boxes in its pixels.
    pub boxes: Vec<BoundingBox>,
}

/// The changes drawn for one image; 1.0 leaves a factor out.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Draw {
    flip: bool,
    brightness: f64,
    saturation: f64,
    contrast: f64,
}

impl Draw {
    const NONE: Self = Self {
        flip: false,
        brightness: 1.0,
        saturation: 1.0,
        contrast: 1.0,
    };

    /// Always takes the same count of numbers, so that one setting does not move the draws of another.
    fn new(augmentation: Augmentation, stream: &mut Stream) -> Self {
        let flip = stream.chance(0.5) && augmentation.flip;
        let mut factor = || {
            let (change, factor) = (stream.chance(0.5), stream.uniform(-1.0, 1.0));
            if change {
                1.0 + augmentation.colour_jitter * factor
            } else {
                1.0
            }
        };
        Self {
            flip,
            brightness: factor(),
            saturation: factor(),
            contrast: factor(),
        }
    }
}

/// An image changed by chance; the boxes follow it.
#[must_use]
pub fn augmented(pixels: &Pixels, boxes: &[BoundingBox], augmentation: Augmentation, stream: &mut Stream) -> Sample {
    apply(pixels, boxes, Draw::new(augmentation, stream))
}

/// An image as it is.
#[must_use]
pub fn unchanged(pixels: &Pixels) -> Sample {
    apply(pixels, &[], Draw::NONE)
}

fn apply(pixels: &Pixels, boxes: &[BoundingBox], draw: Draw) -> Sample {
    let area = pixels.width * pixels.height;
    let mut planes = vec![0.0; area * 3];
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    for (at, pixel) in pixels.data.chunks_exact(3).enumerate() {
        (red[at], green[at], blue[at]) = (scale(pixel[0]), scale(pixel[1]), scale(pixel[2]));
    }
    jitter([red, green, blue], draw);
    if draw.flip {
        planes.chunks_exact_mut(pixels.width).for_each(<[f32]>::reverse);
    }
    let width = pixels.width as f64;
    Sample {
        width: pixels.width,
        height: pixels.height,
        planes,
        boxes: boxes
            .iter()
            .map(|bounds| if draw.flip { mirrored(bounds, width) } else { *bounds })
            .collect(),
    }
}

fn scale(value: u8) -> f32 {
    f32::from(value) / 255.0
}

fn mirrored(bounds: &BoundingBox, width: f64) -> BoundingBox {
    BoundingBox {
        x_min: width - bounds.x_max,
        x_max: width - bounds.x_min,
        ..*bounds
    }
}

/// Brightness blends with black, saturation with the pixel's own grey, contrast with the image's mean grey: the
/// meaning that Pillow's `ImageEnhance` gives these words.
fn jitter(mut planes: [&mut [f32]; 3], draw: Draw) {
    if draw.brightness != 1.0 {
        let factor = draw.brightness as f32;
        planes
            .iter_mut()
            .flat_map(|plane| plane.iter_mut())
            .for_each(|v| *v = (*v * factor).clamp(0.0, 1.0));
    }
    let [red, green, blue] = planes;
    if draw.saturation != 1.0 {
        let factor = draw.saturation as f32;
        for ((r, g), b) in red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut()) {
            let grey = luma(*r, *g, *b);
            for value in [r, g, b] {
                *value = (grey + (*value - grey) * factor).clamp(0.0, 1.0);
            }
        }
    }
    if draw.contrast != 1.0 {
        let factor = draw.contrast as f32;
        let sum: f64 = red
            .iter()
            .zip(&*green)
            .zip(&*blue)
            .map(|((r, g), b)| f64::from(luma(*r, *g, *b)))
            .sum();
        let mean = (sum / red.len().max(1) as f64) as f32;
        for value in red.iter_mut().chain(green).chain(blue) {
            *value = (mean + (*value - mean) * factor).clamp(0.0, 1.0);
        }
    }
}

/// ITU-R 601 luma.
fn luma(red: f32, green: f32, blue: f32) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

#[cfg(test)]
mod tests {
    use super::{Augmentation, Draw, Sample, apply, augmented, unchanged};
    use crate::image::Pixels;
    use asm_pipe::detection::BoundingBox;
    use asm_pipe::random::Stream;
    use proptest::prelude::*;

    fn pixels(width: usize, height: usize) -> Pixels {
        let data = (0..width * height * 3).map(|at| (at * 37 % 251) as u8).collect();
        Pixels { width, height, data }
    }

    const FLIP: Draw = Draw {
        flip: true,
        ..Draw::NONE
    };

    fn bytes(sample: &Sample) -> Pixels {
        let area = sample.width * sample.height;
        let data = (0..area * 3).map(|at| (sample.planes[at % 3 * area + at / 3] * 255.0).round() as u8);
        Pixels {
            width: sample.width,
            height: sample.height,
            data: data.collect(),
        }
    }

    proptest! {
        #[test]
        fn a_flip_twice_is_no_flip(
            width in 1_usize..30, height in 1_usize..30,
            x in 0.0..1.0_f64, y in 0.0..1.0_f64, w in 0.0..1.0_f64, h in 0.0..1.0_f64,
        ) {
            let image = pixels(width, height);
            let (x, y) = (x * width as f64, y * height as f64);
            let bounds = BoundingBox::new([x, y, x + w * (width as f64 - x), y + h * (height as f64 - y)]);
            let once = apply(&image, &[bounds], FLIP);
            let twice = apply(&bytes(&once), &once.boxes, FLIP);
            prop_assert_eq!(&twice.planes, &unchanged(&image).planes);
            for (a, b) in twice.boxes[0].xyxy().iter().zip(bounds.xyxy()) {
                prop_assert!((a - b).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn boxes_follow_the_pixels_they_frame() {
        // One bright pixel in column 1 of 7: wide, so that a flip about the wrong axis is seen.
        let mut image = Pixels {
            width: 7,
            height: 3,
            data: vec![0; 63],
        };
        image.data[(7 + 1) * 3] = 255;
        let flipped = apply(&image, &[BoundingBox::new([1.0, 1.0, 2.0, 2.0])], FLIP);
        assert_eq!(flipped.boxes[0].xyxy(), [5.0, 1.0, 6.0, 2.0]);
        assert_eq!(flipped.planes[7 + 5], 1.0);
    }

    #[test]
    fn every_setting_draws_its_numbers_whether_others_are_on_or_not() {
        let jittered = |flip| {
            let settings = Augmentation {
                flip,
                colour_jitter: 0.5,
            };
            Draw::new(settings, &mut Stream::new(1, "test", &[4]))
        };
        assert_eq!(
            Draw {
                flip: false,
                ..jittered(true)
            },
            jittered(false)
        );
    }

    #[test]
    fn factors_mean_what_they_say() {
        let image = pixels(5, 4);
        let plain = unchanged(&image);
        let dark = apply(
            &image,
            &[],
            Draw {
                brightness: 0.5,
                ..Draw::NONE
            },
        );
        assert!(
            dark.planes
                .iter()
                .zip(&plain.planes)
                .all(|(d, p)| (d - p * 0.5).abs() < 1e-6)
        );
        let grey = apply(
            &image,
            &[],
            Draw {
                saturation: 0.0,
                ..Draw::NONE
            },
        );
        assert!((0..20).all(|at| grey.planes[at] == grey.planes[20 + at] && grey.planes[at] == grey.planes[40 + at]));
        let flat = apply(
            &image,
            &[],
            Draw {
                contrast: 0.0,
                ..Draw::NONE
            },
        );
        assert!(flat.planes.iter().all(|value| (value - flat.planes[0]).abs() < 1e-6));
    }

    #[test]
    fn about_half_of_the_images_flip() {
        let settings = Augmentation {
            flip: true,
            colour_jitter: 0.0,
        };
        let image = pixels(2, 1);
        let flips = (0..400)
            .filter(|&at| augmented(&image, &[], settings, &mut Stream::new(0, "test", &[at])) != unchanged(&image));
        assert!((150..250).contains(&flips.count()));
    }
}
