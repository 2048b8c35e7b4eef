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
mod select;
mod wiring;

pub use comparison::{ComparisonError, add_comparison};
pub use draw::{Format, draw};
pub use expand::{check, plan};
pub use node::{Kin, Node, NodeId, NodeInput, Plan};
pub use select::UnknownTarget;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
