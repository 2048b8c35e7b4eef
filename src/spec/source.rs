//! The texts that a pipeline was read from: files, and what stood on the command line.

use super::{FileId, Span};

/// Every text that a [`Span`] may point into.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: String,
}

/// A span in words that people use: file, lines and columns, all counted from 1. Columns count characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The text's display name: a path, `-S`, `--profile`.
    pub file: &'a str,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column just after the last character.
    pub end_column: usize,
}

impl Sources {
    /// Adds a text under its display name. A byte order mark is dropped, so that columns are those an editor shows.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let mut text = text.into();
        if let Some(rest) = text.strip_prefix('\u{feff}') {
            text = rest.to_owned();
        }
        let id = self.next();
        self.texts.push(Source {
            name: name.into(),
            text,
        });
        id
    }

    /// What the next text that is added will be.
    pub(super) fn next(&self) -> FileId {
        FileId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX))
    }

    /// The display name of a text; empty if it is of another collection.
    pub fn name(&self, file: FileId) -> &str {
        self.get(file).map_or("", |source| &source.name)
    }

    /// A text; empty if it is of another collection.
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |source| &source.text)
    }

    /// The text under a span; empty where the span does not fit.
    pub fn slice(&self, span: Span) -> &str {
        let (start, end) = self.clip(span);
        self.text(span.file).get(start..end).unwrap_or("")
    }

    /// Lines and columns of a span.
    pub fn place(&self, span: Span) -> Place<'_> {
        let text = self.text(span.file);
        let (start, end) = self.clip(span);
        let (line, column) = line_and_column(text, start);
        let (end_line, end_column) = line_and_column(text, end);
        Place {
            file: self.name(span.file),
            line,
            column,
            end_line,
            end_column,
        }
    }

    /// A span's start and end, moved to character boundaries inside the text.
    pub(super) fn clip(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.file);
        let start = text.floor_char_boundary(span.start);
        let end = text.floor_char_boundary(span.end).max(start);
        (start, end)
    }

    fn get(&self, file: FileId) -> Option<&Source> {
        self.texts.get(usize::try_from(file.0).ok()?)
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "\u{feff}first: 1\nzwölf: äpfel\n");
        let start = sources.text(file).find("äpfel").unwrap();
        let place = sources.place(Span {
            file,
            start,
            end: start + "äpfel".len(),
        });
        assert_eq!((place.file, place.line, place.column), ("a.yaml", 2, 8));
        assert_eq!((place.end_line, place.end_column), (2, 13));
    }

    #[test]
    fn a_span_outside_the_text_is_moved_into_it() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "ä");
        let place = sources.place(Span {
            file,
            start: 1,
            end: 90,
        });
        assert_eq!((place.line, place.column, place.end_column), (1, 1, 2));
        assert_eq!(
            sources.slice(Span {
                file: FileId(7),
                start: 3,
                end: 9
            }),
            ""
        );
    }
}
