//! A pipeline as a graph: rounds unrolled, guards, the same work only once.
//!
//! Knows the checked pipeline and what kinds say of themselves; not the store, time or executors.

mod check;
mod comparison;
mod draft;
mod draw;
mod expand;
mod graph;
mod node;
mod reference;
mod schema;
mod select;
mod shapes;
mod wiring;

pub use crate::spec::Limits;
pub use comparison::{ComparisonError, add_comparison};
pub use draw::{Format, draw};
pub use expand::{check, plan};
pub use node::{Kin, Node, NodeId, NodeInput, Plan};
pub use schema::schema;
pub use select::{UnknownTarget, stage_in};

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
