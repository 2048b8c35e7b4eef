//! "Expected this, found that": the types that keys take.

use crate::spec::{Diagnostic, Located, Node, Span, Value, suggest};

/// A value of another type than the key takes.
pub(in crate::spec) fn wrong(key: &str, expected: &str, found: &Node) -> Diagnostic {
    Diagnostic::error(
        found.span,
        format!("`{key}` must be {expected}, found {}", found.describe()),
    )
}

/// A mapping whose keys are known.
pub(in crate::spec) struct Fields<'n> {
    node: &'n Node,
    what: String,
    /// Where the whole is named.
    at: Span,
    /// Keys that an unknown key was probably meant to be: not to be called missing as well.
    meant: Vec<String>,
}

impl<'n> Fields<'n> {
    /// Says which keys are unknown; none if it is no mapping. `at` is shown for a key that is missing.
    pub(in crate::spec) fn of(
        node: &'n Node,
        what: impl Into<String>,
        at: Span,
        known: &[&str],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Fields<'n>> {
        let what = what.into();
        let mut meant = Vec::new();
        let Value::Mapping(entries) = &node.value else {
            diagnostics.push(Diagnostic::error(
                node.span,
                format!("{what} must be a mapping, found {}", node.describe()),
            ));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.value.as_str())) {
            let suggestion = suggest(&key.value, known);
            meant.extend(suggestion.clone());
            diagnostics.push(
                Diagnostic::error(key.span, format!("unknown key `{}` in {what}", key.value))
                    .did_you_mean(suggestion)
                    .note(format!("the keys are {}", field_list(known))),
            );
        }
        Some(Fields { node, what, at, meant })
    }

    /// The value of a key; none if there is nothing after the colon either.
    pub(in crate::spec) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.get(key).filter(|node| !node.is_null())
    }

    /// As [`Fields::get`]; says so if it is missing.
    pub(in crate::spec) fn required(&self, key: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() && !self.is_meant(key) {
            let span = self.node.key_span(key).unwrap_or(self.at);
            diagnostics.push(Diagnostic::error(span, format!("{} needs `{key}`", self.what)));
        }
        found
    }

    /// Whether an unknown key was probably meant to be this one.
    pub(super) fn is_meant(&self, key: &str) -> bool {
        self.meant.iter().any(|meant| meant == key)
    }
}

/// Names in backticks, for a note.
fn field_list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Text that is not empty.
pub(in crate::spec) fn text(key: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Located<String>> {
    match &node.value {
        Value::String(text) if !text.trim().is_empty() => Some(Located {
            value: text.clone(),
            span: node.span,
        }),
        _ => {
            diagnostics.push(wrong(key, "text", node));
            None
        }
    }
}

/// Text, or a list of texts; none if anything else is found.
pub(in crate::spec) fn text_list(
    key: &str,
    node: &Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Located<String>>> {
    match &node.value {
        Value::Sequence(items) => {
            let texts: Vec<_> = items.iter().map(|item| text(key, item, diagnostics)).collect();
            texts.into_iter().collect()
        }
        Value::String(_) => text(key, node, diagnostics).map(|text| vec![text]),
        _ => {
            diagnostics.push(wrong(key, "text or a list of texts", node));
            None
        }
    }
}

/// A whole number that is at least `least`.
pub(super) fn whole(key: &str, least: u32, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Located<u32>> {
    if let Value::Integer(value) = node.value
        && let Ok(value) = u32::try_from(value)
        && value >= least
    {
        return Some(Located { value, span: node.span });
    }
    diagnostics.push(wrong(key, &format!("a whole number from {least} up"), node));
    None
}

/// A number that is not negative.
pub(super) fn amount(key: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Located<f64>> {
    let value = match node.value {
        Value::Float(value) => value,
        // Exact up to 2^53, and larger thresholds mean nothing.
        #[expect(clippy::cast_precision_loss)]
        Value::Integer(value) => value as f64,
        _ => f64::NAN,
    };
    if value >= 0.0 {
        return Some(Located { value, span: node.span });
    }
    diagnostics.push(wrong(key, "a number from 0 up", node));
    None
}
