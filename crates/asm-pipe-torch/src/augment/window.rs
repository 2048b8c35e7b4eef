//! A window over an image becomes the image: a part cut out, or the whole at another scale on a canvas of the same size.

use asm_pipe::detection::BoundingBox;
use asm_pipe::random::Stream;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::Pixels;

/// Windows that are drawn before an image with objects is left whole, because each window lost them all.
const TRIES: usize = 40;

/// What a window leaves of a box is dropped when a side is shorter, in pixels.
const LEAST_SIDE: f64 = 2.0;

/// Surrounds an image that has become smaller: the mean of ImageNet, which normalised is about 0, as what pads a batch.
const FILL: [u8; 3] = [124, 116, 104];

/// Cuts a part out of an image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Crop {
    /// In how many of the images.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub chance: f64,
    /// The shortest a side may become, as a share of the image's. A part that loses all objects is drawn again.
    #[schemars(range(min = 0.01, max = 1.0))]
    pub least_side: f64,
}

/// Shows an image at another scale; its size stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleJitter {
    /// In how many of the images.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub chance: f64,
    /// The smallest scale; below 1, grey surrounds the image.
    #[schemars(range(min = 0.05, max = 20.0))]
    pub least: f64,
    /// The largest scale; above 1, a part of the image is seen.
    #[schemars(range(min = 0.05, max = 20.0))]
    pub most: f64,
}

impl Default for Crop {
    fn default() -> Self {
        Self {
            chance: 0.5,
            least_side: 0.5,
        }
    }
}

impl Default for ScaleJitter {
    fn default() -> Self {
        Self {
            chance: 1.0,
            least: 0.8,
            most: 1.25,
        }
    }
}

/// An image seen through a window, with the boxes that are still in it.
pub(super) struct Seen {
    pub(super) pixels: Pixels,
    pub(super) boxes: Vec<BoundingBox>,
    /// Which of the given boxes they are.
    pub(super) kept: Vec<usize>,
}

/// How places of the image go to places of the canvas: first moved, then stretched.
#[derive(Clone, Copy)]
struct Map {
    shift: (f64, f64),
    stretch: (f64, f64),
    canvas: (f64, f64),
}

impl Map {
    /// The boxes whose centre is on the canvas, cut to it, without those that are too small then; with their numbers.
    fn boxes(self, boxes: &[BoundingBox]) -> (Vec<BoundingBox>, Vec<usize>) {
        let x = |at: f64| (at + self.shift.0) * self.stretch.0;
        let y = |at: f64| (at + self.shift.1) * self.stretch.1;
        let mut found = (Vec::new(), Vec::new());
        for (number, bounds) in boxes.iter().enumerate() {
            let edges = [x(bounds.x_min), y(bounds.y_min), x(bounds.x_max), y(bounds.y_max)];
            let centre = ((edges[0] + edges[2]) / 2.0, (edges[1] + edges[3]) / 2.0);
            let (width, height) = self.canvas;
            let inside = (0.0..width).contains(&centre.0) && (0.0..height).contains(&centre.1);
            let cut = BoundingBox::new([
                edges[0].max(0.0),
                edges[1].max(0.0),
                edges[2].min(width),
                edges[3].min(height),
            ]);
            if inside && cut.width() >= LEAST_SIDE && cut.height() >= LEAST_SIDE {
                found.0.push(cut);
                found.1.push(number);
            }
        }
        found
    }
}

impl Crop {
    pub(crate) fn is_sound(self) -> bool {
        (0.0..=1.0).contains(&self.chance) && (0.01..=1.0).contains(&self.least_side)
    }

    /// None if the image stays as it is.
    pub(super) fn apply(self, pixels: &Pixels, boxes: &[BoundingBox], stream: &mut Stream) -> Option<Seen> {
        if !stream.chance(self.chance) {
            return None;
        }
        let side = |length: usize, share: f64| ((length as f64 * share).round() as usize).clamp(1, length);
        for _ in 0..TRIES {
            let width = side(pixels.width, stream.uniform(self.least_side, 1.0));
            let height = side(pixels.height, stream.uniform(self.least_side, 1.0));
            let left = stream.below(pixels.width - width + 1);
            let top = stream.below(pixels.height - height + 1);
            let map = Map {
                shift: (-(left as f64), -(top as f64)),
                stretch: (1.0, 1.0),
                canvas: (width as f64, height as f64),
            };
            let (kept_boxes, kept) = map.boxes(boxes);
            if boxes.is_empty() || !kept.is_empty() {
                return Some(Seen {
                    pixels: cut(pixels, (left, top), (width, height)),
                    boxes: kept_boxes,
                    kept,
                });
            }
        }
        None
    }
}

impl ScaleJitter {
    pub(crate) fn is_sound(self) -> bool {
        let range = 0.05..=20.0;
        let in_order = self.least <= self.most && range.contains(&self.least) && range.contains(&self.most);
        (0.0..=1.0).contains(&self.chance) && in_order
    }

    /// None if the image stays as it is.
    pub(super) fn apply(self, pixels: &Pixels, boxes: &[BoundingBox], stream: &mut Stream) -> Option<Seen> {
        if !stream.chance(self.chance) {
            return None;
        }
        let scale = stream.uniform(self.least, self.most);
        let (width, height) = (pixels.width as f64, pixels.height as f64);
        for _ in 0..TRIES {
            let share = (stream.unit(), stream.unit());
            let map = if scale < 1.0 {
                // Whole pixels, so that the smaller image lies on the canvas exactly.
                let (w, h) = ((width * scale).round().max(1.0), (height * scale).round().max(1.0));
                let stretch = (w / width, h / height);
                let place = (((width - w) * share.0).floor(), ((height - h) * share.1).floor());
                Map {
                    shift: (place.0 / stretch.0, place.1 / stretch.1),
                    stretch,
                    canvas: (width, height),
                }
            } else {
                Map {
                    shift: (
                        -width * (1.0 - 1.0 / scale) * share.0,
                        -height * (1.0 - 1.0 / scale) * share.1,
                    ),
                    stretch: (scale, scale),
                    canvas: (width, height),
                }
            };
            let (kept_boxes, kept) = map.boxes(boxes);
            if boxes.is_empty() || !kept.is_empty() {
                return Some(Seen {
                    pixels: rescaled(pixels, map)?,
                    boxes: kept_boxes,
                    kept,
                });
            }
        }
        None
    }
}

fn cut(pixels: &Pixels, (left, top): (usize, usize), (width, height): (usize, usize)) -> Pixels {
    let mut data = Vec::with_capacity(width * height * 3);
    for row in top..top + height {
        let start = (row * pixels.width + left) * 3;
        data.extend_from_slice(&pixels.data[start..start + width * 3]);
    }
    Pixels { width, height, data }
}

/// The image by the map, on a canvas of its own size; none if it cannot be resized, which a sound image can.
fn rescaled(pixels: &Pixels, map: Map) -> Option<Pixels> {
    let (width, height) = (pixels.width, pixels.height);
    let source = ImageRef::new(
        u32::try_from(width).ok()?,
        u32::try_from(height).ok()?,
        &pixels.data,
        PixelType::U8x3,
    );
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut resizer = Resizer::new();
    if map.stretch.0 >= 1.0 && map.stretch.1 >= 1.0 {
        let mut canvas = Image::new(width as u32, height as u32, PixelType::U8x3);
        let seen = (width as f64 / map.stretch.0, height as f64 / map.stretch.1);
        let left = (-map.shift.0).clamp(0.0, width as f64 - seen.0);
        let top = (-map.shift.1).clamp(0.0, height as f64 - seen.1);
        let options = options.crop(left, top, seen.0, seen.1);
        resizer.resize(&source.ok()?, &mut canvas, &options).ok()?;
        let data = canvas.into_vec();
        return Some(Pixels { width, height, data });
    }
    let smaller = (
        (width as f64 * map.stretch.0).round() as usize,
        (height as f64 * map.stretch.1).round() as usize,
    );
    let mut image = Image::new(smaller.0 as u32, smaller.1 as u32, PixelType::U8x3);
    resizer.resize(&source.ok()?, &mut image, &options).ok()?;
    let left = (map.shift.0 * map.stretch.0).round() as usize;
    let top = (map.shift.1 * map.stretch.1).round() as usize;
    let mut data = FILL.repeat(width * height);
    for (row, line) in image.into_vec().chunks_exact(smaller.0 * 3).enumerate() {
        let start = ((top + row) * width + left) * 3;
        data[start..start + line.len()].copy_from_slice(line);
    }
    Some(Pixels { width, height, data })
}

#[cfg(test)]
mod tests {
    use super::{Crop, ScaleJitter, Seen};
    use crate::image::Pixels;
    use asm_pipe::detection::BoundingBox;
    use asm_pipe::random::Stream;
    use proptest::prelude::*;

    /// A grey image with squares of side 8 in a grid, the `n`-th of the colour `(n + 1) * 20`, each with its box.
    fn squares(columns: usize, rows: usize) -> (Pixels, Vec<BoundingBox>) {
        let (width, height) = (columns * 16, rows * 16);
        let mut data = vec![0; width * height * 3];
        let mut boxes = Vec::new();
        for number in 0..columns * rows {
            let (x, y) = (number % columns * 16 + 4, number / columns * 16 + 4);
            for at in 0..64 {
                let start = ((y + at / 8) * width + x + at % 8) * 3;
                data[start..start + 3].fill((number as u8 + 1) * 20);
            }
            boxes.push(BoundingBox::new([x, y, x + 8, y + 8].map(|edge| edge as f64)));
        }
        (Pixels { width, height, data }, boxes)
    }

    /// Every box lies in the image and frames the colour that its number says; every number once, rising.
    fn is_right(seen: &Seen) -> Result<(), TestCaseError> {
        prop_assert_eq!(seen.boxes.len(), seen.kept.len());
        prop_assert!(seen.kept.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(seen.pixels.data.len(), seen.pixels.width * seen.pixels.height * 3);
        for (bounds, number) in seen.boxes.iter().zip(&seen.kept) {
            let [x_min, y_min, x_max, y_max] = bounds.xyxy();
            prop_assert!(x_min >= 0.0 && y_min >= 0.0 && x_max - x_min >= 2.0 && y_max - y_min >= 2.0);
            prop_assert!(x_max <= seen.pixels.width as f64 && y_max <= seen.pixels.height as f64);
            let centre = ((x_min + x_max) / 2.0) as usize + ((y_min + y_max) / 2.0) as usize * seen.pixels.width;
            let (found, expected) = (seen.pixels.data[centre * 3], (*number as u8 + 1) * 20);
            prop_assert!(
                found.abs_diff(expected) <= 6,
                "{} for {} at {:?}",
                found,
                expected,
                bounds
            );
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_cut_keeps_boxes_right(
            columns in 1_usize..4, rows in 1_usize..4, least_side in 0.05..1.0_f64, seed in any::<u64>(),
        ) {
            let (pixels, boxes) = squares(columns, rows);
            let crop = Crop { chance: 1.0, least_side };
            let draw = || crop.apply(&pixels, &boxes, &mut Stream::new(seed, "test", &[]));
            if let Some(seen) = draw() {
                is_right(&seen)?;
                prop_assert!(!seen.kept.is_empty());
                let again = draw().unwrap();
                prop_assert!(again.pixels == seen.pixels && again.boxes == seen.boxes);
            }
        }

        #[test]
        fn another_scale_keeps_boxes_right(
            columns in 1_usize..4, rows in 1_usize..4, scale in 0.4..3.0_f64, seed in any::<u64>(),
        ) {
            let (pixels, boxes) = squares(columns, rows);
            let jitter = ScaleJitter { chance: 1.0, least: scale, most: scale };
            let draw = || jitter.apply(&pixels, &boxes, &mut Stream::new(seed, "test", &[]));
            if let Some(seen) = draw() {
                prop_assert_eq!((seen.pixels.width, seen.pixels.height), (pixels.width, pixels.height));
                is_right(&seen)?;
                let again = draw().unwrap();
                prop_assert!(again.pixels == seen.pixels && again.boxes == seen.boxes);
            }
        }
    }

    #[test]
    fn a_smaller_image_lies_in_grey_with_all_its_boxes() {
        let (pixels, boxes) = squares(2, 2);
        let half = ScaleJitter {
            chance: 1.0,
            least: 0.5,
            most: 0.5,
        };
        let seen = half.apply(&pixels, &boxes, &mut Stream::new(0, "test", &[])).unwrap();
        assert_eq!(seen.kept, [0, 1, 2, 3]);
        assert_eq!((seen.boxes[0].width(), seen.boxes[0].height()), (4.0, 4.0));
        let grey = seen
            .pixels
            .data
            .chunks_exact(3)
            .filter(|pixel| *pixel == super::FILL)
            .count();
        assert_eq!(grey, 32 * 32 * 3 / 4);
    }

    #[test]
    fn an_image_without_objects_is_cut_too_and_chance_decides() {
        let (pixels, _) = squares(2, 2);
        let crop = |chance| Crop {
            chance,
            least_side: 0.5,
        };
        let cuts = |chance: f64| {
            (0..200)
                .filter(|&at| {
                    crop(chance)
                        .apply(&pixels, &[], &mut Stream::new(at, "test", &[]))
                        .is_some()
                })
                .count()
        };
        assert_eq!((cuts(0.0), cuts(1.0)), (0, 200));
        assert!((60..140).contains(&cuts(0.5)));
    }
}
