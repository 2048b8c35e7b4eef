//! Copies a strided view out of a storage into a row-major array.

use super::PickleError;
use super::machine::TensorView;
use crate::weights::Array;

/// Copies a view's elements. `budget` is the number of bytes that may still be taken.
pub(super) fn gather(name: &str, view: &TensorView, storage: &[u8], budget: &mut usize) -> Result<Array, PickleError> {
    let outside = || PickleError::malformed(format!("tensor `{name}` reaches outside its storage"));
    if view.shape.len() != view.strides.len() {
        return Err(PickleError::malformed(format!(
            "tensor `{name}` has shape and strides of different lengths"
        )));
    }
    let width = view.storage.dtype.bitsize() / 8;
    let count = view
        .shape
        .iter()
        .try_fold(1_usize, |n, &axis| n.checked_mul(axis))
        .ok_or_else(outside)?;
    let bytes = count.checked_mul(width).ok_or_else(outside)?;
    // No more elements than the storage has: also refuses axes of stride 0, which state dicts do not have.
    if bytes > storage.len() {
        return Err(outside());
    }
    *budget = budget
        .checked_sub(bytes)
        .ok_or_else(|| PickleError::malformed("its tensors together are far larger than the file"))?;
    let mut data = Vec::with_capacity(bytes);
    if count > 0 {
        let reach = view
            .shape
            .iter()
            .zip(&view.strides)
            .try_fold(view.offset, |at, (&axis, &stride)| {
                at.checked_add((axis - 1).checked_mul(stride)?)
            });
        if reach.is_none_or(|last| last >= storage.len() / width) {
            return Err(outside());
        }
        let mut index = vec![0_usize; view.shape.len()];
        let run = contiguous_run(view);
        let mut taken = 0;
        while taken < count {
            let at: usize = view.offset
                + index
                    .iter()
                    .zip(&view.strides)
                    .map(|(&i, &stride)| i * stride)
                    .sum::<usize>();
            data.extend_from_slice(&storage[at * width..(at + run) * width]);
            taken += run;
            advance(&mut index, &view.shape, run);
        }
    }
    Ok(Array {
        dtype: view.storage.dtype,
        shape: view.shape.clone(),
        data,
    })
}

/// How many elements lie in a row: the whole of a row-major view, 1 of a transposed one.
fn contiguous_run(view: &TensorView) -> usize {
    let mut run = 1;
    for (&axis, &stride) in view.shape.iter().zip(&view.strides).rev() {
        if axis != 1 && stride != run {
            break;
        }
        run *= axis;
    }
    run
}

/// Moves a row-major index on by a number of elements that is a product of the last axes.
fn advance(index: &mut [usize], shape: &[usize], by: usize) {
    let mut carry = by;
    for (place, &axis) in index.iter_mut().zip(shape).rev() {
        let sum = *place + carry;
        *place = sum % axis;
        carry = sum / axis;
    }
}
