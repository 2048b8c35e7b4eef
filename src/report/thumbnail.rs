//! Small pictures that stand inside a page.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;

use super::evidence::Thumbnail;

/// The longer side at most, in pixels, and JPEG's quality: a few kilobytes.
const SIDE: u32 = 256;
const QUALITY: u8 = 72;

/// An image file as a small picture; none if it cannot be read.
#[must_use]
pub fn thumbnail(file: &Path) -> Option<Thumbnail> {
    let bytes = fs_err::read(file).ok()?;
    let whole = image::load_from_memory(&bytes).ok()?;
    let (width, height) = (whole.width(), whole.height());
    let small = match width.max(height) > SIDE {
        true => whole.resize(SIDE, SIDE, FilterType::Triangle),
        false => whole,
    };
    let mut jpeg = Cursor::new(Vec::new());
    small
        .to_rgb8()
        .write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, QUALITY))
        .ok()?;
    let source = format!("data:image/jpeg;base64,{}", base64(jpeg.get_ref()));
    Some(Thumbnail { source, width, height })
}

/// Bytes in the letters of RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for place in 0..4 {
            if place <= part.len() {
                text.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_of_the_standard() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn a_large_image_becomes_small_and_says_how_large_it_was_and_what_is_none_has_no_picture() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        image::RgbImage::from_pixel(600, 300, image::Rgb([10, 200, 30]))
            .save(&file)
            .unwrap();
        let found = thumbnail(&file).unwrap();
        assert_eq!((found.width, found.height), (600, 300));
        assert!(found.source.len() < 4000, "{}", found.source.len());
        fs_err::write(&file, "no image").unwrap();
        assert_eq!(thumbnail(&file), None);
    }
}
