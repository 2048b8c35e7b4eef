//! Reads and writes safetensors. The same arrays always give the same bytes.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{SafeTensorError, SafeTensors};

use super::{Array, Arrays, FileError};

/// The one entry that we put under `__metadata__`: with one, its order cannot change.
const NOTE: &str = "asm-pipe";

/// Reads arrays and the note of [`encode`].
///
/// # Errors
/// When the bytes are not safetensors or are cut off.
pub fn decode(bytes: &[u8]) -> Result<(Arrays, Option<String>), SafeTensorError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes)?;
    let note = metadata.metadata().as_ref().and_then(|map| map.get(NOTE).cloned());
    let arrays = SafeTensors::deserialize(bytes)?
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let array = Array {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                data: view.data().to_vec(),
            };
            (name, array)
        })
        .collect();
    Ok((arrays, note))
}

/// The arrays, and a note, as the bytes of a file.
///
/// # Errors
/// When an array's bytes do not fit its shape.
pub fn encode(arrays: &Arrays, note: Option<&str>) -> Result<Vec<u8>, SafeTensorError> {
    let views = arrays
        .iter()
        .map(|(name, array)| Ok((name, TensorView::new(array.dtype, array.shape.clone(), &array.data)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    let metadata = note.map(|note| HashMap::from([(NOTE.to_owned(), note.to_owned())]));
    safetensors::serialize(views, metadata)
}

/// Writes a file aside and renames it, so that whoever reads it finds all of it or none.
///
/// # Errors
/// When the arrays cannot be encoded or the file cannot be written.
pub fn write(path: &Path, arrays: &Arrays, note: Option<&str>) -> Result<(), FileError> {
    let bytes = encode(arrays, note).map_err(|e| FileError::Format {
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any file that a program writes; the user's mask applies.
    builder.permissions(std::fs::Permissions::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(&bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::weights::{Array, Arrays};
    use safetensors::Dtype;

    fn arrays() -> Arrays {
        let array = |dtype: Dtype, shape: &[usize], fill: u8| Array {
            dtype,
            shape: shape.to_vec(),
            data: vec![fill; shape.iter().product::<usize>() * dtype.bitsize() / 8],
        };
        Arrays::from([
            ("b".into(), array(Dtype::F32, &[2, 3], 1)),
            ("a".into(), array(Dtype::I64, &[], 2)),
            ("c".into(), array(Dtype::F32, &[0, 4], 0)),
        ])
    }

    #[test]
    fn arrays_and_note_come_back_as_they_were() {
        let bytes = encode(&arrays(), Some("note")).unwrap();
        assert_eq!(decode(&bytes).unwrap(), (arrays(), Some("note".into())));
    }

    #[test]
    fn the_same_arrays_give_the_same_bytes() {
        assert_eq!(
            encode(&arrays(), Some("x")).unwrap(),
            encode(&arrays(), Some("x")).unwrap()
        );
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error() {
        let bytes = encode(&arrays(), None).unwrap();
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}
