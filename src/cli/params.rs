//! `asm-pipe params`: the resolved pipeline.

use serde_json::{Map, Value};

use super::arguments::Params;
use super::failure::Failure;
use super::load::load_pipelines;
use super::terminal::{self, Format};

pub(super) fn params(arguments: &Params) -> Result<(), Failure> {
    let pipelines = load_pipelines(&arguments.pipelines)?;
    match arguments.output.format {
        Format::Json => {
            let all: Map<String, Value> = pipelines
                .iter()
                .map(|pipeline| (pipeline.name.value.clone(), pipeline.params_json()))
                .collect();
            terminal::print_json(&all)
        }
        Format::Human => {
            let texts: Vec<String> = pipelines.iter().map(crate::spec::Pipeline::to_yaml).collect();
            terminal::print(&texts.join("---\n"))
        }
    }
}
