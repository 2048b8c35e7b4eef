//! What the pixels of an image file say, and a small picture of it.

use std::io::Cursor;
use std::path::Path;

use fs_err as fs;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView};

use crate::detection::reading::{Fault, decode, digest};

/// An image, looked at.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// BLAKE3 of size and pixels.
    pub(super) pixels: String,
    /// Whether it has no colour.
    pub(super) grey: bool,
    /// What its EXIF says should be done with it.
    pub(super) turned: Option<&'static str>,
}

/// Decodes a file.
///
/// # Errors
/// When it cannot be read or decoded.
pub(super) fn look_at(path: &Path) -> Result<Picture, Fault> {
    let (image, orientation) = decoded(path)?;
    let turned = match orientation {
        Orientation::NoTransforms => None,
        Orientation::Rotate90 => Some("turned by 90 degrees"),
        Orientation::Rotate180 => Some("turned by 180 degrees"),
        Orientation::Rotate270 => Some("turned by 270 degrees"),
        Orientation::FlipHorizontal => Some("flipped from left to right"),
        Orientation::FlipVertical => Some("flipped upside down"),
        Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => Some("turned by 90 degrees and flipped"),
    };
    let (width, height) = image.dimensions();
    let pixels = image.into_rgb8().into_raw();
    let grey = pixels
        .chunks_exact(3)
        .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    let pixels = format!("{width}x{height} {}", digest(&pixels));
    Ok(Picture { pixels, grey, turned })
}

/// A small picture of an image.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    /// A JPEG file's bytes.
    pub jpeg: Vec<u8>,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// Makes a picture whose longer side is at most this; none of a file that cannot be read.
#[must_use]
pub fn thumbnail(path: &Path, side: u32) -> Option<Thumbnail> {
    let (image, _) = decoded(path).ok()?;
    let small = match image.width().max(image.height()) > side {
        true => image.thumbnail(side, side),
        false => image,
    };
    let small = DynamicImage::ImageRgb8(small.into_rgb8());
    let mut bytes = Cursor::new(Vec::new());
    small
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 80))
        .ok()?;
    let (width, height) = small.dimensions();
    let jpeg = bytes.into_inner();
    Some(Thumbnail { jpeg, width, height })
}

fn decoded(path: &Path) -> Result<(DynamicImage, Orientation), Fault> {
    let bytes = fs::read(path).map_err(|error| Fault::Unreadable(error.to_string()))?;
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    decode(&name, &bytes)
}
