//! A pipeline as a graph: rounds unrolled, guards, the same work only once.
//!
//! Knows the checked pipeline and what kinds say of themselves; not the store, time or executors.

mod node;

pub use node::{Node, NodeId, NodeInput, Plan};
