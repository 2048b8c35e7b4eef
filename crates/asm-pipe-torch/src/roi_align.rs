//! RoIAlign (He 2017) over a pyramid: each box becomes a grid of features, sampled from the level that fits its size.
//!
//! Equals torchvision's `MultiScaleRoIAlign` with `aligned=false` and two samples a bin in each direction. Sampling is libtorch's
//! `grid_sampler`, one call a level for the whole batch; its backward runs in a fixed order, so training is repeatable.

use tch::{TchError, Tensor};

use crate::boxes::{Row, area};
use crate::transform::Size;

/// Samples along each side of a bin.
const SAMPLES: i64 = 2;
/// A grid coordinate so far outside that the sampler answers 0.
const OUTSIDE: f32 = -9.0;
/// Modes of `grid_sampler`.
const BILINEAR: i64 = 0;
const ZEROS: i64 = 0;

/// Pools boxes from pyramid levels.
#[derive(Clone, Debug)]
pub(crate) struct RoiAlign {
    /// Bins along each side of a box.
    pub(crate) output: i64,
    /// Size of a box that belongs to the level of stride 16.
    pub(crate) canonical_scale: f64,
}

/// Where a box is pooled from.
#[derive(Clone, Copy, Debug)]
struct Place {
    image: usize,
    row: Row,
}

impl RoiAlign {
    /// `[R, C, output, output]` for the boxes of all images in order. `levels` are `[B, C, H, W]`, the finest first; `sizes` the images'.
    pub(crate) fn forward(&self, levels: &[Tensor], boxes: &[Vec<Row>], sizes: &[Size]) -> Result<Tensor, TchError> {
        let scales = scales(levels, sizes)?;
        let mut places: Vec<Vec<Place>> = vec![Vec::new(); levels.len()];
        let mut order = Vec::new();
        for (image, rows) in boxes.iter().enumerate() {
            for &row in rows {
                let level = self.level(&row, &scales);
                order.push((
                    level,
                    image,
                    places[level].iter().filter(|place| place.image == image).count(),
                ));
                places[level].push(Place { image, row });
            }
        }
        let mut parts = Vec::new();
        let mut offsets = Vec::new();
        let mut offset = 0;
        for ((features, places), scale) in levels.iter().zip(&places).zip(&scales) {
            let most = most_in_an_image(places, boxes.len());
            offsets.push((offset, most));
            offset += most * boxes.len();
            if most > 0 {
                parts.push(self.level_forward(features, places, *scale, most)?);
            }
        }
        let rows: Vec<i64> = order
            .into_iter()
            .map(|(level, image, number)| (offsets[level].0 + image * offsets[level].1 + number) as i64)
            .collect();
        let device = levels[0].device();
        if parts.is_empty() {
            let (_, channels, _, _) = levels[0].size4()?;
            return Tensor::f_zeros([0, channels, self.output, self.output], (levels[0].kind(), device));
        }
        Tensor::f_cat(&parts, 0)?.f_index_select(0, &Tensor::f_from_slice(&rows)?.f_to_device(device)?)
    }

    /// The level of a box (equation 1 of Lin 2017, with torchvision's guard against rounding).
    fn level(&self, row: &Row, scales: &[f32]) -> usize {
        let finest = -scales[0].log2();
        let wanted = (4.0 + (area(row).sqrt() / self.canonical_scale as f32).log2() + 1e-6).floor();
        (wanted - finest).clamp(0.0, (scales.len() - 1) as f32) as usize
    }

    /// `[B * most, C, output, output]`: the boxes of an image together, filled up with zeros.
    fn level_forward(&self, features: &Tensor, places: &[Place], scale: f32, most: usize) -> Result<Tensor, TchError> {
        let (images, channels, height, width) = features.size4()?;
        let side = self.output * SAMPLES;
        let mut grid = vec![OUTSIDE; images as usize * most * (side * side * 2) as usize];
        let mut filled = vec![0; images as usize];
        let stride = (side * side * 2) as usize;
        for place in places {
            let start = (place.image * most + filled[place.image]) * stride;
            filled[place.image] += 1;
            self.fill(&mut grid[start..start + stride], &place.row, scale, (height, width));
        }
        let most = most as i64;
        let grid = Tensor::f_from_slice(&grid)?
            .f_view([images, most * side, side, 2])?
            .f_to_device(features.device())?;
        features
            .f_contiguous()?
            .f_grid_sampler_2d(&grid, BILINEAR, ZEROS, true)?
            .f_avg_pool2d([SAMPLES; 2], [SAMPLES; 2], [0, 0], false, true, None)?
            .f_view([images, channels, most, self.output, self.output])?
            .f_transpose(1, 2)?
            .f_reshape([images * most, channels, self.output, self.output])
    }

    /// The sampling points of one box, rows first, as (x, y) in the sampler's units (-1 and 1 are the outermost cells).
    fn fill(&self, grid: &mut [f32], row: &Row, scale: f32, (height, width): Size) {
        let axis = |from: f32, to: f32, cells: i64| -> Vec<f32> {
            let start = from * scale;
            let bin = (to * scale - start).max(1.0) / self.output as f32;
            (0..self.output * SAMPLES)
                .map(|sample| {
                    let (bin_number, inside) = (sample / SAMPLES, sample % SAMPLES);
                    let point = start + bin_number as f32 * bin + (inside as f32 + 0.5) * bin / SAMPLES as f32;
                    normalised(point, cells)
                })
                .collect()
        };
        let (xs, ys) = (axis(row[0], row[2], width), axis(row[1], row[3], height));
        let points = ys.iter().flat_map(|y| xs.iter().map(move |x| [*x, *y]));
        for (place, point) in grid.as_chunks_mut::<2>().0.iter_mut().zip(points) {
            *place = point;
        }
    }
}

/// A coordinate in cells, in the sampler's units. Points up to a cell outside take the value at the edge, others 0.
fn normalised(point: f32, cells: i64) -> f32 {
    let last = (cells - 1) as f32;
    if !(-1.0..=cells as f32).contains(&point) {
        OUTSIDE
    } else if last == 0.0 {
        0.0
    } else {
        2.0 * point.clamp(0.0, last) / last - 1.0
    }
}

/// The scale of each level, a power of two, from its size and that of the largest image.
fn scales(levels: &[Tensor], sizes: &[Size]) -> Result<Vec<f32>, TchError> {
    let height = sizes.iter().map(|size| size.0).max().unwrap_or(1);
    levels
        .iter()
        .map(|level| {
            Ok((level.size4()?.2 as f32 / height as f32)
                .log2()
                .round_ties_even()
                .exp2())
        })
        .collect()
}

fn most_in_an_image(places: &[Place], images: usize) -> usize {
    let mut counts = vec![0; images];
    for place in places {
        counts[place.image] += 1;
    }
    counts.into_iter().max().unwrap_or(0)
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
        let expected_level = [0, 1, 0, 0];
        let mut number = 0;
        for (image, rows) in boxes.iter().enumerate() {
            for row in rows {
                let level = align.level(row, &[0.25, 0.125]);
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
