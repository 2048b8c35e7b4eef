//! The images that a command names: files, and the images in folders.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::detection::reading::image_size;

/// An image file, looked at.
#[derive(Debug)]
pub(super) struct Picture {
    /// As the user can open it.
    pub(super) path: PathBuf,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// All images named, in the order given, those of a folder by name. All that cannot be used are told at once.
pub(super) fn pictures(named: &[PathBuf]) -> Result<Vec<Picture>, Failure> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for path in named {
        if path.is_dir() {
            let inside = in_folder(path)?;
            if inside.is_empty() {
                problems.push(format!("{}: no JPEG or PNG in this folder", path.display()));
            }
            found.extend(inside);
        } else {
            found.push(path.clone());
        }
    }
    let mut pictures = Vec::with_capacity(found.len());
    for path in found {
        match look_at(&path) {
            Ok((width, height)) => pictures.push(Picture { path, width, height }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        return Ok(pictures);
    }
    const SHOWN: usize = 20;
    let more = problems.len().saturating_sub(SHOWN);
    let message = match problems.len() {
        1 => "an image cannot be used".to_owned(),
        count => format!("{count} images cannot be used"),
    };
    let failure = problems
        .into_iter()
        .take(SHOWN)
        .fold(Failure::invalid(message), Failure::hint);
    Err(if more > 0 {
        failure.hint(format!("and {more} more"))
    } else {
        failure
    })
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_image = extension.is_some_and(|extension| {
            ["jpg", "jpeg", "png"]
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        });
        if is_image && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn look_at(path: &Path) -> Result<(u32, u32), String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = fs_err::read(path).map_err(|e| e.to_string())?;
    image_size(&name, &bytes).map_err(|fault| format!("{}: {fault}", path.display()))
}
