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
use expect::whole;
pub(super) use expect::{Fields, text, text_list, wrong};
use names::RESERVED_PARAMS;
pub(super) use names::{check_name, check_pipeline_name};
pub(super) use profiles::check_profiles;
pub use schema::{experiment_schema, param_schema, pipeline_schema};

const DOCUMENT: [&str; 9] = [
    "name",
    "description",
    "extends",
    "default_profile",
    "matrix",
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
                            .note("`${name}` is the pipeline's name, `${round}` the number of the round")
                            .note("`${matrix}` holds the params that a matrix varies"),
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

/// What a pipeline is called; see [`Pipeline`].
pub(super) struct PipelineNames {
    pub(super) name: Located<String>,
    pub(super) strategy: String,
    pub(super) family: String,
}

/// Builds the pipeline from a document to which `extends` and profiles have been applied and whose params, with all
/// overrides, stand apart, beside those of them that a matrix varies. None if something is wrong, which is then among the
/// diagnostics.
pub(super) fn build(
    document: &Node,
    (params, matrix): (&Node, &Node),
    names: PipelineNames,
    sources: &Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Pipeline> {
    let strategy = names.strategy.clone();
    let mut builder = Builder {
        resolver: Resolver::new((params, matrix), &strategy, sources),
        diagnostics,
    };
    let pipeline = builder.pipeline(document, params, names);
    let Builder { resolver, diagnostics } = builder;
    diagnostics.extend(resolver.diagnostics);
    pipeline
}

struct Builder<'a> {
    resolver: Resolver<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Builder<'_> {
    fn pipeline(&mut self, document: &Node, params: &Node, names: PipelineNames) -> Option<Pipeline> {
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
                Diagnostic::error(names.name.span, "the pipeline has no stages")
                    .help("add `stages:`, or `extends:` a pipeline that has them"),
            );
        }
        Some(Pipeline {
            name: names.name,
            strategy: names.strategy,
            family: names.family,
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
