//! Random changes to training images: a cut, another scale, colours, a mirror. Every call returns new values.
//!
//! Each kind of change draws from a stream of its own, of (seed, epoch, image): one setting does not move the draws of another.

mod colour;
mod window;

use asm_pipe::detection::BoundingBox;
use asm_pipe::random::Stream;

use crate::image::Pixels;
use colour::Factors;
pub use window::{Crop, ScaleJitter};

/// What may change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// The chance that an image is mirrored.
    pub flip: f64,
    /// How far brightness, saturation and contrast may move: each is multiplied by a number in `[1 - j, 1 + j)`.
    pub colour_jitter: f64,
    /// The chance of each of the three.
    pub colour: f64,
    /// Another scale on the same canvas.
    pub scale: Option<ScaleJitter>,
    /// A part of the image.
    pub crop: Option<Crop>,
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
    /// Which of the given boxes they are.
    pub kept: Vec<usize>,
}

/// The changes drawn for one image that leave its size.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Draw {
    flip: bool,
    factors: Factors,
}

impl Draw {
    const NONE: Self = Self {
        flip: false,
        factors: Factors::NONE,
    };

    /// Always takes the same count of numbers.
    fn new(augmentation: Augmentation, stream: &mut Stream) -> Self {
        Self {
            flip: stream.chance(augmentation.flip),
            factors: Factors::draw(augmentation.colour, augmentation.colour_jitter, stream),
        }
    }
}

/// An image changed by chance, for a seed and a position such as the epoch and the image's number; the boxes follow it. A box whose centre
/// is cut off is dropped, and so is what a cut leaves too small of one.
#[must_use]
pub fn augmented(
    pixels: &Pixels,
    boxes: &[BoundingBox],
    augmentation: Augmentation,
    seed: u64,
    position: &[u64],
) -> Sample {
    let stream = |purpose: &str| Stream::new(seed, purpose, position);
    let draw = Draw::new(augmentation, &mut stream("train/augment"));
    let cut = augmentation
        .crop
        .and_then(|crop| crop.apply(pixels, boxes, &mut stream("train/crop")));
    let mut kept: Vec<usize> = (0..boxes.len()).collect();
    let mut boxes = boxes.to_vec();
    let mut pixels = std::borrow::Cow::Borrowed(pixels);
    if let Some(cut) = cut {
        (pixels, boxes) = (std::borrow::Cow::Owned(cut.pixels), cut.boxes);
        kept = cut.kept.iter().map(|&at| kept[at]).collect();
    }
    let scaled = augmentation
        .scale
        .and_then(|scale| scale.apply(&pixels, &boxes, &mut stream("train/scale")));
    if let Some(scaled) = scaled {
        (pixels, boxes) = (std::borrow::Cow::Owned(scaled.pixels), scaled.boxes);
        kept = scaled.kept.iter().map(|&at| kept[at]).collect();
    }
    Sample {
        kept,
        ..apply(&pixels, &boxes, draw)
    }
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
    draw.factors.apply([red, green, blue]);
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
        kept: (0..boxes.len()).collect(),
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

#[cfg(test)]
mod tests {
    use super::{Augmentation, Crop, Draw, Factors, Sample, ScaleJitter, apply, augmented, unchanged};
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

    const STILL: Augmentation = Augmentation {
        flip: 0.0,
        colour_jitter: 0.0,
        colour: 0.5,
        scale: None,
        crop: None,
    };

    fn factors(factors: Factors) -> Draw {
        Draw { factors, ..Draw::NONE }
    }

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

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn whatever_is_drawn_boxes_stay_in_the_image_with_their_numbers(
            seed in any::<u64>(), epoch in 0..9_u64, x in 0.0..30.0_f64, y in 0.0..20.0_f64,
        ) {
            let image = pixels(40, 30);
            let boxes = [BoundingBox::new([x, y, x + 9.0, y + 9.0]), BoundingBox::new([5.0, 5.0, 39.0, 29.0])];
            let all = Augmentation {
                flip: 0.5,
                colour_jitter: 0.5,
                scale: Some(ScaleJitter { chance: 0.7, least: 0.5, most: 2.0 }),
                crop: Some(Crop { chance: 0.7, least_side: 0.3 }),
                ..STILL
            };
            let sample = augmented(&image, &boxes, all, seed, &[epoch, 3]);
            prop_assert_eq!(sample.planes.len(), sample.width * sample.height * 3);
            prop_assert_eq!(sample.boxes.len(), sample.kept.len());
            prop_assert!(!sample.kept.is_empty() && sample.kept.iter().all(|&at| at < 2));
            for bounds in &sample.boxes {
                let [x_min, y_min, x_max, y_max] = bounds.xyxy();
                prop_assert!(x_min >= 0.0 && y_min >= 0.0 && x_max > x_min && y_max > y_min);
                prop_assert!(x_max <= sample.width as f64 && y_max <= sample.height as f64);
            }
            prop_assert_eq!(&sample, &augmented(&image, &boxes, all, seed, &[epoch, 3]));
        }
    }

    #[test]
    fn an_image_changes_with_the_seed_the_epoch_and_its_number() {
        let all = Augmentation {
            colour_jitter: 0.5,
            scale: Some(ScaleJitter::default()),
            ..STILL
        };
        let image = pixels(20, 20);
        let sample = |seed, position: [u64; 2]| augmented(&image, &[], all, seed, &position);
        for (seed, position) in [(2, [0, 0]), (1, [1, 0]), (1, [0, 1])] {
            assert!(sample(1, [0, 0]) != sample(seed, position), "{seed} {position:?}");
        }
    }

    #[test]
    fn every_setting_draws_its_numbers_whether_others_are_on_or_not() {
        let jittered = |flip| {
            let settings = Augmentation {
                flip,
                colour_jitter: 0.5,
                ..STILL
            };
            Draw::new(settings, &mut Stream::new(1, "test", &[4]))
        };
        assert_eq!(jittered(1.0).factors, jittered(0.0).factors);
    }

    #[test]
    fn factors_mean_what_they_say() {
        let image = pixels(5, 4);
        let plain = unchanged(&image);
        let changed = |of| apply(&image, &[], factors(of)).planes;
        let dark = changed(Factors {
            brightness: 0.5,
            ..Factors::NONE
        });
        let halved = |(d, p): (&f32, &f32)| (d - p * 0.5).abs() < 1e-6;
        assert!(dark.iter().zip(&plain.planes).all(halved));
        let grey = changed(Factors {
            saturation: 0.0,
            ..Factors::NONE
        });
        assert!((0..20).all(|at| grey[at] == grey[20 + at] && grey[at] == grey[40 + at]));
        let flat = changed(Factors {
            contrast: 0.0,
            ..Factors::NONE
        });
        assert!(flat.iter().all(|value| (value - flat[0]).abs() < 1e-6));
    }

    #[test]
    fn images_flip_as_often_as_the_chance_says() {
        let image = pixels(2, 1);
        for (flip, counts) in [(0.0, 0..1), (0.5, 150..250), (1.0, 400..401)] {
            let settings = Augmentation { flip, ..STILL };
            let flips = (0..400).filter(|&at| augmented(&image, &[], settings, 0, &[at]) != unchanged(&image));
            assert!(counts.contains(&flips.count()), "{flip}");
        }
    }
}
