//! Anchors: the boxes of fixed size and shape at each cell of each pyramid level (torchvision's `AnchorGenerator`).

use crate::boxes::Row;

/// The anchors at one cell, around the origin, for a level's sizes: shapes outermost, rounded to whole pixels.
#[must_use]
pub fn cell_anchors(sizes: &[f64], aspect_ratios: &[f64]) -> Vec<Row> {
    let mut rows = Vec::with_capacity(sizes.len() * aspect_ratios.len());
    for ratio in aspect_ratios {
        let height_factor = (*ratio as f32).sqrt();
        let width_factor = 1.0 / height_factor;
        for size in sizes {
            let (width, height) = (width_factor * *size as f32, height_factor * *size as f32);
            rows.push([-width, -height, width, height].map(|edge| (edge / 2.0).round_ties_even()));
        }
    }
    rows
}

/// The anchors of a level with `grid` = (rows, columns) of cells in a batch of `padded` = (height, width) pixels:
/// cells in row-major order, the anchors of a cell together.
#[must_use]
pub fn level_anchors(cell: &[Row], grid: (i64, i64), padded: (i64, i64)) -> Vec<Row> {
    let (rows, columns) = grid;
    let (stride_y, stride_x) = (padded.0 / rows.max(1), padded.1 / columns.max(1));
    let mut anchors = Vec::with_capacity((rows * columns) as usize * cell.len());
    for row in 0..rows {
        let y = (row * stride_y) as f32;
        for column in 0..columns {
            let x = (column * stride_x) as f32;
            anchors.extend(cell.iter().map(|a| [a[0] + x, a[1] + y, a[2] + x, a[3] + y]));
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_anchors_keep_the_area_and_change_the_shape() {
        let anchors = cell_anchors(&[32.0], &[0.5, 1.0, 2.0]);
        assert_eq!(
            anchors,
            [
                [-23.0, -11.0, 23.0, 11.0],
                [-16.0, -16.0, 16.0, 16.0],
                [-11.0, -23.0, 11.0, 23.0]
            ]
        );
    }

    #[test]
    fn anchors_move_by_the_stride_of_their_level() {
        let anchors = level_anchors(&[[-1.0, -2.0, 1.0, 2.0]], (2, 3), (8, 24));
        assert_eq!(anchors.len(), 6);
        assert_eq!(anchors[1], [7.0, -2.0, 9.0, 2.0]);
        assert_eq!(anchors[3], [-1.0, 2.0, 1.0, 6.0]);
    }
}
