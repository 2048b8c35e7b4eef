//! A page of images with boxes drawn on them, in one HTML file that needs nothing else.

use askama::Template;

/// The page. Text is escaped.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "gallery.html")]
pub struct Gallery {
    /// The dataset.
    pub title: String,
    /// A sentence under it.
    pub lead: String,
    /// The classes, which are filters.
    pub classes: Vec<ClassChip>,
    /// The kinds of findings, which are filters as well.
    pub findings: Vec<FindingChip>,
    /// Findings that are about no image on the page.
    pub notes: Vec<String>,
    /// The images.
    pub cards: Vec<Card>,
}

/// A class.
#[derive(Clone, Debug)]
pub struct ClassChip {
    /// Its number, which gives the colour.
    pub label: u32,
    /// Its name.
    pub name: String,
    /// Boxes of it in the dataset.
    pub boxes: usize,
    /// Images that have some.
    pub images: usize,
}

/// A kind of finding.
#[derive(Clone, Debug)]
pub struct FindingChip {
    /// Its name.
    pub name: String,
    /// How many there are in the dataset.
    pub count: usize,
    /// Whether it is a fault.
    pub is_fault: bool,
}

/// An image.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its id.
    pub id: String,
    /// A small picture of it as a data URI; none of one that cannot be read.
    pub picture: Option<String>,
    /// Its width in pixels, which the boxes are given in.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Its boxes.
    pub boxes: Vec<DrawnBox>,
    /// The classes of its boxes.
    pub classes: Vec<u32>,
    /// The kinds of its findings.
    pub kinds: Vec<String>,
    /// Its findings.
    pub findings: Vec<String>,
}

/// A box.
#[derive(Clone, Debug)]
pub struct DrawnBox {
    /// Its class, which gives the colour.
    pub class: u32,
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Whether its line is broken: for difficult objects.
    pub dashed: bool,
    /// What is said when it is pointed at.
    pub title: String,
}

impl Gallery {
    /// The HTML.
    ///
    /// # Errors
    /// When the template cannot be filled, which is a fault of the template.
    pub fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }
}

/// The hue of a class's colour: neighbours lie far apart (the golden angle).
fn hue(class: &u32) -> u32 {
    (u64::from(*class) * 137_508 / 1000 % 360) as u32
}

/// Names separated by spaces, for an attribute.
fn spaced<T: ToString>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// A JPEG file as a data URI.
#[must_use]
pub fn jpeg_uri(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(32 + bytes.len() * 4 / 3);
    text.push_str("data:image/jpeg;base64,");
    for chunk in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at: usize| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for digit in 0..4 {
            let place = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit <= chunk.len() {
                char::from(DIGITS[place])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_base_64() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(jpeg_uri(bytes.as_bytes()), format!("data:image/jpeg;base64,{text}"));
        }
    }

    #[test]
    fn names_are_escaped_and_nothing_is_loaded_from_elsewhere() {
        let evil = "<script>alert(\"x\")</script>";
        let drawn = DrawnBox {
            class: 0,
            x: 1.0,
            y: 2.0,
            width: 3.0,
            height: 4.0,
            dashed: true,
            title: evil.to_owned(),
        };
        let card = Card {
            id: evil.to_owned(),
            picture: Some(jpeg_uri(b"x")),
            width: 40,
            height: 30,
            boxes: vec![drawn],
            classes: vec![0],
            kinds: vec!["box-outside".to_owned()],
            findings: vec![evil.to_owned()],
        };
        let chip = ClassChip {
            label: 0,
            name: evil.to_owned(),
            boxes: 1,
            images: 1,
        };
        let gallery = Gallery {
            title: evil.to_owned(),
            lead: evil.to_owned(),
            classes: vec![chip],
            findings: Vec::new(),
            notes: vec![evil.to_owned()],
            cards: vec![card],
        };
        let html = gallery.html().unwrap();
        assert!(!html.contains("<script>alert"));
        assert!(html.contains("data:image/jpeg;base64,eA==") && html.contains("data-kinds=\"box-outside\""));
        assert!(!html.contains("http://") && !html.contains("https://"));
    }
}
