//! YAML text to a spanned tree. A key written twice is a mistake that names both places.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_yaml::Spanned;

use super::excerpt::Excerpt;
use super::raw::{self, Raw};
use super::{Diagnostic, FileId, Located, Node, Sources, Span, Value};

/// Reads a whole text of `sources`. On a mistake the tree is missing and the diagnostics say why; keys that are there
/// twice are diagnosed too, and the tree then holds the first.
pub fn parse(sources: &Sources, file: FileId) -> (Option<Node>, Vec<Diagnostic>) {
    parse_from(sources, file, 0)
}

/// As [`parse`], of the part of the text that begins at byte `start`. Nothing but blanks and comments reads as `null`.
pub(super) fn parse_from(sources: &Sources, file: FileId, start: usize) -> (Option<Node>, Vec<Diagnostic>) {
    let text = sources.text(file).get(start..).unwrap_or("");
    let excerpt = Excerpt { file, text, start };
    if is_blank(text) {
        return (Some(Node::new(Value::Null, excerpt.beginning())), Vec::new());
    }
    match raw::read(text) {
        Ok(raw) => {
            let mut converter = Converter {
                excerpt,
                diagnostics: Vec::new(),
            };
            (Some(converter.node(raw)), converter.diagnostics)
        }
        Err(error) => (None, vec![excerpt.mistake(&error)]),
    }
}

fn is_blank(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

struct Converter<'a> {
    excerpt: Excerpt<'a>,
    diagnostics: Vec<Diagnostic>,
}

impl Converter<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let span = self.excerpt.span(raw.defined);
        match raw.value {
            Raw::Null => Node::new(Value::Null, span),
            Raw::Bool(value) => Node::new(Value::Bool(value), span),
            Raw::Integer(value) => Node::new(Value::Integer(value), span),
            Raw::Float(value) => Node::new(Value::Float(value), span),
            Raw::String(value) => Node::new(Value::String(value), span),
            Raw::Sequence(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item)).collect();
                let span = self.cover(span, items.iter());
                Node::new(Value::Sequence(items), span)
            }
            Raw::Mapping(entries) => {
                let entries = self.entries(entries);
                let span = self.cover(span, entries.iter().map(|(_, value)| value));
                Node::new(Value::Mapping(entries), span)
            }
        }
    }

    fn entries(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Vec<(Located<String>, Node)> {
        // For each key, where it was first if it was before. Not looked for among all before it: there may be tens of thousands.
        let mut firsts = BTreeMap::new();
        let before: Vec<Option<Span>> = raw
            .iter()
            .map(|(key, _)| match firsts.entry(key.value.as_str()) {
                Entry::Occupied(first) => Some(*first.get()),
                Entry::Vacant(place) => {
                    place.insert(self.excerpt.span(key.defined));
                    None
                }
            })
            .collect();
        let mut entries = Vec::with_capacity(raw.len());
        for ((raw_key, raw_value), before) in raw.into_iter().zip(before) {
            let key = Located::new(raw_key.value, self.excerpt.span(raw_key.defined));
            let value = self.node(raw_value);
            match before {
                Some(first) => self.diagnostics.push(
                    Diagnostic::error(key.span, format!("`{}` is there twice", key.value))
                        .label("again here")
                        .context(first, "first here"),
                ),
                None => entries.push((key, value)),
            }
        }
        entries
    }

    /// From where a list or mapping begins to the end of its last entry and its bracket; the reader gives the beginning.
    fn cover<'n>(&self, span: Span, entries: impl Iterator<Item = &'n Node>) -> Span {
        // What comes from an alias may stand before.
        let end = entries.map(|entry| entry.span.end).fold(span.end, usize::max);
        let rest = self.excerpt.text.get(end - self.excerpt.start..).unwrap_or("");
        let bracket = match self.excerpt.text.as_bytes().get(span.start - self.excerpt.start) {
            Some(b'{') => '}',
            Some(b'[') => ']',
            _ => return Span { end, ..span },
        };
        let closed = rest.trim_start().trim_start_matches(',').trim_start();
        let end = if closed.starts_with(bracket) {
            end + rest.len() - closed.len() + 1
        } else {
            end
        };
        Span { end, ..span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{render, steps};

    fn read(text: &str) -> (Sources, Option<Node>, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", text);
        let (node, diagnostics) = parse(&sources, file);
        (sources, node, diagnostics)
    }

    /// The bytes that a value was read from.
    fn under(text: &str, path: &str) -> String {
        let (sources, node, _) = read(text);
        let found = super::super::locate(&node.unwrap(), &steps(path));
        assert_eq!(found.steps, steps(path).len(), "{path}");
        sources.slice(found.value).to_owned()
    }

    /// Line, column and message of the first mistake.
    fn said(text: &str) -> (usize, usize, String) {
        let (sources, _, diagnostics) = read(text);
        let first = diagnostics
            .first()
            .unwrap_or_else(|| panic!("nothing is wrong with {text:?}"));
        let place = sources.place(first.span.unwrap());
        assert!(!render(&sources, &diagnostics, true).is_empty());
        (place.line, place.column, first.message.clone())
    }

    #[test]
    fn every_value_knows_its_bytes() {
        let text = "a: 1\nbö: {x: \"q é\", y: [1, 'two', 3.5, ], }\nc:\n  - d: yes\n    e: 2\n  - f\n";
        assert_eq!(under(text, "a"), "1");
        assert_eq!(under(text, "bö"), "{x: \"q é\", y: [1, 'two', 3.5, ], }");
        assert_eq!(under(text, "bö.x"), "\"q é\"");
        assert_eq!(under(text, "bö.y"), "[1, 'two', 3.5, ]");
        assert_eq!(under(text, "bö.y[1]"), "'two'");
        assert_eq!(under(text, "c[0]"), "d: yes\n    e: 2");
    }

    #[test]
    fn an_alias_and_a_merge_key_point_at_what_they_stand_for() {
        let text = "x: &a {p: 1, q: 2}\ny: *a\nz:\n  <<: *a\n  q: 3\n";
        assert_eq!(under(text, "y"), "{p: 1, q: 2}");
        assert_eq!(under(text, "z.p"), "1");
        assert_eq!(under(text, "z.q"), "3");
    }

    #[test]
    fn only_true_and_plain_numbers_are_no_text() {
        let (_, node, _) = read("[yes, on, 010, 1_000, 0x1f, 1e3, true, ~, 'true', \"1\", 12:30]");
        let expected = serde_json::json!([
            "yes", "on", "010", "1_000", 31, 1000.0, true, null, "true", "1", "12:30"
        ]);
        assert_eq!(node.unwrap().to_json(), expected);
    }

    #[test]
    fn all_repeated_keys_are_found_and_the_first_is_kept() {
        let (sources, node, diagnostics) = read("a: 1\na: 2\nb: {c: 1, c: 2}\nd: 3\na: 4\n");
        let line = |span: Span| sources.place(span).line;
        let places = diagnostics.iter().map(|found| {
            let (first, _) = &found.context[0];
            (line(found.span.unwrap()), line(*first))
        });
        assert_eq!(places.collect::<Vec<_>>(), [(2, 1), (3, 3), (5, 1)]);
        assert_eq!(
            node.unwrap().to_json(),
            serde_json::json!({"a": 1, "b": {"c": 1}, "d": 3})
        );
    }

    #[test]
    fn bad_yaml_is_a_diagnostic_with_a_place() {
        assert_eq!(said("a: 1\n\tb: 2\n").0, 2);
        assert_eq!(said("a:\n  b: [1, 2\nc: 3\n").0, 3);
        assert_eq!((said("a: b: c\n").0, said("a: b: c\n").1), (1, 5));
        assert_eq!(said("a: .nan\n"), (1, 4, "`.nan` is not a finite number".into()));
        assert_eq!(said("b: 18446744073709551615\n").0, 1);
        assert_eq!(said("? [a]\n: 1\n").2, "a key must be plain text");
        assert_eq!(said("null: 1\n").2, "a key is empty or `null`");
        assert_eq!(said("a: !foo b\n").2, "the tag `!foo` means nothing here");
        assert_eq!(
            said("a: *nope\n").2,
            "no `&anchor` of this name stands before the alias"
        );
        assert_eq!(said("a: &a [*a]\n").2, "the alias contains itself");
        for odd in [
            "\u{1}",
            "a: 'x\u{0}'",
            "a: \"",
            "a: |9\n x",
            "%YAML 3.0\n---\na",
            "{",
            "a: \"\\q\"",
            "- &",
            "!",
            "é: 'ö",
        ] {
            read(odd);
        }
        said("é: 'ö");
    }

    #[test]
    fn nothing_but_comments_reads_as_nothing() {
        for blank in ["", " \n", "# a\n  # b\n", "---\n"] {
            let (_, node, diagnostics) = read(blank);
            assert!(diagnostics.is_empty() && node.unwrap().is_null(), "{blank:?}");
        }
    }

    #[test]
    fn deep_nesting_and_growing_aliases_run_into_the_budget() {
        said(&"[".repeat(100_000));
        said(&"a: {".repeat(1000));
        said(&"- ".repeat(10_000));
        let mut wide = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        let mut deep = String::from("a0: &a0 [[[[[[[[1]]]]]]]]\n");
        for at in 1..40 {
            let before = format!("*a{}", at - 1);
            wide += &format!("a{at}: &a{at} [{}]\n", [before.as_str(); 10].join(", "));
            deep += &format!("a{at}: &a{at} [[[[[[[[{before}]]]]]]]]\n");
        }
        assert_eq!(said(&wide).2, "the aliases unfold to too much");
        assert_eq!(said(&deep).2, "the document is too large or nested too deep");
    }
}
