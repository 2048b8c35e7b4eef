//! Between arrays and libtorch's tensors.

use safetensors::Dtype;
use tch::{Kind, TchError, Tensor};

use super::Array;

/// An array as a tensor, and back.
pub trait AsTensor: Sized {
    /// The array as a tensor on the CPU.
    ///
    /// # Errors
    /// When libtorch has no such element type.
    fn tensor(&self) -> Result<Tensor, TchError>;

    /// Copies a tensor.
    ///
    /// # Errors
    /// When its element type has no place in a file.
    fn of(tensor: &Tensor) -> Result<Self, TchError>;
}

impl AsTensor for Array {
    fn tensor(&self) -> Result<Tensor, TchError> {
        let shape: Vec<i64> = self.shape.iter().map(|&length| length as i64).collect();
        Tensor::f_from_data_size(&self.data, &shape, kind(self.dtype)?)
    }

    fn of(tensor: &Tensor) -> Result<Self, TchError> {
        let tensor = tensor.detach().f_to_device(tch::Device::Cpu)?.f_contiguous()?;
        let dtype = dtype(tensor.f_kind()?)?;
        let count = tensor.numel();
        let mut data = vec![0; count * dtype.bitsize() / 8];
        tensor.f_copy_data_u8(&mut data, count)?;
        let shape = tensor.size().iter().map(|&length| length as usize).collect();
        Ok(Self { dtype, shape, data })
    }
}

fn kind(dtype: Dtype) -> Result<Kind, TchError> {
    Ok(match dtype {
        Dtype::BOOL => Kind::Bool,
        Dtype::U8 => Kind::Uint8,
        Dtype::I8 => Kind::Int8,
        Dtype::I16 => Kind::Int16,
        Dtype::I32 => Kind::Int,
        Dtype::I64 => Kind::Int64,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        other => return Err(TchError::Kind(format!("no tensor has elements of {other}"))),
    })
}

fn dtype(kind: Kind) -> Result<Dtype, TchError> {
    Ok(match kind {
        Kind::Bool => Dtype::BOOL,
        Kind::Uint8 => Dtype::U8,
        Kind::Int8 => Dtype::I8,
        Kind::Int16 => Dtype::I16,
        Kind::Int => Dtype::I32,
        Kind::Int64 => Dtype::I64,
        Kind::Half => Dtype::F16,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Float => Dtype::F32,
        Kind::Double => Dtype::F64,
        other => return Err(TchError::Kind(format!("elements of {other:?} are not stored"))),
    })
}

#[cfg(test)]
mod tests {
    use super::{Array, AsTensor as _};
    use tch::{Kind, Tensor};

    #[test]
    fn a_tensor_survives_the_way_through_bytes_even_when_transposed() {
        let tensor = Tensor::arange(6, (Kind::Float, tch::Device::Cpu)).view([2, 3]).tr();
        let array = Array::of(&tensor).unwrap();
        assert_eq!(array.shape, [3, 2]);
        assert_eq!(array.tensor().unwrap(), tensor);
    }
}
