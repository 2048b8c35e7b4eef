//! YAML text to a checked pipeline. Knows no stage kind, and no file but those it is given to read.

mod diagnostic;
mod interpolate;
mod locate;
mod merge;
mod overrides;
mod parse;
mod paths;
mod pipeline;
mod render;
mod resolve;
mod source;
mod suggest;
mod tree;

pub use diagnostic::{Diagnostic, Severity, sort_diagnostics};
pub use locate::{Found, Step, locate, steps};
pub use parse::parse;
pub use pipeline::{Carry, InputSpec, Pipeline, Rounds, StageSpec, Until};
pub use render::render;
pub use source::{Place, Sources};
pub use suggest::suggest;
pub use tree::{FileId, Located, Node, Span, Value};
