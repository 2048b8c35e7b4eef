//! YAML text to a checked pipeline. Knows no stage kind, and no file but those it is given to read.

mod apply_profiles;
mod check;
mod diagnostic;
mod documents;
mod emit;
mod experiment;
mod interpolate;
mod load;
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
mod to_yaml;
mod tree;

pub use diagnostic::{Diagnostic, Severity, sort_diagnostics};
pub use documents::is_experiment;
pub use emit::emit;
pub use experiment::{Experiment, load_experiment};
pub use load::{LoadOptions, ReadText, load, load_text};
pub use locate::{Found, Step, locate, steps};
pub use parse::parse;
pub use pipeline::{Carry, InputSpec, Pipeline, Rounds, StageSpec, Until};
pub use render::render;
pub use source::{Place, Sources};
pub use suggest::suggest;
pub use tree::{FileId, Located, Node, Span, Value};
