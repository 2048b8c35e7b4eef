//! Boxes as rows of four `f32` (xyxy, pixels of the resized image), outside libtorch.
//!
//! Matching, suppression and sampling touch each box a few times with branches: plain rows are faster than tensors there, and
//! their order of operations is fixed, which keeps training repeatable.

use tch::{Device, Kind, TchError, Tensor};

/// A box `[x_min, y_min, x_max, y_max]`.
pub type Row = [f32; 4];

/// Area of a box; negative for swapped edges on one axis, as in torchvision's `box_area`.
#[must_use]
pub fn area(row: &Row) -> f32 {
    (row[2] - row[0]) * (row[3] - row[1])
}

/// Intersection over union of two boxes; 0 when neither has an area.
#[must_use]
pub fn iou(a: &Row, b: &Row) -> f32 {
    iou_of_areas(a, area(a), b, area(b))
}

/// [`iou`] for areas that are known already.
#[must_use]
pub fn iou_of_areas(a: &Row, area_of_a: f32, b: &Row, area_of_b: f32) -> f32 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let shared = width * height;
    if shared > 0.0 {
        shared / (area_of_a + area_of_b - shared)
    } else {
        0.0
    }
}

/// Moves the edges of a box into an image of this size.
#[must_use]
pub fn clip(row: &Row, (height, width): (f32, f32)) -> Row {
    [
        row[0].clamp(0.0, width),
        row[1].clamp(0.0, height),
        row[2].clamp(0.0, width),
        row[3].clamp(0.0, height),
    ]
}

/// Whether both sides have at least this length. A box of NaN has not.
#[must_use]
pub fn has_sides_of(row: &Row, least: f32) -> bool {
    row[2] - row[0] >= least && row[3] - row[1] >= least
}

/// The rows of an `[N, 4]` tensor of any device.
///
/// # Errors
/// If libtorch refuses the copy.
pub fn rows(tensor: &Tensor) -> Result<Vec<Row>, TchError> {
    let flat = numbers(tensor)?;
    Ok(flat.as_chunks::<4>().0.to_vec())
}

/// The values of a tensor as `f32` in row-major order.
///
/// # Errors
/// If libtorch refuses the copy.
pub fn numbers(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let mut flat = vec![0.0_f32; tensor.numel()];
    let count = flat.len();
    tensor.f_copy_data(&mut flat, count)?;
    Ok(flat)
}

/// The values of a tensor as `i64` in row-major order.
///
/// # Errors
/// If libtorch refuses the copy.
pub fn integers(tensor: &Tensor) -> Result<Vec<i64>, TchError> {
    let tensor = tensor
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Int64)?
        .f_contiguous()?;
    let mut flat = vec![0_i64; tensor.numel()];
    let count = flat.len();
    tensor.f_copy_data(&mut flat, count)?;
    Ok(flat)
}

/// An `[N, 4]` tensor of these rows.
///
/// # Errors
/// If libtorch refuses the copy.
pub fn tensor(rows: &[Row], device: Device) -> Result<Tensor, TchError> {
    Tensor::f_from_slice(rows.as_flattened())?
        .f_view([-1, 4])?
        .f_to_device(device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_is_the_shared_part_and_zero_for_boxes_without_area() {
        let square = [0.0, 0.0, 10.0, 10.0];
        assert_eq!(iou(&square, &square), 1.0);
        assert!((iou(&square, &[5.0, 0.0, 15.0, 10.0]) - 50.0 / 150.0).abs() < 1e-7);
        assert_eq!(iou(&square, &[10.0, 0.0, 20.0, 10.0]), 0.0);
        assert_eq!(iou(&[3.0, 3.0, 3.0, 3.0], &[3.0, 3.0, 3.0, 3.0]), 0.0);
    }

    #[test]
    fn clipped_boxes_lie_in_the_image() {
        assert_eq!(clip(&[-3.0, 2.0, 50.0, 99.0], (20.0, 30.0)), [0.0, 2.0, 30.0, 20.0]);
        assert!(has_sides_of(&[0.0, 0.0, 1.0, 1.0], 1.0));
        assert!(!has_sides_of(&[0.0, 0.0, f32::NAN, 1.0], 0.0));
    }

    #[test]
    fn rows_survive_the_way_through_a_tensor() {
        let given = [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.5]];
        assert_eq!(rows(&tensor(&given, Device::Cpu).unwrap()).unwrap(), given);
        assert!(rows(&tensor(&[], Device::Cpu).unwrap()).unwrap().is_empty());
    }
}
