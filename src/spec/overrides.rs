//! `-S path=value` and `--params FILE`: new values for params that exist.
//!
//! A name that no param has is a mistake, for it would change nothing. Below a param that is `null` or `{}` any name
//! may be used, by each of several overrides. A mapping merges with the one that is there; everything else is replaced.

use super::load::{LoadOptions, ReadText};
use super::paths::{self, Part};
use super::{Diagnostic, FileId, Located, Node, Sources, Span, Value, merge, parse, resolve};

/// Params and what is laid on them.
pub(super) struct Params {
    /// As they are now.
    pub(super) values: Node,
    /// As the pipeline has them: which names there are does not depend on what is laid on them.
    declared: Node,
}

impl Params {
    pub(super) fn new(values: Node) -> Params {
        let declared = values.clone();
        Params { values, declared }
    }

    /// Applies one `path=value`, which is the whole text of `file`.
    pub(super) fn apply_override(&mut self, sources: &Sources, file: FileId) -> Vec<Diagnostic> {
        let (found, mut diagnostics) = assignment(sources, file);
        if let Some((path, value)) = found {
            diagnostics.extend(self.set(&path, value));
        }
        diagnostics
    }

    /// Sets one param by its path.
    pub(super) fn set(&mut self, path: &Located<String>, value: Node) -> Option<Diagnostic> {
        let parts = paths::parts(&path.value, path.span);
        let suggestion = paths::suggest_path(&path.value, &self.declared);
        let set = set((&mut self.values, &self.declared), &parts, value, suggestion.as_deref());
        set.err().map(|diagnostic| *diagnostic)
    }

    /// Lays a mapping of params on these.
    pub(super) fn merge(&mut self, over: Node) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        merge_known(
            (&mut self.values, Some(&self.declared)),
            over,
            &mut Vec::new(),
            &mut diagnostics,
        );
        diagnostics
    }
}

/// All that the command line sets, as one mapping. What cannot be read is left out: loading says why.
pub(super) fn all_set(options: &LoadOptions, read: ReadText<'_>) -> Node {
    let mut sources = Sources::default();
    let start = sources.add("--params", "");
    let span = Span {
        file: start,
        start: 0,
        end: 0,
    };
    let mut all = Node::new(Value::Mapping(Vec::new()), span);
    for path in &options.params_files {
        let Ok(text) = read(path) else { continue };
        let file = sources.add("--params", text);
        if let Some(node) = parse(&sources, file)
            .0
            .filter(|node| matches!(node.value, Value::Mapping(_)))
        {
            merge::merge_deep(&mut all, node);
        }
    }
    for text in &options.overrides {
        let file = sources.add("-S", text.as_str());
        if let (Some((path, value)), _) = assignment(&sources, file) {
            merge::merge_deep(&mut all, nest(&paths::parts(&path.value, path.span), value));
        }
    }
    all
}

/// Path and value of a `path=value` that is the whole text of `file`.
fn assignment(sources: &Sources, file: FileId) -> (Option<(Located<String>, Node)>, Vec<Diagnostic>) {
    let text = sources.text(file);
    let whole = Span {
        file,
        start: 0,
        end: text.len(),
    };
    let Some(equals) = text.find('=') else {
        let missing = Diagnostic::error(whole, "no value is given").help("write `-S path=value`");
        return (None, vec![missing]);
    };
    let path = Span { end: equals, ..whole };
    let (value, diagnostics) = parse::parse_from(sources, file, equals + 1);
    let path = Located::new(sources.slice(path).to_owned(), path);
    (value.map(|value| (path, value)), diagnostics)
}

/// A param below which any name may be used.
fn is_open(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Mapping(entries) => entries.is_empty(),
        _ => false,
    }
}

fn set(
    (params, declared): (&mut Node, &Node),
    parts: &[Part],
    value: Node,
    suggestion: Option<&str>,
) -> Result<(), Box<Diagnostic>> {
    let (mut node, mut declared) = (params, Some(declared));
    for (depth, part) in parts.iter().enumerate() {
        let missing = |message: String| Box::new(Diagnostic::error(part.span, message));
        if depth > 0 && (is_open(node) || declared.is_none_or(is_open)) {
            merge::merge_deep(node, nest(&parts[depth..], value));
            return Ok(());
        }
        declared = declared.and_then(|declared| resolve::child(declared, &part.value));
        let above = paths::join(parts, depth);
        let names = paths::names(node);
        let description = node.describe();
        node = match &mut node.value {
            Value::Mapping(entries) => {
                let entry = entries.iter_mut().find(|(key, _)| key.value == part.value);
                let unknown = || missing(format!("there is no param `{}`", paths::join(parts, depth + 1)));
                let known = if depth == 0 {
                    format!("the params are {names}")
                } else {
                    format!("`{above}` has {names}")
                };
                &mut entry
                    .ok_or_else(|| Box::new(unknown().did_you_mean(suggestion.map(str::to_owned)).note(known)))?
                    .1
            }
            Value::Sequence(items) => {
                let count = items.len();
                let item = part.value.parse::<usize>().ok().and_then(|index| items.get_mut(index));
                item.ok_or_else(|| {
                    let range = if count == 0 {
                        "it is empty".to_owned()
                    } else {
                        format!("it has 0 to {}", count - 1)
                    };
                    missing(format!("the list `{above}` has no `{}`: {range}", part.value))
                })?
            }
            _ => return Err(missing(format!("`{above}` is {description}: nothing is below it"))),
        };
    }
    let mut trail = parts.iter().map(|part| part.value.clone()).collect();
    let mut diagnostics = Vec::new();
    merge_known((node, declared), value, &mut trail, &mut diagnostics);
    diagnostics
        .into_iter()
        .next()
        .map_or(Ok(()), |diagnostic| Err(Box::new(diagnostic)))
}

pub(super) fn nest(parts: &[Part], value: Node) -> Node {
    parts.iter().rev().fold(value, |value, part| Node {
        span: part.span,
        value: Value::Mapping(vec![(part.clone(), value)]),
    })
}

fn merge_known(
    (node, declared): (&mut Node, Option<&Node>),
    over: Node,
    trail: &mut Vec<String>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if !trail.is_empty() && (is_open(node) || declared.is_none_or(is_open)) {
        merge::merge_deep(node, over);
        return;
    }
    let (Value::Mapping(_), Value::Mapping(_)) = (&node.value, &over.value) else {
        *node = over;
        return;
    };
    let Value::Mapping(entries) = over.value else { return };
    for (key, value) in entries {
        trail.push(key.value.clone());
        if let Some(below) = node.get_mut(&key.value) {
            let declared = declared.and_then(|declared| declared.get(&key.value));
            merge_known((below, declared), value, trail, diagnostics);
        } else {
            let candidates = node.entries().iter().map(|(name, _)| name.value.as_str());
            diagnostics.push(
                Diagnostic::error(key.span, format!("there is no param `{}`", trail.join(".")))
                    .did_you_mean(super::suggest(&key.value, candidates))
                    .note(format!("known here: {}", paths::names(node))),
            );
        }
        trail.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &str = "merge: {certain: 0.5, uncertain: 0.3}\nsizes: [1, 2]\nextra: {}\nnothing:\nseed: 0\n";

    fn overridden(text: &str) -> Result<serde_json::Value, String> {
        overridden_by(&[text])
    }

    fn overridden_by(texts: &[&str]) -> Result<serde_json::Value, String> {
        let mut sources = Sources::default();
        let file = sources.add("p.yaml", PARAMS);
        let mut params = Params::new(parse::parse(&sources, file).0.unwrap());
        let mut diagnostics = Vec::new();
        for text in texts {
            let file = sources.add("-S", *text);
            diagnostics.extend(params.apply_override(&sources, file));
        }
        match diagnostics.first() {
            None => Ok(params.values.to_json()),
            Some(first) => Err(format!(
                "{}: {}; {}",
                sources.slice(first.span.unwrap()),
                first.message,
                first.help.join("; ")
            )),
        }
    }

    #[test]
    fn a_value_is_read_as_yaml() {
        assert_eq!(overridden("merge.certain=0.7").unwrap()["merge"]["certain"], 0.7);
        assert_eq!(
            overridden("seed=[1, {a: b}]").unwrap()["seed"],
            serde_json::json!([1, {"a": "b"}])
        );
        assert_eq!(overridden("seed=a=b").unwrap()["seed"], "a=b");
        assert_eq!(overridden("seed=").unwrap()["seed"], serde_json::Value::Null);
        assert_eq!(overridden("sizes.1=5").unwrap()["sizes"], serde_json::json!([1, 5]));
    }

    #[test]
    fn a_mapping_merges() {
        let merged = overridden("merge={certain: 1}").unwrap();
        assert_eq!(merged["merge"], serde_json::json!({"certain": 1, "uncertain": 0.3}));
    }

    #[test]
    fn any_name_may_be_used_below_nothing() {
        assert_eq!(
            overridden("extra.a.b=1").unwrap()["extra"],
            serde_json::json!({"a": {"b": 1}})
        );
        assert_eq!(
            overridden("nothing={a: 1}").unwrap()["nothing"],
            serde_json::json!({"a": 1})
        );
    }

    #[test]
    fn what_one_override_adds_below_nothing_does_not_shut_out_the_next() {
        assert_eq!(
            overridden_by(&["extra.a=1", "extra.b=2", "extra={a: 3}"]).unwrap()["extra"],
            serde_json::json!({"a": 3, "b": 2})
        );
        assert_eq!(
            overridden_by(&["merge=", "merge.any=1"]).unwrap()["merge"],
            serde_json::json!({"any": 1})
        );
        assert_eq!(
            overridden_by(&["merge=3", "merge.certain=1"])
                .unwrap_err()
                .split(';')
                .next()
                .unwrap(),
            "certain: `merge` is the number `3`: nothing is below it"
        );
    }

    #[test]
    fn a_name_that_no_param_has_is_a_mistake() {
        let said = overridden("merge.certian=1").unwrap_err();
        assert_eq!(
            said,
            "certian: there is no param `merge.certian`; did you mean `merge.certain`?"
        );
        let said = overridden("params.seed=1").unwrap_err();
        assert_eq!(said, "params: there is no param `params`; did you mean `seed`?");
        assert_eq!(
            overridden("merge={sertain: 1}").unwrap_err().split(';').next().unwrap(),
            "sertain: there is no param `merge.sertain`"
        );
        assert_eq!(
            overridden("seed.x=1").unwrap_err(),
            "x: `seed` is the number `0`: nothing is below it; "
        );
        assert_eq!(
            overridden("sizes.2=1").unwrap_err(),
            "2: the list `sizes` has no `2`: it has 0 to 1; "
        );
        assert_eq!(
            overridden("seed").unwrap_err(),
            "seed: no value is given; write `-S path=value`"
        );
        assert_eq!(
            overridden("=1").unwrap_err().split(';').next().unwrap(),
            ": there is no param ``"
        );
    }
}
