//! Named arrays from and to files: what a model's weights are on disk.
//!
//! Three formats are read: safetensors (ours), and the two kinds of pickle that `torch.save` has written. Knows nothing of
//! networks; nothing in a file is ever executed, and memory is taken only in proportion to the file.

pub mod pickle;
pub mod safetensors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::safetensors::Dtype;

/// Larger files are not read: a detector's weights are a twentieth of it.
pub const LARGEST_FILE: u64 = 4 << 30;

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

/// What a file of weights is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Ours.
    Safetensors,
    /// A zip archive, as `torch.save` writes since 1.6.
    Archive,
    /// Pickles in a row, as `torch.save` wrote before.
    Legacy,
}

/// Why a file of weights could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
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
}

impl Array {
    /// How many elements it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// What an element is, as safetensors writes it: `F32`.
    #[must_use]
    pub fn element(&self) -> String {
        self.dtype.to_string()
    }
}

impl Format {
    /// A name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Archive => "torch pickle (zip)",
            Self::Legacy => "torch pickle (legacy)",
        }
    }
}

/// Reads a file of weights; the format is told from its first bytes, not from its name.
///
/// # Errors
/// When the file cannot be read, is too large, has none of the formats, is cut off, or holds anything but arrays.
pub fn read(path: &Path) -> Result<(Format, Arrays), FileError> {
    let fault = |reason: String| FileError::Format {
        path: path.to_owned(),
        reason,
    };
    let length = fs_err::metadata(path)?.len();
    if length > LARGEST_FILE {
        let most = LARGEST_FILE >> 30;
        return Err(fault(format!(
            "it has {length} bytes; files of more than {most} GiB are not read"
        )));
    }
    let bytes = fs_err::read(path)?;
    match pickle::format(&bytes) {
        Some(format) => match pickle::read(&bytes) {
            Ok(arrays) => Ok((format, arrays)),
            Err(error) => Err(fault(error.to_string())),
        },
        None => match safetensors::decode(&bytes) {
            Ok((arrays, _)) => Ok((Format::Safetensors, arrays)),
            Err(error) => Err(fault(format!("neither a torch pickle nor safetensors ({error})"))),
        },
    }
}

/// Writes arrays as safetensors, aside and renamed.
///
/// # Errors
/// When the arrays cannot be encoded or the file cannot be written.
pub fn write(path: &Path, arrays: &Arrays) -> Result<(), FileError> {
    safetensors::write(path, arrays, None)
}

#[cfg(test)]
mod tests {
    use super::{LARGEST_FILE, read};

    #[test]
    fn a_file_of_no_known_format_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.pth");
        fs_err::write(&path, "hello").unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains("notes.pth") && text.contains("safetensors"), "{text}");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.safetensors");
        // A file with a hole: it takes no room on the disk.
        let file = fs_err::File::create(&path).unwrap();
        file.set_len(LARGEST_FILE + 1).unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains("huge.safetensors") && text.contains("4 GiB"), "{text}");
    }
}
