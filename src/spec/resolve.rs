//! `${path.to.param}` replaced by what the params say.
//!
//! A text that is nothing but one `${...}` takes the whole value, with the place where that was written. Inside of
//! other text a number, a truth value or text is written out. Params may refer to params; a cycle is a mistake.
//! `${name}` is the pipeline's name with what a matrix varies, `${matrix}` the params that it varies. `${round}` stays until the round is known: see `each_round`.

use std::collections::BTreeSet;

use super::each_round::escaped;
use super::interpolate::{Piece, escape, pieces};
use super::{Diagnostic, Node, Sources, Span, Value, merge, paths};

/// How far one value may lead to another, and how much all of them may hold: mistakes, not pipelines, reach it.
const MAX_STEPS: usize = 32;
const MAX_NODES: usize = 200_000;

/// When a text is read for the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Now: `${round}` is a mistake.
    Once,
    /// Again in each round: `${round}` stays, and what stands for itself stays escaped.
    EachRound,
}

/// Replaces `${}` in the parts of one pipeline, and keeps what it found wrong.
pub(super) struct Resolver<'a> {
    params: &'a Node,
    name: &'a str,
    matrix: &'a Node,
    sources: &'a Sources,
    /// The params on the way to the one that is being resolved.
    stack: Vec<String>,
    cycles: BTreeSet<Vec<String>>,
    nodes: usize,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new((params, matrix): (&'a Node, &'a Node), name: &'a str, sources: &'a Sources) -> Resolver<'a> {
        Resolver {
            params,
            matrix,
            name,
            sources,
            stack: Vec::new(),
            cycles: BTreeSet::new(),
            nodes: 0,
            diagnostics: Vec::new(),
        }
    }

    /// The value with every `${}` replaced; none if something is wrong, which is then in the diagnostics.
    pub(super) fn resolve(&mut self, node: &Node, reading: Reading) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            if self.nodes == MAX_NODES + 1 {
                self.diagnostics
                    .push(Diagnostic::error(node.span, "the params unfold to too much"));
            }
            return None;
        }
        let value = match &node.value {
            Value::String(text) => return self.text(text, node.span, reading),
            Value::Sequence(items) => {
                let resolved: Vec<_> = items.iter().map(|item| self.resolve(item, reading)).collect();
                Value::Sequence(resolved.into_iter().collect::<Option<_>>()?)
            }
            Value::Mapping(entries) => {
                let mut resolved = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    resolved.push(self.resolve(value, reading).map(|value| (key.clone(), value)));
                }
                Value::Mapping(resolved.into_iter().collect::<Option<_>>()?)
            }
            other => other.clone(),
        };
        Some(Node { value, span: node.span })
    }

    /// As [`Resolver::resolve`], of a `with`: a list of mappings is merged from left to right.
    pub(super) fn resolve_with(&mut self, node: &Node, reading: Reading) -> Option<Node> {
        let resolved = self.resolve(node, reading)?;
        let empty = |span| Node {
            value: Value::Mapping(Vec::new()),
            span,
        };
        let mut merged = empty(node.span);
        match resolved.value {
            Value::Null => {}
            Value::Mapping(_) => merged = resolved,
            Value::Sequence(layers) => {
                for layer in layers {
                    if !matches!(layer.value, Value::Mapping(_)) {
                        self.not_a_mapping("each entry of the list in `with`", &layer, node.span);
                        return None;
                    }
                    merge::merge_deep(&mut merged, layer);
                }
            }
            _ => {
                self.not_a_mapping("`with`", &resolved, node.span);
                return None;
            }
        }
        Some(merged)
    }

    fn not_a_mapping(&mut self, what: &str, found: &Node, used: Span) {
        let message = format!("{what} must be a mapping, found {}", found.describe());
        let mut diagnostic = Diagnostic::error(found.span, message);
        if found.span.file != used.file || found.span.start < used.start || found.span.start > used.end {
            diagnostic = diagnostic.context(used, "used here");
        }
        self.diagnostics.push(diagnostic);
    }

    fn text(&mut self, text: &str, span: Span, reading: Reading) -> Option<Node> {
        let literal = |text: String| {
            Some(Node {
                value: Value::String(text),
                span,
            })
        };
        if !text.contains("${") {
            return literal(text.to_owned());
        }
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(message) => {
                self.diagnostics
                    .push(Diagnostic::error(span, message).help("write `$${` for `${` itself"));
                return None;
            }
        };
        if let [Piece::Reference(path)] = pieces.as_slice() {
            return self.reference(path, self.span_in(span, path), reading);
        }
        let mut written = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) if reading == Reading::EachRound => written.push_str(&escape(&text)),
                Piece::Text(text) => written.push_str(&text),
                Piece::Reference(path) => {
                    let place = self.span_in(span, &path);
                    let value = self.reference(&path, place, reading)?;
                    written.push_str(&self.written(&path, &value, place)?);
                }
            }
        }
        literal(written)
    }

    /// Where `${path}` stands inside of a text.
    fn span_in(&self, span: Span, path: &str) -> Span {
        let source = self.sources.slice(span);
        let at = source.match_indices("${").find_map(|(at, _)| {
            let end = source[at..].find('}')? + at;
            (source[at + 2..end].trim() == path).then_some((at, end + 1))
        });
        at.map_or(span, |(start, end)| Span {
            start: span.start + start,
            end: span.start + end,
            ..span
        })
    }

    fn written(&mut self, path: &str, value: &Node, place: Span) -> Option<String> {
        let written = scalar_text(value);
        if written.is_none() {
            let message = format!("`{path}` is {}: that cannot stand inside of text", value.describe());
            self.diagnostics.push(Diagnostic::error(place, message));
        }
        written
    }

    fn reference(&mut self, path: &str, place: Span, reading: Reading) -> Option<Node> {
        match (path, reading) {
            ("name", _) => Some(Node {
                value: Value::String(self.name.to_owned()),
                span: place,
            }),
            ("round", Reading::EachRound) => Some(Node {
                value: Value::String("${round}".into()),
                span: place,
            }),
            ("round", Reading::Once) => {
                let message = "`${round}` can only be used in `with` of a stage of the rounds";
                self.diagnostics.push(Diagnostic::error(place, message));
                None
            }
            _ => {
                let value = self.param(path, place)?;
                Some(if reading == Reading::EachRound {
                    escaped(value)
                } else {
                    value
                })
            }
        }
    }

    fn param(&mut self, path: &str, place: Span) -> Option<Node> {
        if let Some(at) = self.stack.iter().position(|on_the_way| on_the_way == path) {
            self.cycle(at, place);
            return None;
        }
        if self.stack.len() == MAX_STEPS {
            let message = format!("`{}` leads through more than {MAX_STEPS} other params", self.stack[0]);
            self.diagnostics.push(Diagnostic::error(place, message));
            return None;
        }
        self.stack.push(path.to_owned());
        let value = match path {
            "matrix" => self.resolve(self.matrix, Reading::Once),
            path => self.walk(path, place),
        };
        self.stack.pop();
        value
    }

    fn cycle(&mut self, from: usize, place: Span) {
        let mut names = self.stack[from..].to_vec();
        // The same cycle is met from each of its params; it is said once, beginning with the first by name.
        let first = (0..names.len()).min_by_key(|at| &names[*at]).unwrap_or(0);
        names.rotate_left(first);
        if self.cycles.insert(names.clone()) {
            let round = format!("{} -> {}", names.join(" -> "), names[0]);
            self.diagnostics.push(Diagnostic::error(
                place,
                format!("params refer to each other in a cycle: {round}"),
            ));
        }
    }

    /// Goes down the params; a branch that is a `${...}` itself is followed.
    fn walk(&mut self, path: &str, place: Span) -> Option<Node> {
        let mut unresolved: Option<&'a Node> = Some(self.params);
        let mut resolved: Option<Node> = None;
        for part in path.split('.') {
            if let Some(Node {
                value: Value::String(_),
                ..
            }) = unresolved
            {
                resolved = Some(self.resolve(unresolved?, Reading::Once)?);
                unresolved = None;
            }
            if let Some(node) = unresolved {
                unresolved = Some(child(node, part).or_else(|| self.unknown(path, place))?);
            } else {
                let next = resolved.as_ref().and_then(|node| child(node, part)).cloned();
                resolved = Some(next.or_else(|| self.unknown(path, place))?);
            }
        }
        match unresolved {
            Some(node) => self.resolve(node, Reading::Once),
            None => resolved,
        }
    }

    fn unknown<T>(&mut self, path: &str, place: Span) -> Option<T> {
        let known = paths::known_at(path, self.params);
        self.diagnostics.push(
            Diagnostic::error(place, format!("there is no param `{path}`"))
                .did_you_mean(paths::suggest_path(path, self.params))
                .note(known),
        );
        None
    }
}

pub(super) fn child<'n>(node: &'n Node, part: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Sequence(items) => items.get(part.parse::<usize>().ok()?),
        _ => node.get(part),
    }
}

fn scalar_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Integer(value) => Some(value.to_string()),
        Value::Float(value) => Some(format!("{value:?}")),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// Where a value was used, if `${}` brought it from elsewhere.
pub(super) fn brought_from_elsewhere(used: &Node, found: &Node) -> Option<Span> {
    let inside = found.span.file == used.span.file && (used.span.start..=used.span.end).contains(&found.span.start);
    (!inside).then_some(used.span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::parse;

    /// Resolves the first text with the second as params.
    fn resolved(node: &str, params: &str, reading: Reading) -> Result<Node, Vec<String>> {
        let mut sources = Sources::default();
        let file = sources.add("params", params);
        let params = parse(&sources, file).0.unwrap();
        let file = sources.add("node", node);
        let node = parse(&sources, file).0.unwrap();
        let matrix = Node::new(Value::Mapping(Vec::new()), params.span);
        let mut resolver = Resolver::new((&params, &matrix), "topk", &sources);
        let found = resolver.resolve_with(&node, reading);
        let said = resolver
            .diagnostics
            .iter()
            .map(|diagnostic| format!("{}: {}", sources.slice(diagnostic.span.unwrap()), diagnostic.message));
        found.ok_or_else(|| said.collect())
    }

    fn json(node: &str, params: &str) -> serde_json::Value {
        resolved(node, params, Reading::Once).unwrap().to_json()
    }

    #[test]
    fn a_lone_reference_takes_the_whole_value_with_its_own_place() {
        let node = resolved("k: \"${train}\"", "train: {epochs: 12}", Reading::Once).unwrap();
        let epochs = node.get("k").and_then(|train| train.get("epochs")).unwrap();
        assert_eq!((epochs.span.file.0, epochs.span.start), (0, 16));
        assert_eq!(node.to_json(), serde_json::json!({"k": {"epochs": 12}}));
    }

    #[test]
    fn a_reference_in_text_is_written_out() {
        let params = "a: 1\nb: 1.0\nc: true\nd: x\ne: [7, 8]";
        assert_eq!(
            json("k: \"${name}/${a}-${b}-${c}-${d}-${e.1}\"", params)["k"],
            "topk/1-1.0-true-x-8"
        );
    }

    #[test]
    fn params_refer_to_params_also_through_a_branch() {
        let params = "base: {rate: 0.1}\nother: \"${base}\"\nrate: \"${other.rate}\"";
        assert_eq!(json("k: \"${rate}\"", params)["k"], 0.1);
    }

    #[test]
    fn an_escape_stands_for_itself_also_when_referred_to() {
        assert_eq!(
            json("k: \"$${a}\"\nl: \"${a}\"", "a: \"$${b}\"\nb: 1"),
            serde_json::json!({"k": "${a}", "l": "${b}"})
        );
    }

    #[test]
    fn a_list_in_with_is_merged_from_left_to_right() {
        let params = "train: {epochs: 12, schedule: {warm_up: 3, rate: 1}}";
        assert_eq!(
            json("[\"${train}\", {epochs: 3, schedule: {rate: 2}}]", params),
            serde_json::json!({"epochs": 3, "schedule": {"warm_up": 3, "rate": 2}})
        );
    }

    #[test]
    fn a_cycle_is_named_once_whatever_param_is_met_first() {
        let said = resolved(
            "{k: \"${b}\", l: \"${a}\"}",
            "a: \"${b}\"\nb: \"x${c.d}\"\nc: {d: \"${a}\"}",
            Reading::Once,
        );
        assert_eq!(
            said.unwrap_err(),
            ["${b}: params refer to each other in a cycle: a -> b -> c.d -> a"]
        );
    }

    #[test]
    fn params_that_unfold_without_end_are_a_mistake() {
        let mut params = String::from("a0: x\n");
        for at in 1..30 {
            let before = at - 1;
            params += &format!("a{at}: [\"${{a{before}}}\", \"${{a{before}}}\"]\n");
        }
        let said = resolved("k: \"${a29}\"", &params, Reading::Once).unwrap_err();
        assert!(said[0].ends_with("the params unfold to too much"), "{said:?}");
    }

    #[test]
    fn mistakes_point_at_the_reference_in_the_text() {
        let said = resolved(
            "k: \"a ${see}\"\nl: \"${round}\"\nm: \"${list}!\"",
            "seed: 1\nlist: [1]",
            Reading::Once,
        );
        assert_eq!(
            said.unwrap_err(),
            [
                "${see}: there is no param `see`",
                "${round}: `${round}` can only be used in `with` of a stage of the rounds",
                "${list}: `list` is a list: that cannot stand inside of text"
            ]
        );
    }
}
