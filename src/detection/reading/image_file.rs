//! An image file's bytes: format, size, whether all of it is there.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::Fault;

/// BLAKE3 of a file's bytes, hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The size of a JPEG or PNG with this file name, read from its header.
///
/// # Errors
/// When it is of another format, or of another than its name says.
pub(in crate::detection) fn size(name: &str, bytes: &[u8]) -> Result<(u32, u32), Fault> {
    let format = format(name, bytes)?;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader
        .into_dimensions()
        .map_err(|error| damage(format, bytes, &error.to_string()))
}

/// The size of a JPEG or PNG of which the end is there, too.
///
/// # Errors
/// When it is of another format, or of another than its name says, or cut off.
pub fn image_size(name: &str, bytes: &[u8]) -> Result<(u32, u32), Fault> {
    let found = size(name, bytes)?;
    if has_end(format(name, bytes)?, bytes) {
        Ok(found)
    } else {
        Err(Fault::ImageTruncated)
    }
}

/// Decodes the whole image and throws the pixels away.
///
/// # Errors
/// As [`decode`].
pub(in crate::detection) fn check_pixels(name: &str, bytes: &[u8]) -> Result<(), Fault> {
    decode(name, bytes).map(|_| ())
}

/// Decodes the whole image, as its pixels are stored, and tells how its EXIF says it should be turned.
///
/// # Errors
/// When it cannot be decoded, or ends too early: the decoder itself fills what is missing with grey.
pub(in crate::detection) fn decode(name: &str, bytes: &[u8]) -> Result<(DynamicImage, Orientation), Fault> {
    let format = format(name, bytes)?;
    if !has_end(format, bytes) {
        return Err(Fault::ImageTruncated);
    }
    let decoded = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .and_then(|mut decoder| {
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            Ok((DynamicImage::from_decoder(decoder)?, orientation))
        });
    decoded.map_err(|error| damage(format, bytes, &error.to_string()))
}

fn format(name: &str, bytes: &[u8]) -> Result<ImageFormat, Fault> {
    if bytes.is_empty() {
        return Err(Fault::ImageFormat("an empty file".to_owned()));
    }
    let found = image::guess_format(bytes).ok();
    let named = ImageFormat::from_path(name).ok();
    match found {
        Some(found @ (ImageFormat::Jpeg | ImageFormat::Png)) => match named {
            Some(named) if named != found => Err(Fault::ImageFormat(format!("{found:?} inside, not {named:?}"))),
            _ => Ok(found),
        },
        Some(other) => Err(Fault::ImageFormat(format!("{other:?}, neither JPEG nor PNG"))),
        None => Err(Fault::ImageFormat("neither JPEG nor PNG".to_owned())),
    }
}

fn damage(format: ImageFormat, bytes: &[u8], message: &str) -> Fault {
    if has_end(format, bytes) {
        Fault::ImageDamaged(message.to_owned())
    } else {
        Fault::ImageTruncated
    }
}

/// Decoders forgive an end that is missing: this does not.
fn has_end(format: ImageFormat, bytes: &[u8]) -> bool {
    if format == ImageFormat::Png {
        png_has_end(bytes)
    } else {
        jpeg_has_end(bytes)
    }
}

/// Walks the chunks of a PNG to a whole `IEND`: length, type, data, checksum (RFC 2083, 3.2).
fn png_has_end(bytes: &[u8]) -> bool {
    let mut at = 8_usize;
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let kind = bytes.get(at + 4..at + 8);
        at = at
            .saturating_add(u32::from_be_bytes([a, b, c, d]) as usize)
            .saturating_add(12);
        if kind == Some(b"IEND") {
            return at <= bytes.len();
        }
        if at >= bytes.len() {
            return false;
        }
    }
    false
}

/// Walks the segments of a JPEG to its end-of-image marker (ITU T.81, B.1.1). What follows it does not matter.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    const START_OF_SCAN: u8 = 0xda;
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            END => return true,
            // Fill bytes, restart markers and other markers without a length.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
                if marker == START_OF_SCAN {
                    at = end_of_scan(bytes, at);
                }
            }
        }
    }
    false
}

/// The next marker after entropy-coded data, in which `ff 00` is a byte and `ff d0` to `ff d7` are restarts.
fn end_of_scan(bytes: &[u8], from: usize) -> usize {
    let scan = bytes.get(from..).unwrap_or_default();
    let marker = scan
        .windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7));
    marker.map_or(bytes.len(), |offset| from + offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let image = RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, (x * y) as u8]));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn size_is_read_from_jpeg_and_png() {
        assert_eq!(size("a.jpg", &encoded(ImageFormat::Jpeg)), Ok((40, 30)));
        assert_eq!(size("a.PNG", &encoded(ImageFormat::Png)), Ok((40, 30)));
        assert_eq!(size("a", &encoded(ImageFormat::Png)), Ok((40, 30)));
    }

    #[test]
    fn whole_images_pass_even_with_bytes_after_the_end() {
        let mut bytes = encoded(ImageFormat::Jpeg);
        assert_eq!(check_pixels("a.jpg", &bytes), Ok(()));
        bytes.extend_from_slice(b"some camera's notes");
        assert_eq!(check_pixels("a.jpg", &bytes), Ok(()));
        assert_eq!(check_pixels("a.png", &encoded(ImageFormat::Png)), Ok(()));
    }

    #[test]
    fn an_image_cut_off_anywhere_does_not_pass() {
        for (name, format) in [("a.jpg", ImageFormat::Jpeg), ("a.png", ImageFormat::Png)] {
            let bytes = encoded(format);
            for length in (20..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
                assert_eq!(
                    check_pixels(name, &bytes[..length]),
                    Err(Fault::ImageTruncated),
                    "{name} {length}"
                );
            }
        }
    }

    #[test]
    fn another_format_than_the_name_says_does_not_pass() {
        let png = encoded(ImageFormat::Png);
        let fault = size("a.jpg", &png).unwrap_err();
        assert_eq!(fault.to_string(), "image is Png inside, not Jpeg");
        assert_eq!(
            size("a.jpg", b"GIF89a...").unwrap_err().to_string(),
            "image is Gif, neither JPEG nor PNG"
        );
        assert_eq!(size("a.jpg", b"").unwrap_err().to_string(), "image is an empty file");
        assert_eq!(
            size("a.jpg", b"<html>").unwrap_err().to_string(),
            "image is neither JPEG nor PNG"
        );
    }
}
