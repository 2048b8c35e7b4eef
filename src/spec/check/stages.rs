//! Stages: `name: {uses, in, with, doc}` and what they may take.

use super::expect::{Fields, text, wrong};
use super::names::check_name;
use super::references::check_reference;
use super::{Builder, text_list};
use crate::spec::resolve::{Reading, brought_from_elsewhere};
use crate::spec::{Diagnostic, InputSpec, Located, Node, StageSpec, Value};

pub(super) const STAGE: [&str; 9] = [
    "uses", "in", "with", "doc", "cpus", "memory", "gpus", "timeout", "retries",
];

/// `carry` and `rounds` begin references; the stop test of a round is the node `until`.
pub(super) const RESERVED: [&str; 3] = ["carry", "rounds", "until"];

impl Builder<'_> {
    /// The stages of a mapping; those that are wrong are left out.
    pub(super) fn stages(&mut self, what: &str, node: &Node, reading: Reading) -> Vec<StageSpec> {
        let Value::Mapping(entries) = &node.value else {
            self.diagnostics.push(wrong(what, "a mapping of stages by name", node));
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|(name, node)| self.stage(name, node, reading))
            .collect()
    }

    fn stage(&mut self, name: &Located<String>, node: &Node, reading: Reading) -> Option<StageSpec> {
        check_name("a stage's name", name, &RESERVED, self.diagnostics);
        let fields = stage_fields(name, node, self.diagnostics)?;
        let uses = fields
            .required("uses", self.diagnostics)
            .and_then(|node| self.text("uses", node));
        let doc = fields.get("doc").and_then(|node| text("doc", node, self.diagnostics));
        let inputs = fields.get("in").map(|node| self.inputs(node)).unwrap_or_default();
        let with = match fields.get("with") {
            Some(node) => self.resolver.resolve_with(node, reading),
            None => Some(Node {
                value: Value::Mapping(Vec::new()),
                span: name.span,
            }),
        };
        let limits = self.limits(&fields);
        Some(StageSpec {
            limits,
            name: name.clone(),
            doc: doc.map(|doc| doc.value),
            uses: uses?,
            inputs,
            with: with?,
        })
    }

    fn inputs(&mut self, node: &Node) -> Vec<InputSpec> {
        let Value::Mapping(entries) = &node.value else {
            self.diagnostics
                .push(wrong("in", "a mapping of references by port", node));
            return Vec::new();
        };
        let mut inputs = Vec::with_capacity(entries.len());
        for (port, node) in entries {
            let references = self.references(&port.value, node).unwrap_or_default();
            inputs.push(InputSpec {
                port: port.clone(),
                references,
            });
        }
        inputs
    }

    /// A reference or a list of them; none if something else was found.
    pub(super) fn references(&mut self, key: &str, node: &Node) -> Option<Vec<Located<String>>> {
        let found = self.resolver.resolve(node, Reading::Once)?;
        let before = self.diagnostics.len();
        let references = text_list(key, &found, self.diagnostics);
        for reference in references.iter().flatten() {
            check_reference(reference, self.diagnostics);
        }
        self.say_where_used(before, node, &found);
        references
    }

    /// Text, after `${}`.
    pub(super) fn text(&mut self, key: &str, node: &Node) -> Option<Located<String>> {
        let found = self.resolver.resolve(node, Reading::Once)?;
        let before = self.diagnostics.len();
        let text = text(key, &found, self.diagnostics);
        self.say_where_used(before, node, &found);
        text
    }

    /// A value that a `${}` brought is wrong where it was written; the place that used it matters too.
    pub(super) fn say_where_used(&mut self, from: usize, node: &Node, found: &Node) {
        if let Some(used) = brought_from_elsewhere(node, found) {
            for diagnostic in &mut self.diagnostics[from..] {
                diagnostic.context.push((used, "used here".into()));
            }
        }
    }
}

/// The fields of a stage, its keys checked.
pub(super) fn stage_fields<'n>(
    name: &Located<String>,
    node: &'n Node,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Fields<'n>> {
    if node.is_null() {
        // The place of nothing is nowhere to be seen.
        let message = format!("stage `{}` is empty", name.value);
        diagnostics.push(Diagnostic::error(name.span, message).help("a stage needs `uses`"));
        return None;
    }
    Fields::of(node, format!("stage `{}`", name.value), name.span, &STAGE, diagnostics)
}
