//! The drawn dataset on disk: as images for the store, or as a VOC folder.

use std::path::Path;

use fs_err as fs;
use rayon::prelude::*;

use super::{CLASSES, Part, ShapesOptions, scene};
use crate::detection::voc::{VocWriteError, write_annotations};
use crate::detection::{AnnotatedImage, Dataset};

/// Why the dataset cannot be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum ShapesError {
    /// Scenes too small to draw in, or too large for a JPEG.
    #[error("cannot draw scenes of size {0}: it must be 48 to 4096")]
    Size(u32),
    /// A picture cannot be encoded.
    #[error("cannot encode a scene: {0}")]
    Encode(#[from] image::ImageError),
    /// The annotations cannot be written.
    #[error(transparent)]
    Voc(#[from] VocWriteError),
    /// The disk said no. The error names the file.
    #[error(transparent)]
    Disk(#[from] std::io::Error),
}

/// Draws all scenes, writes their files into a folder, and returns the dataset for training and the one for testing.
///
/// `done` is called after each scene, from several threads.
///
/// # Errors
/// When the options make no sense or the disk says no.
pub fn write_images(
    folder: &Path,
    options: &ShapesOptions,
    done: &(dyn Fn() + Sync),
) -> Result<(Dataset, Dataset), ShapesError> {
    if !(48..=4096).contains(&options.size) {
        return Err(ShapesError::Size(options.size));
    }
    fs::create_dir_all(folder)?;
    let part = |part: Part, count: usize| -> Result<Dataset, ShapesError> {
        let one = |number: usize| -> Result<AnnotatedImage, ShapesError> {
            let scene = scene(options, part, number)?;
            fs::write(folder.join(&scene.annotated.image.file), &scene.jpeg)?;
            done();
            Ok(scene.annotated)
        };
        let images = (0..count).into_par_iter().map(one).collect::<Result<_, _>>()?;
        let classes = CLASSES.map(str::to_owned).to_vec();
        Ok(Dataset { classes, images })
    };
    Ok((part(Part::Train, options.train)?, part(Part::Test, options.test)?))
}

/// Writes the dataset as an ordinary VOC folder with the sets `trainval` and `test`.
///
/// # Errors
/// When the options make no sense or the disk says no.
pub fn write_voc(folder: &Path, options: &ShapesOptions) -> Result<(Dataset, Dataset), ShapesError> {
    let (train, test) = write_images(&folder.join("JPEGImages"), options, &|| {})?;
    write_annotations(folder, "trainval", &train)?;
    write_annotations(folder, "test", &test)?;
    Ok((train, test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::voc::{VocOptions, read};

    #[test]
    fn the_folder_written_reads_back_as_the_dataset() {
        let folder = tempfile::tempdir().unwrap();
        let options = ShapesOptions {
            train: 6,
            test: 3,
            size: 64,
            ..ShapesOptions::default()
        };
        let (train, test) = write_voc(folder.path(), &options).unwrap();
        for (set, dataset, count) in [("trainval", train, 6), ("test", test, 3)] {
            let options = VocOptions {
                set: set.to_owned(),
                classes: dataset.classes.clone(),
                ..VocOptions::default()
            };
            let read = read(&[folder.path().to_path_buf()], &options, &|| {}).unwrap();
            assert_eq!(read.dataset, dataset);
            assert_eq!((read.dataset.images.len(), read.problems.len()), (count, 0));
        }
    }

    #[test]
    fn sizes_that_cannot_be_drawn_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let options = ShapesOptions {
            size: 20,
            ..ShapesOptions::default()
        };
        let error = write_images(folder.path(), &options, &|| {}).unwrap_err().to_string();
        assert_eq!(error, "cannot draw scenes of size 20: it must be 48 to 4096");
    }
}
