//! A merged document to a checked [`Pipeline`]: keys, types, names. Everything wrong is said, not only the first.

mod expect;
mod limits;
mod names;
mod profiles;
mod references;
mod rounds;
mod schema;
mod stages;

use super::resolve::{Reading, Resolver};
use super::{Diagnostic, Located, Node, Pipeline, Sources, Value};
pub(super) use expect::{Fields, text, wrong};
use expect::{text_list, whole};
use names::RESERVED_PARAMS;
pub(super) use names::check_name;
pub(super) use profiles::check_profiles;
pub use schema::{experiment_schema, param_schema, pipeline_schema};

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
            for reserved in RESERVED_PARAMS {
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
        let fields = Fields::of(document, "the pipeline", document.span, &DOCUMENT, self.diagnostics)?;
        let resolved = self.resolver.resolve(params, Reading::Once);
        let description = fields
            .get("description")
            .and_then(|node| text("description", node, self.diagnostics));
        let stages = fields
            .get("stages")
            .map(|node| self.stages("stages", node, Reading::Once))
            .unwrap_or_default();
        let rounds_at = document.key_span("rounds").unwrap_or(document.span);
        let rounds = fields.get("rounds").map(|node| self.rounds(node, rounds_at));
        self.same_names(&fields);
        let no_stages = match fields.get("stages") {
            Some(stages) => matches!(&stages.value, Value::Mapping(all) if all.is_empty()),
            None => !fields.is_meant("stages"),
        };
        if no_stages && fields.get("rounds").is_none() && !fields.is_meant("rounds") {
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

    /// A stage of the rounds may not be called as one outside of them.
    fn same_names(&mut self, fields: &Fields<'_>) {
        let in_rounds = fields
            .get("rounds")
            .and_then(|rounds| rounds.get("stages"))
            .map_or(&[][..], Node::entries);
        for (name, _) in in_rounds {
            if let Some(outside) = fields.get("stages").and_then(|stages| stages.key_span(&name.value)) {
                self.diagnostics.push(
                    Diagnostic::error(name.span, format!("`{}` is there twice", name.value))
                        .label("in the rounds")
                        .context(outside, "outside of them")
                        .help("give one of them another name"),
                );
            }
        }
    }
}
