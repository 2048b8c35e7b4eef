//! The format of `torch.save` since 1.6: a zip archive with `data.pkl` and a file for each storage.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use zip::{CompressionMethod, ZipArchive};

use super::PickleError;
use super::machine;
use crate::weights::Arrays;

pub(super) fn recognises(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

pub(super) fn read(bytes: &[u8]) -> Result<Arrays, PickleError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(zip_error)?;
    let pickle = archive
        .file_names()
        .find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"))
        .ok_or_else(|| PickleError::malformed("the archive has no `data.pkl`"))?
        .to_owned();
    let folder = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if let Some(order) = entry(&mut archive, &format!("{folder}byteorder"))?
        && order != b"little"
    {
        return Err(PickleError::malformed("it was written on a big-endian machine"));
    }
    let text = entry(&mut archive, &pickle)?.ok_or(PickleError::Truncated)?;
    let program = machine::run(&mut text.as_slice())?;
    let mut storages = BTreeMap::new();
    // Entries of an honest archive do not overlap.
    let mut budget = bytes.len();
    for (key, storage) in program.storages() {
        let data = entry(&mut archive, &format!("{folder}data/{key}"))?
            .ok_or_else(|| PickleError::malformed(format!("storage `{key}` is missing")))?;
        if storage.count.checked_mul(storage.dtype.bitsize() / 8) != Some(data.len()) {
            return Err(PickleError::malformed(format!(
                "storage `{key}` has another size than its tensors say"
            )));
        }
        budget = budget.checked_sub(data.len()).ok_or(PickleError::Truncated)?;
        storages.insert(key.to_owned(), data);
    }
    super::arrays(&program, bytes.len(), |storage| {
        storages
            .get(&storage.key)
            .map(Vec::as_slice)
            .ok_or_else(|| PickleError::malformed(format!("storage `{}` is missing", storage.key)))
    })
}

/// Reads an entry. Only stored ones: torch compresses nothing, and so none is larger than the file.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Option<Vec<u8>>, PickleError> {
    let mut file = match archive.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(zip_error(error)),
    };
    if file.compression() != CompressionMethod::Stored {
        return Err(PickleError::malformed(format!("`{name}` in the archive is compressed")));
    }
    let mut data = Vec::new();
    file.read_to_end(&mut data)
        .map_err(|e| PickleError::malformed(format!("`{name}` in the archive cannot be read: {e}")))?;
    Ok(Some(data))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function for map_err")]
fn zip_error(error: zip::result::ZipError) -> PickleError {
    PickleError::malformed(format!("the archive is damaged: {error}"))
}
