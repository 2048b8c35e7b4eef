//! RoIAlign (He 2017) over a pyramid: each box becomes a grid of features, sampled from the level that fits its size.
//!
//! Equals torchvision's `MultiScaleRoIAlign` with `aligned=false` and two samples a bin in each direction. A bin is a weighted
//! sum of a few cells, so the whole batch is one `embedding_bag` over the cells of all levels and images. Its backward adds
//! up each cell's parts in a fixed order, so training is repeatable.

use tch::{Kind, TchError, Tensor};

use crate::boxes::{Row, area};
use crate::transform::Size;

/// Samples along each side of a bin.
const SAMPLES: usize = 2;
/// `embedding_bag`'s mode that adds.
const SUM: i64 = 0;
/// Boxes that are pooled at once when the features of each become a row: with 256 channels 12 MiB.
const PART: usize = 256;

/// Pools boxes from pyramid levels.
#[derive(Clone, Debug)]
pub(crate) struct RoiAlign {
    /// Bins along each side of a box.
    pub(crate) output: i64,
    /// Size of a box that belongs to the level of stride 16.
    pub(crate) canonical_scale: f64,
}

/// A level's place among the cells of all levels.
#[derive(Clone, Copy, Debug)]
struct Map {
    /// The first cell of the first image.
    start: usize,
    rows: usize,
    columns: usize,
    /// Cells a pixel.
    scale: f32,
}

/// Which cells make up each bin.
#[derive(Debug, Default)]
struct Bags {
    cells: Vec<i64>,
    weights: Vec<f32>,
    /// Where each bin's cells begin.
    starts: Vec<i64>,
}

impl RoiAlign {
    /// `[R, C, output, output]` for the boxes of all images in order, in the kind of the levels. `levels` are `[B, C, H, W]`, the finest first; `sizes` the images'.
    pub(crate) fn forward(&self, levels: &[Tensor], boxes: &[Vec<Row>], sizes: &[Size]) -> Result<Tensor, TchError> {
        let (_, channels, _, _) = levels[0].size4()?;
        let placed = placed(boxes);
        if placed.is_empty() {
            let shape = [0, channels, self.output, self.output];
            return Tensor::f_zeros(shape, (levels[0].kind(), levels[0].device()));
        }
        self.pool(&cells(levels)?, &maps(levels, sizes)?, &placed)?
            .f_to_kind(levels[0].f_kind()?)
    }

    /// The same numbers as rows `[R, C * output * output]`, for a network that does not learn. The boxes are gone through in parts, so that what is
    /// pooled is not there twice: once as `embedding_bag` lays it out and once as rows.
    pub(crate) fn rows(&self, levels: &[Tensor], boxes: &[Vec<Row>], sizes: &[Size]) -> Result<Tensor, TchError> {
        let (_, channels, _, _) = levels[0].size4()?;
        let placed = placed(boxes);
        let shape = [placed.len() as i64, channels * self.output * self.output];
        let rows = Tensor::f_empty(shape, (levels[0].kind(), levels[0].device()))?;
        let (cells, maps) = (cells(levels)?, maps(levels, sizes)?);
        for (part, placed) in (0..).zip(placed.chunks(PART)) {
            let mut place = rows.f_narrow(0, part * PART as i64, placed.len() as i64)?;
            place.f_copy_(&self.pool(&cells, &maps, placed)?.f_flatten(1, -1)?)?;
        }
        Ok(rows)
    }

    /// `[R, C, output, output]` as `Float`, for boxes with the number of their image.
    fn pool(&self, cells: &Tensor, maps: &[Map], boxes: &[(usize, Row)]) -> Result<Tensor, TchError> {
        let device = cells.device();
        let mut bags = Bags::default();
        for (image, row) in boxes {
            self.add(&mut bags, row, *image, &maps[self.level(row, maps)]);
        }
        let weights = Tensor::f_from_slice(&bags.weights)?.f_to_device(device)?;
        let (pooled, _, _, _) = Tensor::f_embedding_bag(
            cells,
            &Tensor::f_from_slice(&bags.cells)?.f_to_device(device)?,
            &Tensor::f_from_slice(&bags.starts)?.f_to_device(device)?,
            false,
            SUM,
            false,
            Some(&weights),
            false,
        )?;
        pooled
            .f_view([boxes.len() as i64, self.output, self.output, -1])?
            .f_permute([0, 3, 1, 2])
    }

    /// The level of a box (equation 1 of Lin 2017, with torchvision's guard against rounding).
    fn level(&self, row: &Row, maps: &[Map]) -> usize {
        let finest = -maps[0].scale.log2();
        let wanted = (4.0 + (area(row).sqrt() / self.canonical_scale as f32).log2() + 1e-6).floor();
        (wanted - finest).clamp(0.0, (maps.len() - 1) as f32) as usize
    }

    /// Adds the bins of one box, rows first.
    fn add(&self, bags: &mut Bags, row: &Row, image: usize, map: &Map) {
        let side = |from, to, cells| side_weights(from * map.scale, to * map.scale, self.output as usize, cells);
        let (across, down) = (side(row[0], row[2], map.columns), side(row[1], row[3], map.rows));
        let start = map.start + image * map.rows * map.columns;
        for bin_down in &down {
            for bin_across in &across {
                bags.starts.push(bags.cells.len() as i64);
                for &(y, weight_y) in bin_down {
                    for &(x, weight_x) in bin_across {
                        bags.cells.push((start + y * map.columns + x) as i64);
                        bags.weights.push(weight_y * weight_x);
                    }
                }
            }
        }
    }
}

/// The boxes of all images in order, each with the number of its image.
fn placed(boxes: &[Vec<Row>]) -> Vec<(usize, Row)> {
    let images = boxes.iter().enumerate();
    images
        .flat_map(|(image, rows)| rows.iter().map(move |&row| (image, row)))
        .collect()
}

/// The cells of all levels and images, `[N, C]` as `Float`.
fn cells(levels: &[Tensor]) -> Result<Tensor, TchError> {
    let (_, channels, _, _) = levels[0].size4()?;
    let cells = levels
        .iter()
        .map(|level| level.f_permute([0, 2, 3, 1])?.f_reshape([-1, channels]))
        .collect::<Result<Vec<_>, _>>()?;
    Tensor::f_cat(&cells, 0)?.f_to_kind(Kind::Float)
}

/// For each bin along a side, the cells that its samples lie between, with their shares. A sample up to a cell outside the map counts
/// as lying at the edge, one further outside counts as 0.
fn side_weights(from: f32, to: f32, bins: usize, cells: usize) -> Vec<Vec<(usize, f32)>> {
    let length = (to - from).max(1.0) / bins as f32;
    let last = cells - 1;
    let mut sides = Vec::with_capacity(bins);
    for bin in 0..bins {
        let mut weights: Vec<(usize, f32)> = Vec::with_capacity(SAMPLES * 2);
        let mut add = |cell: usize, weight: f32| {
            if let Some(known) = weights.iter_mut().find(|(other, _)| *other == cell) {
                known.1 += weight;
            } else if weight > 0.0 {
                weights.push((cell, weight));
            }
        };
        for sample in 0..SAMPLES {
            let point = from + bin as f32 * length + (sample as f32 + 0.5) * length / SAMPLES as f32;
            if (-1.0..=cells as f32).contains(&point) {
                let point = point.clamp(0.0, last as f32);
                let below = point as usize;
                let share = (point - below as f32) / SAMPLES as f32;
                add(below, 1.0 / SAMPLES as f32 - share);
                add((below + 1).min(last), share);
            }
        }
        sides.push(weights);
    }
    sides
}

/// Where each level's cells are, and its scale: a power of two, from its size and that of the largest image.
fn maps(levels: &[Tensor], sizes: &[Size]) -> Result<Vec<Map>, TchError> {
    let height = sizes.iter().map(|size| size.0).max().unwrap_or(1);
    let mut start = 0;
    let mut maps = Vec::with_capacity(levels.len());
    for level in levels {
        let (images, _, rows, columns) = level.size4()?;
        maps.push(Map {
            start,
            rows: rows as usize,
            columns: columns as usize,
            scale: (rows as f32 / height as f32).log2().round_ties_even().exp2(),
        });
        start += (images * rows * columns) as usize;
    }
    Ok(maps)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// By the definition, one sample at a time.
    fn direct(features: &Tensor, row: &Row, scale: f32, output: i64, at: [i64; 4]) -> f64 {
        let [image, channel, bin_y, bin_x] = at;
        let (_, _, height, width) = features.size4().unwrap();
        let value = |y: f32, x: f32| -> f64 {
            if y < -1.0 || y > height as f32 || x < -1.0 || x > width as f32 {
                return 0.0;
            }
            let (y, x) = (y.clamp(0.0, (height - 1) as f32), x.clamp(0.0, (width - 1) as f32));
            let mut sum = 0.0;
            for (cell_y, weight_y) in [(y.floor(), 1.0 - y.fract()), (y.floor() + 1.0, y.fract())] {
                for (cell_x, weight_x) in [(x.floor(), 1.0 - x.fract()), (x.floor() + 1.0, x.fract())] {
                    if weight_y * weight_x > 0.0 {
                        let cell = [image, channel, cell_y as i64, cell_x as i64];
                        sum += f64::from(weight_y * weight_x) * features.double_value(&cell);
                    }
                }
            }
            sum
        };
        let start = [row[1] * scale, row[0] * scale];
        let bin = [
            ((row[3] - row[1]) * scale).max(1.0),
            ((row[2] - row[0]) * scale).max(1.0),
        ]
        .map(|s| s / output as f32);
        let mut sum = 0.0;
        for inside_y in [0.25, 0.75] {
            for inside_x in [0.25, 0.75] {
                sum += value(
                    start[0] + (bin_y as f32 + inside_y) * bin[0],
                    start[1] + (bin_x as f32 + inside_x) * bin[1],
                );
            }
        }
        sum / 4.0
    }

    #[test]
    fn pooled_features_equal_direct_sums_on_each_level() {
        tch::manual_seed(0);
        let levels = [16, 8].map(|side| Tensor::randn([2, 3, side, side + side / 4], (Kind::Float, Device::Cpu)));
        let align = RoiAlign {
            output: 3,
            canonical_scale: 80.0,
        };
        // Small and large, at the edges, narrower than a cell and reaching out.
        let boxes = vec![
            vec![[3.0, 5.0, 20.0, 30.0], [0.0, 0.0, 80.0, 64.0], [79.0, 63.5, 80.0, 64.0]],
            vec![[10.0, 2.0, 45.0, 40.0]],
        ];
        let pooled = align.forward(&levels, &boxes, &[(64, 80), (64, 70)]).unwrap();
        assert_eq!(pooled.size(), [4, 3, 3, 3]);
        let maps = maps(&levels, &[(64, 80), (64, 70)]).unwrap();
        let expected_level = [0, 1, 0, 0];
        let mut number = 0;
        for (image, rows) in boxes.iter().enumerate() {
            for row in rows {
                let level = align.level(row, &maps);
                assert_eq!(level, expected_level[number], "{row:?}");
                for channel in 0..3 {
                    for bin_y in 0..3 {
                        for bin_x in 0..3 {
                            let at = [image as i64, channel, bin_y, bin_x];
                            let wanted = direct(&levels[level], row, [0.25, 0.125][level], 3, at);
                            let found = pooled.double_value(&[number as i64, channel, bin_y, bin_x]);
                            assert!((wanted - found).abs() < 3e-5, "{row:?} {at:?}: {wanted} {found}");
                        }
                    }
                }
                number += 1;
            }
        }
    }

    #[test]
    fn rows_are_the_pooled_features_to_the_bit_and_in_their_order() {
        tch::manual_seed(0);
        let levels = [16, 8].map(|side| Tensor::randn([2, 3, side, side], (Kind::Float, Device::Cpu)));
        let align = RoiAlign {
            output: 3,
            canonical_scale: 80.0,
        };
        let one = |at: usize| [at as f32 % 30.0, at as f32 % 20.0, 31.0 + at as f32 % 33.0, 60.0];
        // More than go at once, with a border inside an image.
        let boxes = vec![(0..PART - 5).map(one).collect::<Vec<_>>(), (0..40).map(one).collect()];
        let sizes = [(64, 64), (64, 64)];
        let pooled = align.forward(&levels, &boxes, &sizes).unwrap();
        let rows = align.rows(&levels, &boxes, &sizes).unwrap();
        assert_eq!(rows, pooled.flatten(1, -1));
        let none = align.rows(&levels, &[Vec::new(), Vec::new()], &sizes).unwrap();
        assert_eq!(none.size(), [0, 27]);
    }

    #[test]
    fn weights_along_a_side_are_few_and_sum_to_one_inside_the_map() {
        // Bins of 0.5 cells: both samples of a bin fall between the same two cells, or on either side of one.
        let bins = side_weights(4.0, 6.0, 4, 16);
        assert_eq!(bins.len(), 4);
        for bin in &bins {
            assert!(bin.len() <= 3, "{bin:?}");
            assert!(
                (bin.iter().map(|(_, weight)| weight).sum::<f32>() - 1.0).abs() < 1e-6,
                "{bin:?}"
            );
        }
        // The first bin's samples lie at 4.125 and 4.375.
        assert_eq!(bins[0], [(4, 0.75), (5, 0.25)]);
        // A whole cell outside: nothing.
        assert!(side_weights(17.5, 18.0, 1, 16)[0].is_empty());
    }

    #[test]
    fn no_boxes_give_no_features() {
        let levels = [Tensor::zeros([1, 5, 4, 4], (Kind::Float, Device::Cpu))];
        let align = RoiAlign {
            output: 7,
            canonical_scale: 224.0,
        };
        assert_eq!(
            align.forward(&levels, &[vec![]], &[(16, 16)]).unwrap().size(),
            [0, 5, 7, 7]
        );
    }
}
