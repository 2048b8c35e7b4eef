//! `asm-pipe stages`: the stage kinds, their params, inputs and outputs.

use serde_json::json;

use super::arguments::Stages;
use super::failure::Failure;
use super::terminal::{self, Format};
use super::workspace::Untouched;
use crate::spec::suggest;
use crate::stage::Registered;
use crate::stage::params::describe;

pub(super) fn stages(arguments: &Stages) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let registry = &opened.workspace.registry;
    let Some(name) = &arguments.kind else {
        let kinds: Vec<&Registered> = registry.iter().collect();
        if arguments.output.format == Format::Json {
            return terminal::print_json(&kinds.iter().map(|kind| &kind.info).collect::<Vec<_>>());
        }
        let width = kinds.iter().map(|kind| kind.info.name.len()).max().unwrap_or(0);
        let line = |kind: &&Registered| format!("{:width$}  {}\n", kind.info.name, kind.info.summary);
        let text: String = kinds.iter().map(line).collect();
        return terminal::print(&(text + "\n`asm-pipe stages KIND` explains one.\n"));
    };
    let Some(kind) = registry.get(name) else {
        return Err(unknown_kind(name, registry.names()));
    };
    if arguments.output.format == Format::Json {
        return terminal::print_json(
            &json!({ "kind": kind.info, "served_by": kind.via.to_string(), "params": describe(&kind.info.params) }),
        );
    }
    terminal::print(&explain(kind))
}

/// The failure for a kind that nothing serves.
pub(super) fn unknown_kind<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    let names: Vec<&str> = names.collect();
    let failure = Failure::invalid(format!("there is no stage kind `{name}`"));
    match suggest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => {
            failure.hint("`asm-pipe stages` lists the kinds; those that need libtorch are served by `asm-pipe-torch`")
        }
    }
}

fn explain(kind: &Registered) -> String {
    let info = &kind.info;
    let mut text = format!(
        "{} (version {}, {})\n  {}\n",
        info.name, info.version, kind.via, info.summary
    );
    if !info.inputs.is_empty() {
        text += "\nInputs\n";
        for port in &info.inputs {
            let how = match (port.optional, port.many) {
                (_, true) => ", a list",
                (true, false) => ", optional",
                (false, false) => "",
            };
            text += &format!("  {} ({}{how})\n      {}\n", port.name, port.artifact, port.doc);
        }
    }
    text += "\nOutputs\n";
    for port in &info.outputs {
        text += &format!("  {} ({})\n      {}\n", port.name, port.artifact, port.doc);
    }
    let params = describe(&info.params);
    if !params.is_empty() {
        text += "\nParams\n";
    }
    for param in params {
        let default = match (&param.default, param.required) {
            (_, true) => ", required".to_owned(),
            (Some(value), false) => format!(", default {value}"),
            (None, false) => String::new(),
        };
        text += &format!("  {}: {}{default}\n", param.path, param.takes);
        for line in param.doc.lines() {
            text += &format!("      {line}\n");
        }
        for choice in &param.choices {
            text += &format!("      - {}: {}\n", choice.value, choice.doc);
        }
    }
    text
}
