//! Diagnostics drawn for people: `file:line:column`, the line, a caret, what to do. The only file that knows the drawer.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, FileId, Severity, Sources, Span};

/// Draws every diagnostic, in the order given, with an empty line between them. Ends with a newline unless empty.
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let mut drawn = String::new();
    for diagnostic in diagnostics {
        if !drawn.is_empty() {
            drawn.push('\n');
        }
        drawn.push_str(&renderer.render(&[group(sources, diagnostic)]));
        drawn.push('\n');
    }
    drawn
}

fn group<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()));
    let mut others: Vec<&(Span, String)> = diagnostic.context.iter().collect();
    if let Some(span) = diagnostic.span {
        let primary = AnnotationKind::Primary
            .span(range(sources, span))
            .label(diagnostic.label.as_deref());
        let (same_file, elsewhere): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(other, _)| other.file == span.file);
        others = elsewhere;
        let context = same_file
            .into_iter()
            .map(|(other, label)| context(sources, *other, label));
        group = group.element(snippet(sources, span.file).annotation(primary).annotations(context));
    }
    for (span, label) in others {
        group = group.element(snippet(sources, span.file).annotation(context(sources, *span, label)));
    }
    let notes = diagnostic.notes.iter().map(|note| Level::NOTE.message(note.as_str()));
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str()));
    group.elements(notes).elements(help)
}

fn snippet(sources: &Sources, file: FileId) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(sources.text(file)).path(sources.name(file))
}

fn context<'a>(sources: &Sources, span: Span, label: &'a str) -> Annotation<'a> {
    AnnotationKind::Context.span(range(sources, span)).label(label)
}

/// A span's bytes, of its first line only: a mapping of forty lines is named well enough by its beginning.
fn range(sources: &Sources, span: Span) -> std::ops::Range<usize> {
    let (start, _) = sources.clip(span);
    let line = sources.slice(span).lines().next().unwrap_or("").trim_end();
    start..start + line.len()
}
