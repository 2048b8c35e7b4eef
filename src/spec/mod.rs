//! YAML text to a checked pipeline. Knows no stage kind, and no file but those it is given to read.

mod pipeline;
mod tree;

pub use pipeline::{Carry, InputSpec, Pipeline, Rounds, StageSpec, Until};
pub use tree::{FileId, Located, Node, Span, Value};
