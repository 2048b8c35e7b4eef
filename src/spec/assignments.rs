//! `path=value` texts as a mapping of their own, for commands that have no pipeline to override.

use super::overrides::nest;
use super::{Diagnostic, Located, Node, Sources, Span, Value, merge, parse, paths};

/// Reads texts such as `train.epochs=3`, the values as YAML. Later ones win.
///
/// # Errors
/// Every text that is none.
pub fn assignments(texts: &[String]) -> Result<Node, (Vec<Diagnostic>, Sources)> {
    let mut sources = Sources::default();
    let mut diagnostics = Vec::new();
    let start = sources.add("--set", "");
    let span = Span {
        file: start,
        start: 0,
        end: 0,
    };
    let mut all = Node {
        value: Value::Mapping(Vec::new()),
        span,
    };
    for text in texts {
        let file = sources.add("--set", text.as_str());
        let whole = Span {
            file,
            start: 0,
            end: text.len(),
        };
        let Some(equals) = text.find('=').filter(|equals| *equals > 0) else {
            diagnostics.push(Diagnostic::error(whole, "this is not `PATH=VALUE`"));
            continue;
        };
        let (value, said) = parse::parse_from(&sources, file, equals + 1);
        diagnostics.extend(said);
        if let Some(value) = value {
            let parts: Vec<Located<String>> = paths::parts(&text[..equals], Span { end: equals, ..whole });
            merge::merge_deep(&mut all, nest(&parts, value));
        }
    }
    if diagnostics.iter().any(Diagnostic::is_error) {
        Err((diagnostics, sources))
    } else {
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_become_one_mapping_and_later_ones_win() {
        let texts = ["a.b=1", "a.c=[x, 2]", "a.b=true", "d="].map(str::to_owned);
        assert_eq!(
            assignments(&texts).unwrap().to_json(),
            json!({"a": {"b": true, "c": ["x", 2]}, "d": null})
        );
    }

    #[test]
    fn a_text_without_equals_is_told() {
        let (diagnostics, _) = assignments(&["certain".to_owned()]).unwrap_err();
        assert_eq!(diagnostics[0].message, "this is not `PATH=VALUE`");
    }
}
