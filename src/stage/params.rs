//! Params of a kind: checked against its JSON Schema, completed with defaults, described for people.
//!
//! Reads the part of JSON Schema that schemars writes with inlined subschemas, and `$ref` into `$defs` for providers in
//! other languages. What [`decode`] returns is canonical: params that mean the same are the same JSON, since stage keys
//! are made from it.

mod decode;
mod describe;
mod relax;
mod schema;

pub use decode::{ParamProblem, PathPart, decode};
pub use describe::{Choice, ParamDoc, describe};
pub use relax::relax;
