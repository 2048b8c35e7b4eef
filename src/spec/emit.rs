//! A tree written as YAML again, such that reading it gives the same tree.

use super::{Node, Value};

/// Lists and mappings of plain values that fit into a line of so many characters stay on it.
const LINE: usize = 100;

/// Writes a tree as a document.
pub fn emit(node: &Node) -> String {
    let mut out = String::new();
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => block(node, 0, &mut out),
        Value::Sequence(items) if !items.is_empty() => block(node, 0, &mut out),
        _ => {
            flow(node, &mut out);
            out.push('\n');
        }
    }
    out
}

fn block(node: &Node, indent: usize, out: &mut String) {
    let margin = " ".repeat(indent);
    match &node.value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                out.push_str(&margin);
                scalar(&key.value, out);
                out.push(':');
                below(value, indent + 2, out);
            }
        }
        Value::Sequence(items) => {
            for item in items {
                out.push_str(&margin);
                out.push('-');
                below(item, indent + 2, out);
            }
        }
        _ => {}
    }
}

/// What follows a colon or a dash: on the same line if it is short, else below.
fn below(node: &Node, indent: usize, out: &mut String) {
    let mut line = String::new();
    flow(node, &mut line);
    let nested = match &node.value {
        Value::Mapping(entries) => entries.iter().any(|(_, value)| is_collection(value)),
        Value::Sequence(items) => items.iter().any(is_collection),
        _ => false,
    };
    let column = out.len() - out.rfind('\n').map_or(0, |newline| newline + 1);
    if is_collection(node) && (nested || column + line.len() > LINE) {
        out.push('\n');
        block(node, indent, out);
    } else {
        out.push(' ');
        out.push_str(&line);
        out.push('\n');
    }
}

fn is_collection(node: &Node) -> bool {
    match &node.value {
        Value::Mapping(entries) => !entries.is_empty(),
        Value::Sequence(items) => !items.is_empty(),
        _ => false,
    }
}

/// On one line.
pub(super) fn flow(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Integer(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&format!("{value:?}")),
        Value::String(text) => scalar(text, out),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                flow(item, out);
            }
            out.push(']');
        }
        Value::Mapping(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                scalar(&key.value, out);
                out.push_str(": ");
                flow(value, out);
            }
            out.push('}');
        }
    }
}

fn scalar(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What YAML does not print, and what some readers take for the end of a line.
            _ if letter.is_control()
                || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}') =>
            {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// Whether a text reads as itself without quotes, for any reader: `yes` and `1e3` do not.
fn is_plain(text: &str) -> bool {
    let first = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '_' | '/');
    let other = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/');
    let words = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity",
    ];
    text.starts_with(first)
        && text.split(' ').all(|word| !word.is_empty() && word.chars().all(other))
        && !words.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::{FileId, Located, Sources, Span, parse};

    const SPAN: Span = Span {
        file: FileId(0),
        start: 0,
        end: 0,
    };

    fn node(value: Value) -> Node {
        Node { value, span: SPAN }
    }

    fn trees() -> impl Strategy<Value = Node> {
        let text = prop_oneof![
            any::<String>(),
            "[ -~]{0,12}",
            proptest::sample::select(vec![
                "yes", "010", "1_000", "~", "null", "-", "a: b", "a #b", "$${x}", "0x1f", "1e3", "<<", "=", "---"
            ])
            .prop_map(str::to_owned)
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            any::<f64>()
                .prop_filter("finite", |value| value.is_finite())
                .prop_map(Value::Float),
            text.clone().prop_map(Value::String),
        ]
        .prop_map(node);
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|items| node(Value::Sequence(items))),
                prop::collection::btree_map(text.clone(), inner, 0..5).prop_map(|entries| {
                    let entries = entries.into_iter();
                    node(Value::Mapping(
                        entries
                            .map(|(key, value)| (Located { value: key, span: SPAN }, value))
                            .collect(),
                    ))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_same(tree in trees()) {
            let mut sources = Sources::default();
            let text = emit(&tree);
            let file = sources.add("p.yaml", text.as_str());
            let (read, said) = parse(&sources, file);
            prop_assert!(said.is_empty(), "{text}\n{said:?}");
            prop_assert_eq!(format!("{:?}", read.unwrap().to_json()), format!("{:?}", tree.to_json()), "{}", text);
        }
    }

    #[test]
    fn short_values_stay_on_their_line() {
        let mut sources = Sources::default();
        let text =
            "train: {epochs: 12, rates: [0.1, 1e-7]}\nroot: data/bccd\nflag: \"yes\"\nempty: {}\nround: ${round}\n";
        let file = sources.add("p.yaml", text);
        let tree = parse(&sources, file).0.unwrap();
        assert_eq!(
            emit(&tree),
            "train:\n  epochs: 12\n  rates: [0.1, 1e-7]\nroot: data/bccd\nflag: \"yes\"\nempty: {}\nround: \"${round}\"\n"
        );
    }
}
