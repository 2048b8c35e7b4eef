//! An instances file: JSON text to what it says, before anything is known of the images, and the place of each entry.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// The file.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    pub(super) images: Vec<WrittenImage>,
    #[serde(default)]
    pub(super) annotations: Vec<WrittenAnnotation>,
    pub(super) categories: Vec<WrittenCategory>,
}

/// An entry of `images`.
#[derive(Debug, Deserialize)]
pub(super) struct WrittenImage {
    pub(super) id: i64,
    pub(super) file_name: String,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
}

/// An entry of `categories`.
#[derive(Debug, Deserialize)]
pub(super) struct WrittenCategory {
    pub(super) id: i64,
    pub(super) name: String,
}

/// An entry of `annotations`. What COCO does not know of is taken where it has the form that [`super::to_json`] gives it.
#[derive(Debug, Deserialize)]
pub(super) struct WrittenAnnotation {
    pub(super) image_id: i64,
    pub(super) category_id: i64,
    pub(super) bbox: Option<Vec<f64>>,
    pub(super) area: Option<f64>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) iscrowd: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) difficult: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) truncated: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) occluded: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub(super) pose: Option<String>,
    /// Ours: `human` or `model`. Only with it, `score` and `round` are ours as well.
    #[serde(default, deserialize_with = "text")]
    pub(super) annotator: Option<String>,
    #[serde(default, deserialize_with = "number")]
    pub(super) score: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub(super) round: Option<f64>,
}

/// 0, 1, false or true; anything else is somebody else's.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Bool(flag) => Some(flag),
        serde_json::Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        _ => None,
    })
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_f64())
}

/// Where the objects in the lists of the file begin, by list. For a text that is JSON.
#[must_use]
pub(super) fn entries(text: &[u8]) -> BTreeMap<String, Vec<usize>> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let (mut depth, mut at) = (0_usize, 0_usize);
    let mut list = String::new();
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = string_end(text, at);
                if depth == 1 {
                    list = String::from_utf8_lossy(&text[at + 1..end.saturating_sub(1).max(at + 1)]).into_owned();
                }
                at = end;
                continue;
            }
            b'{' | b'[' => {
                if depth == 2 && byte == b'{' {
                    found.entry(list.clone()).or_default().push(at);
                }
                depth += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    found
}

/// The place after a string that begins here.
fn string_end(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entries_are_found_whatever_stands_inside_of_them() {
        let text = br#"{"info": {"a": [{"x": 1}]}, "images": [{"id": 1, "n": "]}\"{"}, {"id": 2, "b": [[{}], {}]}], "categories": []}"#;
        let found = entries(text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["images"]);
        let begins: Vec<&[u8]> = found["images"].iter().map(|&at| &text[at..at + 8]).collect();
        assert_eq!(begins, [b"{\"id\": 1", b"{\"id\": 2"]);
    }

    #[test]
    fn keys_of_others_do_not_matter() {
        let text = r#"{"images": [], "categories": [], "annotations": [{"image_id": 1, "category_id": 2, "pose": {"a": 1},
            "score": "high", "occluded": [1], "segmentation": {"size": [2, 2], "counts": "04"}}]}"#;
        let written: Written = serde_json::from_str(text).unwrap();
        let only = &written.annotations[0];
        assert!(only.pose.is_none() && only.score.is_none() && only.occluded.is_none() && only.bbox.is_none());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_search_for_entries(text in prop::collection::vec(any::<u8>(), 0..80)) {
            for (_, places) in entries(&text) {
                for place in places {
                    prop_assert_eq!(text[place], b'{');
                }
            }
        }
    }
}
