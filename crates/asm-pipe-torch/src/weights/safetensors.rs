//! safetensors with this package's errors.

use std::path::Path;

pub use asm_pipe::weights::safetensors::{decode, encode};

use super::{Arrays, WeightsError};

/// Writes a file aside and renames it, so that whoever reads it finds all of it or none.
///
/// # Errors
/// When the arrays cannot be encoded or the file cannot be written.
pub fn write(path: &Path, arrays: &Arrays, note: Option<&str>) -> Result<(), WeightsError> {
    Ok(asm_pipe::weights::safetensors::write(path, arrays, note)?)
}
