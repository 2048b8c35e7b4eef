//! `asm-pipe graph`: the stages, drawn.

use super::arguments::{Graph, GraphFormat};
use super::failure::Failure;
use super::load::load;
use super::terminal;
use super::workspace::Untouched;
use crate::plan::{Format, draw};

pub(super) fn graph(arguments: &Graph) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let loaded = load(
        &arguments.pipelines,
        &arguments.target.target,
        &opened.workspace.registry,
    )?;
    let format = match arguments.format {
        GraphFormat::Ascii => Format::Ascii,
        GraphFormat::Mermaid => Format::Mermaid,
        GraphFormat::Dot => Format::Dot,
        GraphFormat::Svg => Format::Svg,
    };
    terminal::print(&draw(&loaded.plan, format, !arguments.expand))
}
