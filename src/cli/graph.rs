//! `asm-pipe graph`: the stages, drawn.

use super::arguments::{Graph, GraphFormat};
use super::failure::Failure;
use super::load::load;
use super::terminal;
use super::workspace::Untouched;
use crate::plan::{Drawing, draw};

pub(super) fn graph(arguments: &Graph) -> Result<(), Failure> {
    let opened = Untouched::open(&arguments.store)?;
    let loaded = load(&arguments.pipelines, &arguments.target.target, &opened.workspace.registry)?;
    let format = match arguments.format {
        GraphFormat::Ascii => Drawing::Ascii,
        GraphFormat::Mermaid => Drawing::Mermaid,
        GraphFormat::Dot => Drawing::Dot,
        GraphFormat::Svg => Drawing::Svg,
    };
    terminal::print(&draw(&loaded.plan, format, !arguments.expand))
}
