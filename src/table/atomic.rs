//! Files that are there whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use fs_err as fs;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Writes a file beside its place and renames it there, so that nobody ever reads half of it.
///
/// # Errors
/// When the disk or `fill` says no; the place then holds what it held before.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        let text = format!("{}: not the path of a file", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    };
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}-{serial}.partial", std::process::id()));
    let aside = path.with_file_name(aside);
    let written = fs::File::create(&aside).and_then(|file| {
        let mut writer = BufWriter::new(file);
        fill(&mut writer)?;
        writer.flush()
    });
    let placed = written.and_then(|()| fs::rename(&aside, path));
    if placed.is_err() {
        // What stopped the write matters more than the leftover.
        let _ = fs::remove_file(&aside);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        write_atomically(&path, |writer| writer.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |writer| {
            writer.write_all(b"half of the n")?;
            Err(io::Error::other("disk full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
