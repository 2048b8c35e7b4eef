//! A pipeline as a graph: rounds unrolled, guards, the same work only once.
//!
//! Knows the checked pipeline and what kinds say of themselves; not the store, time or executors.

mod check;
mod draft;
mod expand;
mod graph;
mod node;
mod reference;
mod wiring;

pub use expand::plan;
pub use node::{Node, NodeId, NodeInput, Plan};
