//! The stage key: what a stage's outputs depend on, as bytes, and the digest of those bytes.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::Digest;

/// Raised when the canonical bytes come to mean something else: no old key is then ever met again.
const TAG: &str = "asm-pipe stage key v1";

/// The content that came in at a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDigest {
    /// For a port that takes many: which one it is, such as the round's number. Otherwise empty.
    pub label: String,
    /// The digest of the file or folder.
    pub digest: Digest,
}

/// Everything that a stage's outputs depend on, and nothing else.
///
/// In it: the stage kind, the kind's version, its params with defaults filled in (the seed is one of them), and the
/// digests of all inputs by port, files from outside included.
///
/// Never in it: the stage's or pipeline's name, a path, a time, the number of cores, the host, the program's own
/// version, a digest of the pipeline's text. Such things would keep equal work from being recognised as equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyMaterial {
    /// The stage kind.
    pub kind: String,
    /// The kind's version.
    pub version: u32,
    /// The params without those that name files outside; their content is among the inputs.
    pub params: Value,
    /// Digests by port, in the order in which the stage sees them.
    pub inputs: BTreeMap<String, Vec<InputDigest>>,
}

impl KeyMaterial {
    /// The stage key.
    #[must_use]
    pub fn key(&self) -> Digest {
        Digest::tagged(TAG, &self.canonical_bytes())
    }

    /// Fields in a fixed order, each with its length before it, so that no two materials have the same bytes.
    fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        field(&mut bytes, self.kind.as_bytes());
        bytes.extend(self.version.to_le_bytes());
        field(&mut bytes, canonical_json(&self.params).as_bytes());
        bytes.extend((self.inputs.len() as u64).to_le_bytes());
        for (port, inputs) in &self.inputs {
            field(&mut bytes, port.as_bytes());
            bytes.extend((inputs.len() as u64).to_le_bytes());
            for input in inputs {
                field(&mut bytes, input.label.as_bytes());
                bytes.extend(input.digest.as_raw());
            }
        }
        bytes
    }
}

fn field(bytes: &mut Vec<u8>, content: &[u8]) {
    bytes.extend((content.len() as u64).to_le_bytes());
    bytes.extend(content);
}

/// JSON without spaces, keys sorted, and a number written in one way only: `1.0` is `1`, as in JSON Schema.
///
/// The keys are sorted here because `serde_json` keeps their order when some crate in the build asks for that.
pub(super) fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            text.push('{');
            for (at, (name, item)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_scalar(text, &Value::String(name.clone()));
                text.push(':');
                write_value(text, item);
            }
            text.push('}');
        }
        Value::Number(number) => write_number(text, number),
        Value::Null | Value::Bool(_) | Value::String(_) => write_scalar(text, value),
    }
}

fn write_scalar(text: &mut String, value: &Value) {
    write!(text, "{value}").expect("writing to a string does not fail");
}

fn write_number(text: &mut String, number: &Number) {
    // Up to 2^53 a float names its whole number exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
            write!(text, "{}", float as i64)
        }
        _ => write!(text, "{number}"),
    }
    .expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn material() -> KeyMaterial {
        let input = |label: &str, text: &str| InputDigest {
            label: label.into(),
            digest: Digest::of_bytes(text.as_bytes()),
        };
        KeyMaterial {
            kind: "train".into(),
            version: 1,
            params: json!({"rate": 0.01, "deep": {"b": [1, 2], "a": null}}),
            inputs: BTreeMap::from([
                ("dataset".into(), vec![input("", "d")]),
                ("evals".into(), vec![input("1", "x"), input("2", "y")]),
            ]),
        }
    }

    #[test]
    fn the_order_of_a_map_does_not_reach_the_key() {
        let mut other = material();
        let text = r#"{"deep": {"a": null, "b": [1, 2]}, "rate": 1e-2}"#;
        other.params = serde_json::from_str(text).unwrap();
        assert_eq!(material().key(), other.key());
    }

    #[test]
    fn a_whole_number_has_one_key_however_it_is_written() {
        let key = |params| {
            let mut material = material();
            material.params = params;
            material.key()
        };
        assert_eq!(key(json!({"k": 3})), key(json!({"k": 3.0})));
        assert_eq!(key(json!({"k": -3})), key(json!({"k": -3.0})));
        assert_ne!(key(json!({"k": 3})), key(json!({"k": 3.5})));
        assert_ne!(key(json!({"k": 3})), key(json!({"k": "3"})));
        assert_ne!(key(json!({"k": u64::MAX})), key(json!({"k": u64::MAX - 1})));
    }

    #[test]
    fn each_field_reaches_the_key() {
        let changes: [fn(&mut KeyMaterial); 11] = [
            |m| m.kind.push('s'),
            |m| m.version += 1,
            |m| m.params["rate"] = json!(0.02),
            |m| m.params["deep"]["b"] = json!([2, 1]),
            |m| m.params["more"] = Value::Null,
            |m| m.params["deep"] = json!({}),
            |m| m.inputs.get_mut("dataset").unwrap()[0].digest = Digest::of_bytes(b"e"),
            |m| m.inputs.get_mut("evals").unwrap()[1].label = "3".into(),
            |m| m.inputs.get_mut("evals").unwrap().swap(0, 1),
            |m| drop(m.inputs.remove("dataset")),
            |m| drop(m.inputs.insert("images".into(), Vec::new())),
        ];
        let mut keys = vec![material().key()];
        for change in changes {
            let mut changed = material();
            change(&mut changed);
            keys.push(changed.key());
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn text_that_moves_from_one_field_to_the_next_changes_the_key() {
        let key = |port: &str, label: &str| {
            let mut material = material();
            let digest = Digest::of_bytes(b"d");
            let label = label.to_owned();
            material.inputs = BTreeMap::from([(port.into(), vec![InputDigest { label, digest }])]);
            material.key()
        };
        assert_ne!(key("ab", "c"), key("a", "bc"));
    }

    #[test]
    fn keys_stay_what_they_were_in_the_first_release() {
        let digest = InputDigest {
            label: String::new(),
            digest: Digest::of_bytes(b"d"),
        };
        let material = KeyMaterial {
            kind: "train".into(),
            version: 1,
            params: json!({"rate": 0.01}),
            inputs: BTreeMap::from([("dataset".into(), vec![digest])]),
        };
        assert_eq!(
            material.key().to_string(),
            "ab329a9630f6bda8f931e4cff5fbd57401d7413ee04b64f530bad1165ec1ed6a"
        );
    }
}
