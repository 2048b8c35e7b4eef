//! A mistake in a text: what is wrong, where, and what to do. Drawing it is `render`'s.

use serde_json::{Value as Json, json};

use super::{Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The pipeline cannot be used.
    Error,
    /// The pipeline can be used, and probably does not do what was meant.
    Warning,
}

/// A mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: a lower-case fragment without final period.
    pub message: String,
    /// Where; none if it stands in no text, such as a file that cannot be read.
    pub span: Option<Span>,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// Other places that matter, and why.
    pub context: Vec<(Span, String)>,
    /// Facts that explain.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error at a span, or at none.
    pub fn error(span: impl Into<Option<Span>>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            span: span.into(),
            label: None,
            context: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning at a span, or at none.
    pub fn warning(span: impl Into<Option<Span>>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(span, message)
        }
    }

    /// Sets what stands beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// Adds another place and why it matters.
    #[must_use]
    pub fn context(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.context.push((span, label.into()));
        self
    }

    /// Adds a fact that explains.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// Adds "did you mean", if there is anything to suggest.
    #[must_use]
    pub fn did_you_mean(self, suggestion: Option<String>) -> Diagnostic {
        match suggestion {
            Some(suggestion) => self.help(format!("did you mean `{suggestion}`?")),
            None => self,
        }
    }

    /// Whether the pipeline cannot be used because of this.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// For programs: `severity`, `message`, `file`, `line`, `column`, `end_line`, `end_column`, `label`, `notes`, `help`.
    /// What is not known is null.
    pub fn to_json(&self, sources: &Sources) -> Json {
        let place = self.span.map(|span| sources.place(span));
        json!({
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "message": self.message,
            "file": place.as_ref().map(|place| place.file),
            "line": place.as_ref().map(|place| place.line),
            "column": place.as_ref().map(|place| place.column),
            "end_line": place.as_ref().map(|place| place.end_line),
            "end_column": place.as_ref().map(|place| place.end_column),
            "label": self.label,
            "notes": self.notes,
            "help": self.help,
        })
    }
}

/// Sorts by file, place, then message, and drops repetitions: the same text may be looked at twice.
pub fn sort_diagnostics(diagnostics: &mut Vec<Diagnostic>) {
    let place = |diagnostic: &Diagnostic| diagnostic.span.map(|span| (span.file, span.start, span.end));
    diagnostics.sort_by(|a, b| (place(a), &a.message).cmp(&(place(b), &b.message)));
    diagnostics.dedup_by(|a, b| (place(a), &a.message) == (place(b), &b.message));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::FileId;

    #[test]
    fn diagnostics_are_sorted_by_place_and_said_once() {
        let at = |file, start| Span {
            file: FileId(file),
            start,
            end: start + 1,
        };
        let mut diagnostics = vec![
            Diagnostic::error(at(1, 0), "c"),
            Diagnostic::error(at(0, 9), "b"),
            Diagnostic::error(at(0, 2), "a"),
            Diagnostic::error(at(0, 9), "b"),
            Diagnostic::error(None, "no place"),
        ];
        sort_diagnostics(&mut diagnostics);
        let messages: Vec<&str> = diagnostics
            .iter()
            .map(|diagnostic| diagnostic.message.as_str())
            .collect();
        assert_eq!(messages, ["no place", "a", "b", "c"]);
    }

    #[test]
    fn json_names_the_place() {
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", "a: 1\nstagse: {}\n");
        let diagnostic = Diagnostic::error(
            Span {
                file,
                start: 5,
                end: 11,
            },
            "unknown key `stagse`",
        )
        .did_you_mean(Some("stages".into()));
        let json = diagnostic.to_json(&sources);
        assert_eq!(json["file"], "p.yaml");
        assert_eq!(
            (&json["line"], &json["column"], &json["end_column"]),
            (&json!(2), &json!(1), &json!(7))
        );
        assert_eq!(json["help"], json!(["did you mean `stages`?"]));
        assert_eq!(Diagnostic::error(None, "x").to_json(&sources)["line"], Json::Null);
    }
}
