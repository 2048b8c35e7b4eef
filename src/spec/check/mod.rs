//! A merged document to a checked [`Pipeline`]: keys, types, names. Everything wrong is said, not only the first.

mod expect;
mod names;
mod profiles;
mod references;
mod rounds;
mod stages;

use super::resolve::{Reading, Resolver};
use super::{Diagnostic, Located, Node, Pipeline, Sources, Value};
pub(super) use expect::{Fields, text, text_list, whole, wrong};
pub(super) use names::check_name;
pub(super) use profiles::check_profiles;

const DOCUMENT: [&str; 8] = [
    "name",
    "description",
    "extends",
    "default_profile",
    "params",
    "profiles",
    "stages",
    "rounds",
];

/// The params of a document as written, or an empty mapping.
pub(super) fn take_params(document: &mut Node, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let span = document.span;
    match document.remove("params") {
        Some(params) if matches!(params.value, Value::Mapping(_)) => {
            for reserved in ["name", "round"] {
                if let Some((key, _)) = params.entries().iter().find(|(key, _)| key.value == reserved) {
                    diagnostics.push(
                        Diagnostic::error(key.span, format!("no param can be called `{reserved}`"))
                            .note("`${name}` is the pipeline's name, `${round}` the number of the round"),
                    );
                }
            }
            params
        }
        other => {
            if let Some(node) = other.filter(|node| !node.is_null()) {
                diagnostics.push(wrong("params", "a mapping", &node));
            }
            Node {
                value: Value::Mapping(Vec::new()),
                span,
            }
        }
    }
}

/// Builds the pipeline from a document to which `extends` and profiles have been applied and whose params, with all
/// overrides, stand apart. None if something is wrong, which is then among the diagnostics.
pub(super) fn build(
    document: &Node,
    params: &Node,
    name: Located<String>,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Pipeline> {
    check_name("a pipeline's name", &name, &[], diagnostics);
    let resolver_name = name.value.clone();
    let mut builder = Builder {
        resolver: Resolver::new(params, &resolver_name, sources),
        diagnostics,
    };
    let pipeline = builder.pipeline(document, params, name);
    let Builder { resolver, diagnostics } = builder;
    diagnostics.extend(resolver.diagnostics);
    pipeline
}

struct Builder<'a> {
    resolver: Resolver<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn pipeline(&mut self, document: &Node, params: &Node, name: Located<String>) -> Option<Pipeline> {
        let fields = Fields::of(document, "the pipeline", &DOCUMENT, self.diagnostics)?;
        let resolved = self.resolver.resolve(params, Reading::Once);
        let description = fields
            .get("description")
            .and_then(|node| text("description", node, self.diagnostics));
        let stages = fields
            .get("stages")
            .map(|node| self.stages("stages", node, Reading::Once))
            .unwrap_or_default();
        let rounds = fields.get("rounds").map(|node| self.rounds(node));
        let in_rounds = rounds.iter().flatten().flat_map(|rounds| &rounds.stages);
        for stage in in_rounds.clone() {
            if let Some(outside) = stages.iter().find(|outside| outside.name.value == stage.name.value) {
                self.diagnostics.push(
                    Diagnostic::error(stage.name.span, format!("`{}` is there twice", stage.name.value))
                        .label("in the rounds")
                        .context(outside.name.span, "outside of them")
                        .help("give one of them another name"),
                );
            }
        }
        let nothing_to_do = fields.get("rounds").is_none()
            && fields
                .get("stages")
                .is_none_or(|node| matches!(&node.value, Value::Mapping(all) if all.is_empty()));
        if nothing_to_do {
            self.diagnostics.push(
                Diagnostic::error(name.span, "the pipeline has no stages")
                    .help("add `stages:`, or `extends:` a pipeline that has them"),
            );
        }
        Some(Pipeline {
            name,
            description: description.map(|text| text.value),
            params: resolved?,
            stages,
            rounds: match rounds {
                Some(rounds) => Some(rounds?),
                None => None,
            },
            profiles: Vec::new(),
            profile: Vec::new(),
        })
    }
}
