//! Reads the state dicts that `torch.save` writes, without Python and without trust.
//!
//! A pickle is a program for a small stack machine. Ours knows the opcodes that state dicts need and an allow-list of names
//! (ordered dicts, storages, tensors, parameters), to which it gives its own meaning: a file can name nothing else, and
//! naming never calls anything. Sizes are held against the file's own length before memory is taken for them.

mod archive;
mod legacy;
mod machine;
mod strided;

use super::{Arrays, Format};
use machine::Value;

/// Why bytes are not a state dict.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The bytes end too early.
    #[error("the file is cut off")]
    Truncated,
    /// An opcode that no state dict needs.
    #[error("the pickle holds the instruction 0x{0:02x}, which state dicts do not need")]
    Instruction(u8),
    /// A name that is not on the allow-list.
    #[error("the pickle names `{0}`, which is not on the list of what weights may hold")]
    Name(String),
    /// Anything else.
    #[error("{0}")]
    Malformed(String),
}

impl PickleError {
    fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

/// Which kind of `torch.save`'s files these bytes begin like.
#[must_use]
pub fn format(bytes: &[u8]) -> Option<Format> {
    if archive::recognises(bytes) {
        Some(Format::Archive)
    } else {
        legacy::recognises(bytes).then_some(Format::Legacy)
    }
}

/// Reads the arrays of a state dict, or of the one under `state_dict` or `model` in a checkpoint.
///
/// # Errors
/// When the bytes are cut off, name something that is not allowed, or contradict themselves.
pub fn read(bytes: &[u8]) -> Result<Arrays, PickleError> {
    if archive::recognises(bytes) {
        archive::read(bytes)
    } else {
        legacy::read(bytes)
    }
}

/// Copies every tensor of a state dict out of the storages that `storage` finds.
fn arrays<'a>(
    program: &machine::Pickle,
    length: usize,
    storage: impl Fn(&machine::Storage) -> Result<&'a [u8], PickleError>,
) -> Result<Arrays, PickleError> {
    // Weights may share storages, so all arrays together may exceed the file, but not by much.
    let mut budget = length.saturating_mul(4);
    let mut arrays = Arrays::new();
    for (name, value) in program.entries()? {
        if let Value::Tensor(view) = value {
            let array = strided::gather(&name, view, storage(&view.storage)?, &mut budget)?;
            arrays.insert(name, array);
        }
    }
    if arrays.is_empty() {
        return Err(PickleError::malformed("it holds no tensors by name"));
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests;
