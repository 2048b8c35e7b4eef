//! A network's weights as named arrays, and from and to files by [`asm_pipe::weights`].

mod load;
mod names;
mod pretrained;
pub mod safetensors;
mod tensor;

use std::path::Path;

use asm_pipe::stage::StageError;
use asm_pipe::weights::FileError;
use tch::TchError;

pub use asm_pipe::weights::{Array, Arrays};
pub use load::{LoadReport, Mismatch, Rule, load};
pub use pretrained::{begin, epsilon};
pub use tensor::AsTensor;

/// Why weights could not be read, written or put into a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Names or shapes differ from the network's.
    #[error("{0}")]
    Mismatch(Mismatch),
    /// What was kept of a training belongs to another network.
    #[error("{0}")]
    Foreign(String),
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
    Ok(asm_pipe::weights::read(path)?.1)
}
