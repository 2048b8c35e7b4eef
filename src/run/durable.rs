//! Files that are there whole or not at all, also after a power cut, and also for another machine.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a value as JSON aside, forces it to the disk and gives it its name.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(std::io::Error::other)?;
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let file = fs_err::File::create(&aside)?;
    std::io::Write::write_all(&mut &file, &text)?;
    file.sync_all()?;
    drop(file);
    fs_err::rename(&aside, path)?;
    match path.parent() {
        Some(folder) => fs_err::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads such a file; none if it is not there or is not whole.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    // Listing the folder first has a network file system ask again for what was not there a moment ago.
    let folder = path.parent()?;
    if !path.exists() {
        fs_err::read_dir(folder).ok()?.for_each(drop);
    }
    serde_json::from_slice(&fs_err::read(path).ok()?).ok()
}
