//! Named arrays from and to files: what a model's weights are outside libtorch.
//!
//! Three formats are read: safetensors (ours), and the two kinds of pickle that `torch.save` has written. Knows nothing of
//! networks but their variables' names; nothing in a file is ever executed.

mod load;
pub mod pickle;
pub mod safetensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::safetensors::Dtype;
use asm_pipe::stage::StageError;
use tch::{Kind, TchError, Tensor};

pub use load::{LoadReport, Rule, load, pretrained_name};

/// An array of numbers as bytes: little-endian, row-major, `shape` times the element's size long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// What an element is.
    pub dtype: Dtype,
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Vec<u8>,
}

/// Arrays by name.
pub type Arrays = BTreeMap<String, Array>;

/// Why weights could not be read, written or put into a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not what it should be.
    #[error("cannot read weights from `{}`: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Names or shapes differ from the network's.
    #[error("{0}")]
    Mismatch(String),
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}

impl From<WeightsError> for StageError {
    fn from(error: WeightsError) -> Self {
        Self::new(error.to_string())
    }
}

/// Reads a file of weights; the format is told from its first bytes, not from its name.
///
/// # Errors
/// When the file cannot be read, has none of the formats, is cut off, or holds anything but arrays.
pub fn read(path: &Path) -> Result<Arrays, WeightsError> {
    let bytes = fs_err::read(path)?;
    let format = |reason: String| WeightsError::Format {
        path: path.to_owned(),
        reason,
    };
    if pickle::recognises(&bytes) {
        pickle::read(&bytes).map_err(|e| format(e.to_string()))
    } else {
        safetensors::decode(&bytes)
            .map(|(arrays, _)| arrays)
            .map_err(|e| format(format!("neither a torch pickle nor safetensors ({e})")))
    }
}

impl Array {
    /// The array as a tensor on the CPU.
    ///
    /// # Errors
    /// When libtorch has no such element type.
    pub fn tensor(&self) -> Result<Tensor, TchError> {
        let shape: Vec<i64> = self.shape.iter().map(|&length| length as i64).collect();
        Tensor::f_from_data_size(&self.data, &shape, kind(self.dtype)?)
    }

    /// Copies a tensor.
    ///
    /// # Errors
    /// When its element type has no place in a file.
    pub fn of(tensor: &Tensor) -> Result<Self, TchError> {
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
    use super::{Array, read};
    use tch::{Kind, Tensor};

    #[test]
    fn a_tensor_survives_the_way_through_bytes_even_when_transposed() {
        let tensor = Tensor::arange(6, (Kind::Float, tch::Device::Cpu)).view([2, 3]).tr();
        let array = Array::of(&tensor).unwrap();
        assert_eq!(array.shape, [3, 2]);
        assert_eq!(array.tensor().unwrap(), tensor);
    }

    #[test]
    fn a_file_of_no_known_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.pth");
        fs_err::write(&path, "hello").unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains("notes.pth") && text.contains("safetensors"), "{text}");
    }
}
