//! Small JSON files: pools, ledgers, metrics, decisions.

use std::path::Path;

use fs_err as fs;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ArtifactError, ArtifactFault};
use crate::table::write_atomically;

/// Reads a JSON file.
///
/// # Errors
/// When it is not there, is not JSON, or does not fit the type.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ArtifactError> {
    let bytes = fs::read(path)?;
    serde_json::from_slice(&bytes).map_err(|e| ArtifactError::new(path, e))
}

/// Writes a value as indented JSON with a last newline. A type whose maps are ordered gives the same bytes each time.
///
/// # Errors
/// When the value has no JSON form or the disk says no.
pub fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), ArtifactError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| ArtifactError::new(path, ArtifactFault::Json(e)))?;
    text.push(b'\n');
    Ok(write_atomically(path, |writer| writer.write_all(&text))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_the_json_expected_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pool.json");
        assert!(
            read_json::<Vec<u32>>(&path)
                .unwrap_err()
                .to_string()
                .contains("pool.json")
        );
        write_json(&path, &["a"]).unwrap();
        let error = read_json::<Vec<u32>>(&path).unwrap_err().to_string();
        assert!(
            error.contains("pool.json: not the JSON expected: invalid type: string"),
            "{error}"
        );
    }
}
