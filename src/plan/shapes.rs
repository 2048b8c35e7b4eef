//! Kinds whose ports depend on the stage: what they are for each stage that uses one.

use std::sync::Arc;

use crate::spec::{Pipeline, StageSpec};
use crate::stage::command::{COMMAND, Given, shaped};
use crate::stage::{KindInfo, Registry};

/// For each stage of a pipeline, those outside of the rounds first: its own kind, if it has one.
pub(super) fn shapes(pipeline: &Pipeline, registry: &Registry) -> Vec<Option<Arc<KindInfo>>> {
    let has_command = registry.get(COMMAND).is_some();
    let inside = pipeline.rounds.iter().flat_map(|rounds| &rounds.stages);
    let stages = pipeline.stages.iter().chain(inside);
    stages
        .map(|spec| (has_command && spec.uses.value == COMMAND).then(|| Arc::new(shape(spec))))
        .collect()
}

fn shape(spec: &StageSpec) -> KindInfo {
    let given: Vec<Given> = spec
        .inputs
        .iter()
        .map(|input| Given {
            port: &input.port.value,
            many: input.references.len() > 1 || input.references.iter().any(|r| r.value.starts_with("rounds.all.")),
        })
        .collect();
    shaped(&given, &spec.with_for_round(1).to_json())
}
