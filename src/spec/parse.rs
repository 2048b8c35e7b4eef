//! YAML text to a spanned tree. The only file that knows which YAML reader is used.
//!
//! `yes`, `010` and `1_000` stay text; numbers that no file can mean (`.nan`, `1e999`) are mistakes; a key written
//! twice is a mistake that names both places. Hostile nesting and aliases run into a budget.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Error, MessageFormatter as _, Options, Spanned, UserMessageFormatter};

use super::{Diagnostic, FileId, Located, Node, Sources, Span, Value};

/// Deeper than any pipeline. What walks a tree calls itself no deeper than this, and the reader's frames are large.
const MAX_DEPTH: usize = 24;

/// Reads a whole text of `sources`. On a mistake the tree is missing and the diagnostics say why; keys that are there
/// twice are diagnosed too, and the tree then holds the first.
pub fn parse(sources: &Sources, file: FileId) -> (Option<Node>, Vec<Diagnostic>) {
    parse_from(sources, file, 0)
}

/// As [`parse`], of the part of the text that begins at byte `start`. Nothing but blanks and comments reads as `null`.
pub(super) fn parse_from(sources: &Sources, file: FileId, start: usize) -> (Option<Node>, Vec<Diagnostic>) {
    let text = sources.text(file).get(start..).unwrap_or("");
    let mut converter = Converter {
        file,
        text,
        start,
        diagnostics: Vec::new(),
    };
    if is_blank(text) {
        let span = Span {
            file,
            start,
            end: start,
        };
        return (
            Some(Node {
                value: Value::Null,
                span,
            }),
            Vec::new(),
        );
    }
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => {
            let node = converter.node(raw);
            (Some(node), converter.diagnostics)
        }
        Err(error) => {
            let diagnostic = converter.failure(&error);
            (None, vec![diagnostic])
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

fn options() -> Options {
    serde_yaml::options! {
        // Both places are wanted in the message: the converter finds the repetition.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 20_000 },
        budget: serde_yaml::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: 100_000,
            max_recorded_anchor_events: 100_000,
            max_documents: 2,
        },
    }
}

/// What the reader hands over, before spans are made ours.
enum Raw {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Raw, E> {
        let integer = i64::try_from(value).map_err(|_| E::custom(format!("`{value}` is more than {}", i64::MAX)))?;
        Ok(Raw::Integer(integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}

struct Converter<'a> {
    file: FileId,
    text: &'a str,
    /// Where the text begins in its source.
    start: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Converter<'_> {
    fn span(&self, location: serde_yaml::Location) -> Span {
        let span = location.span();
        let offset = |bytes: Option<u64>| bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        let start = self.start + offset(span.byte_offset());
        Span {
            file: self.file,
            start,
            end: start + offset(span.byte_len()),
        }
    }

    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let span = self.span(raw.defined);
        match raw.value {
            Raw::Null => Node {
                value: Value::Null,
                span,
            },
            Raw::Bool(value) => Node {
                value: Value::Bool(value),
                span,
            },
            Raw::Integer(value) => Node {
                value: Value::Integer(value),
                span,
            },
            Raw::Float(value) => Node {
                value: Value::Float(value),
                span,
            },
            Raw::String(value) => Node {
                value: Value::String(value),
                span,
            },
            Raw::Sequence(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item)).collect();
                let span = self.cover(span, items.iter());
                Node {
                    value: Value::Sequence(items),
                    span,
                }
            }
            Raw::Mapping(entries) => {
                let entries = self.entries(entries);
                let span = self.cover(span, entries.iter().map(|(_, value)| value));
                Node {
                    value: Value::Mapping(entries),
                    span,
                }
            }
        }
    }

    fn entries(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Vec<(Located<String>, Node)> {
        let mut entries: Vec<(Located<String>, Node)> = Vec::with_capacity(raw.len());
        for (raw_key, raw_value) in raw {
            let key = Located {
                span: self.span(raw_key.defined),
                value: raw_key.value,
            };
            let value = self.node(raw_value);
            match entries.iter().find(|(first, _)| first.value == key.value) {
                Some((first, _)) => self.diagnostics.push(
                    Diagnostic::error(key.span, format!("`{}` is there twice", key.value))
                        .label("again here")
                        .context(first.span, "first here"),
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
        let rest = self.text.get(end - self.start..).unwrap_or("");
        let bracket = match self.text.as_bytes().get(span.start - self.start) {
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

    fn failure(&self, error: &Error) -> Diagnostic {
        let (message, help) = wording(error);
        let span = match error.location() {
            Some(location) if location.span().byte_offset().is_some() => self.span(location),
            Some(location) => self.at_line_and_column(location),
            None => Span {
                file: self.file,
                start: self.start,
                end: self.start,
            },
        };
        // A mistake at the very end of the text is shown at its last character.
        let last = self
            .text
            .trim_end()
            .char_indices()
            .next_back()
            .map_or(0, |(at, _)| self.start + at);
        let mut span = Span {
            start: span.start.min(last),
            end: span.end.max(span.start.min(last)),
            ..span
        };
        if let Some(tab) = self.tab(&message) {
            span = Span {
                start: tab,
                end: tab + 1,
                ..span
            };
        }
        let diagnostic = Diagnostic::error(span, message);
        let line_start = self.text[..self.text.floor_char_boundary(span.start - self.start)].rfind('\n');
        let line = self.text[line_start.map_or(0, |newline| newline + 1)..]
            .lines()
            .next()
            .unwrap_or("");
        match help {
            _ if line.contains("${") => diagnostic.help("put `\"${...}\"` in quotes"),
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    /// The tab that a message is about: the first that indents a line. The reader names the value before it.
    fn tab(&self, message: &str) -> Option<usize> {
        let mut line_start = self.start;
        for line in self.text.split_inclusive('\n').filter(|_| message.contains("tab")) {
            let indentation = &line[..line.len() - line.trim_start().len()];
            if let Some(tab) = indentation.find('\t') {
                return Some(line_start + tab);
            }
            line_start += line.len();
        }
        None
    }

    fn at_line_and_column(&self, location: serde_yaml::Location) -> Span {
        let number = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        let line_start: usize = self
            .text
            .split_inclusive('\n')
            .take(number(location.line()))
            .map(str::len)
            .sum();
        let line = self.text[line_start..].lines().next().unwrap_or("");
        let column: usize = line.chars().take(number(location.column())).map(char::len_utf8).sum();
        let start = self.start + line_start + column;
        Span {
            file: self.file,
            start,
            end: start,
        }
    }
}

/// The reader's words are for people who program with it; those that a pipeline can meet are said anew.
fn wording(error: &Error) -> (String, Option<&'static str>) {
    let original = match error.without_snippet() {
        Error::AliasError { error, .. } => error,
        other => other,
    };
    match original {
        Error::MultipleDocuments { .. } => (
            "a second document begins here".into(),
            Some("keep one document in a file"),
        ),
        Error::NonFiniteFloat { value, .. } => (format!("`{value}` is not a finite number"), None),
        Error::NullIntoString { .. } => ("a key is empty or `null`".into(), Some("write a name before the colon")),
        Error::UnknownAnchor { .. } => ("no `&anchor` of this name stands before the alias".into(), None),
        Error::RecursiveReferencesRequireWeakTypes { .. } => ("the alias contains itself".into(), None),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => ("the aliases unfold to too much".into(), None),
        Error::Budget { .. } => ("the document is too large or nested too deep".into(), None),
        Error::UnsupportedTag { tag, .. } => (format!("the tag `{tag}` means nothing here"), Some("leave the tag out")),
        Error::Unexpected { .. } => ("a key must be plain text".into(), None),
        other => {
            let message = UserMessageFormatter.format_message(other).into_owned();
            if message.contains("recursion limit") {
                return ("the document is too large or nested too deep".into(), None);
            }
            let help = HELP
                .iter()
                .find(|(words, _)| message.contains(words))
                .map(|(_, help)| *help);
            (message, help)
        }
    }
}

/// What usually is the cause, by words of the reader's message.
const HELP: [(&str, &str); 8] = [
    ("tab", "indent with spaces: YAML does not allow tabs there"),
    ("quoted scalar", "a quote that was opened before is probably not closed"),
    (
        "mapping values are not allowed",
        "put text that contains `: ` in quotes",
    ),
    ("flow", "a `[` or `{` that was opened before is probably not closed"),
    (
        "illegal placement of ':'",
        "a `[` or `{` that was opened before is probably not closed",
    ),
    (
        "unexpected character: `@",
        "put text that begins with this character in quotes",
    ),
    (
        "unexpected character: `%",
        "put text that begins with this character in quotes",
    ),
    (
        "unexpected character: ``",
        "put text that begins with this character in quotes",
    ),
];

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
        let (_, node, diagnostics) = read("a: 1\na: 2\nb: {c: 1, c: 2}\n");
        assert_eq!(diagnostics.len(), 2);
        assert_eq!(node.unwrap().to_json(), serde_json::json!({"a": 1, "b": {"c": 1}}));
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
