//! Draws plans. Only text comes out: no file, no terminal.
//!
//! *Folded*, the rounds are one group in which each stage stands once, and what one round hands to the next is drawn as
//! a way back; the members of an experiment that are of the same file stand once too, with how many nodes they are.
//! *Expanded*, every node is drawn. The same plan always makes the same text.

mod ascii;
mod dot;
mod layers;
mod mermaid;
mod picture;
mod svg;

use super::Plan;
use picture::Picture;

/// What a drawing is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines and letters, for terminals.
    Ascii,
    /// For Markdown pages that draw Mermaid.
    Mermaid,
    /// For Graphviz.
    Dot,
    /// A picture that needs nothing else.
    Svg,
}

/// Draws a plan, ending with a newline.
#[must_use]
pub fn draw(plan: &Plan, format: Format, folded: bool) -> String {
    let picture = if folded {
        Picture::folded(plan)
    } else {
        Picture::expanded(plan)
    };
    match format {
        Format::Ascii => ascii::draw(&picture),
        Format::Mermaid => mermaid::draw(&picture),
        Format::Dot => dot::draw(&picture),
        Format::Svg => svg::draw(&picture),
    }
}

#[cfg(test)]
mod tests;
