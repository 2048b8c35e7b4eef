//! A value as a text that is the same for values that mean the same: `1` and `1.0`, whatever the order of keys.

use std::fmt::Write;

use crate::spec::{Node, Value};

/// Whole numbers up to here are exact in both kinds of numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn same(a: &Node, b: &Node) -> bool {
    canonical(a) == canonical(b)
}

pub(super) fn canonical(node: &Node) -> String {
    let mut text = String::new();
    write(node, &mut text);
    text
}

fn write(node: &Node, out: &mut String) {
    let written = match &node.value {
        Value::Null => out.write_str("null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Integer(value) => write!(out, "{value}"),
        Value::Float(value) if value.fract() == 0.0 && value.abs() <= EXACT => write!(out, "{}", *value as i64),
        Value::Float(value) => write!(out, "{value:?}"),
        Value::String(text) => write!(out, "{text:?}"),
        Value::Sequence(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.write_char(']')
        }
        Value::Mapping(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (&key.value, value)).collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in entries {
                out.push_str(&format!("{key:?}:"));
                write(value, out);
                out.push(',');
            }
            out.write_char('}')
        }
    };
    written.expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Sources, parse};

    #[test]
    fn what_means_the_same_reads_the_same() {
        let tree = |text: &str| {
            let mut sources = Sources::default();
            let file = sources.add("p.yaml", text);
            parse(&sources, file).0.unwrap()
        };
        for (a, b) in [("1", "1.0"), ("{a: 1, b: [x]}", "{b: ['x'], a: 1.0}"), ("-0.0", "0")] {
            assert!(same(&tree(a), &tree(b)), "{a} {b}");
        }
        for (a, b) in [
            ("1", "'1'"),
            ("1", "true"),
            ("[1, 2]", "[2, 1]"),
            ("0.1", "0.10001"),
            ("~", "'null'"),
        ] {
            assert!(!same(&tree(a), &tree(b)), "{a} {b}");
        }
    }
}
