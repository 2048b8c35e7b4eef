//! Image files to pixels: always RGB, always as stored.
//!
//! EXIF orientation is ignored: VOC boxes are given in stored pixels, and turning only the image would part them.

use std::path::{Component, Path, PathBuf};

use asm_pipe::detection;
use asm_pipe::stage::StageError;

/// A decoded image: rows of RGB bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height * 3` bytes.
    pub data: Vec<u8>,
}

/// Decodes an image of a dataset and holds its size against what the dataset says.
///
/// # Errors
/// When the file is missing, no JPEG or PNG, cut off, or of another size; the error names the file.
pub fn decode(folder: &Path, image: &detection::Image) -> Result<Pixels, StageError> {
    let path = locate(folder, &image.file)?;
    let bytes = fs_err::read(&path)?;
    let fault = |what: String| StageError::new(format!("image `{}` cannot be used: {what}", path.display()));
    if bytes.starts_with(&[0xff, 0xd8]) && !jpeg_is_complete(&bytes) {
        return Err(fault("the JPEG is cut off".into()));
    }
    let decoded = ::image::load_from_memory(&bytes)
        .map_err(|e| fault(e.to_string()))?
        .into_rgb8();
    let (width, height) = decoded.dimensions();
    if (width, height) != (image.width, image.height) {
        let (w, h) = (image.width, image.height);
        return Err(fault(format!(
            "it has {width}x{height} pixels, its annotation says {w}x{h}"
        )));
    }
    Ok(Pixels {
        width: width as usize,
        height: height as usize,
        data: decoded.into_raw(),
    })
}

fn locate(folder: &Path, file: &str) -> Result<PathBuf, StageError> {
    let inside = Path::new(file)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if !inside || file.is_empty() {
        return Err(StageError::new(format!(
            "image `{file}` is not inside the folder of images"
        )));
    }
    Ok(folder.join(file))
}

/// Whether the last scan is closed. The decoder fills what is missing with grey instead of saying so.
///
/// Inside a scan `ff` is always followed by `00`, so the last start-of-scan marker is a real one.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    match (last([0xff, 0xda]), last([0xff, 0xd9])) {
        (Some(scan), Some(end)) => scan < end,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, jpeg_is_complete};
    use asm_pipe::detection::Image;
    use image::{ImageFormat, Rgb, RgbImage};
    use std::io::Cursor;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 6, y as u8 * 8, (x * y) as u8]));
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn image(file: &str, width: u32) -> Image {
        Image {
            id: "a".into(),
            file: file.into(),
            width,
            height: 30,
            digest: String::new(),
        }
    }

    #[test]
    fn both_formats_decode_to_rgb() {
        let folder = tempfile::tempdir().unwrap();
        for (name, format) in [("a.png", ImageFormat::Png), ("a.jpg", ImageFormat::Jpeg)] {
            fs_err::write(folder.path().join(name), encoded(format)).unwrap();
            let pixels = decode(folder.path(), &image(name, 40)).unwrap();
            assert_eq!((pixels.width, pixels.height, pixels.data.len()), (40, 30, 3600));
        }
    }

    #[test]
    fn grey_images_become_rgb() {
        let folder = tempfile::tempdir().unwrap();
        image::GrayImage::from_pixel(40, 30, image::Luma([9]))
            .save(folder.path().join("g.png"))
            .unwrap();
        let pixels = decode(folder.path(), &image("g.png", 40)).unwrap();
        assert!(pixels.data.iter().all(|&value| value == 9) && pixels.data.len() == 3600);
    }

    #[test]
    fn a_jpeg_cut_off_anywhere_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let whole = encoded(ImageFormat::Jpeg);
        assert!(jpeg_is_complete(&whole));
        for length in (0..whole.len() - 1).step_by(7) {
            fs_err::write(folder.path().join("cut.jpg"), &whole[..length]).unwrap();
            let text = decode(folder.path(), &image("cut.jpg", 40)).unwrap_err().to_string();
            assert!(text.contains("cut.jpg"), "{text}");
        }
    }

    #[test]
    fn a_size_that_the_annotation_contradicts_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a.png"), encoded(ImageFormat::Png)).unwrap();
        let text = decode(folder.path(), &image("a.png", 41)).unwrap_err().to_string();
        assert!(text.contains("40x30") && text.contains("41x30"), "{text}");
    }

    #[test]
    fn a_missing_file_and_a_path_that_leaves_the_folder_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["none.jpg", "../none.jpg", "/etc/hostname", ""] {
            let text = decode(folder.path(), &image(file, 40)).unwrap_err().to_string();
            assert!(text.contains(file), "{text}");
        }
    }
}
