//! The part of a text that the YAML reader was given: its locations as our spans, its errors in our words.

use serde_yaml::{Error, Location, MessageFormatter as _, UserMessageFormatter};

use super::{Diagnostic, FileId, Span};

/// A text from some byte of its source on.
#[derive(Clone, Copy)]
pub(super) struct Excerpt<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    /// Where the text begins in its source.
    pub(super) start: usize,
}

impl Excerpt<'_> {
    /// The place before the first byte.
    pub(super) fn beginning(&self) -> Span {
        Span {
            file: self.file,
            start: self.start,
            end: self.start,
        }
    }

    /// A location of the reader.
    pub(super) fn span(&self, location: Location) -> Span {
        let span = location.span();
        let offset = |bytes: Option<u64>| bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        let start = self.start + offset(span.byte_offset());
        Span {
            file: self.file,
            start,
            end: start + offset(span.byte_len()),
        }
    }

    /// What the reader says, at its place and with the usual remedy.
    pub(super) fn mistake(&self, error: &Error) -> Diagnostic {
        let (message, help) = wording(error);
        let span = match error.location() {
            Some(location) if location.span().byte_offset().is_some() => self.span(location),
            Some(location) => self.at_line_and_column(location),
            None => self.beginning(),
        };
        // A mistake at the very end of the text is shown at its last character.
        let last = self
            .text
            .trim_end()
            .char_indices()
            .next_back()
            .map_or(self.start, |(at, _)| self.start + at);
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

    fn at_line_and_column(&self, location: Location) -> Span {
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
