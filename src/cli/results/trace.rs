//! The plan with what the store has of it: from a stage to those whose outputs it reads.

use std::path::PathBuf;

use crate::artifact::{read_dataset, read_json};
use crate::detection::Dataset;
use crate::plan::{Node, NodeId, NodeInput, Plan};
use crate::store::{Record, Store};

/// A plan, its records by place, and the store that has the outputs.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Trace<'a> {
    pub(in crate::cli) plan: &'a Plan,
    pub(in crate::cli) records: &'a [Option<&'a Record>],
    pub(in crate::cli) store: &'a Store,
}

impl<'a> Trace<'a> {
    pub(in crate::cli) fn node(&self, id: NodeId) -> &'a Node {
        &self.plan.nodes[id.0]
    }

    pub(in crate::cli) fn record(&self, id: NodeId) -> Option<&'a Record> {
        self.records[id.0]
    }

    /// What comes into a port, with the number of the round where it comes from every round; round 0 otherwise.
    pub(in crate::cli) fn inputs(
        &self,
        node: &'a Node,
        port: &str,
    ) -> impl Iterator<Item = (u32, &'a NodeInput)> + use<'a> {
        let inputs = node.inputs.get(port).into_iter().flatten();
        inputs.map(|input| (input.label.parse().unwrap_or(0), input))
    }

    /// The one node that a port reads.
    pub(in crate::cli) fn source(&self, node: &'a Node, port: &str) -> Option<&'a NodeInput> {
        node.inputs.get(port)?.first()
    }

    /// Where an output can be read; none if it is not made or not good any more.
    pub(in crate::cli) fn view(&self, id: NodeId, output: &str) -> Option<PathBuf> {
        self.store.view(self.record(id)?.outputs.get(output)?).ok()
    }

    pub(in crate::cli) fn dataset(&self, id: NodeId, output: &str) -> Option<Dataset> {
        read_dataset(&self.view(id, output)?).ok()
    }

    pub(in crate::cli) fn json<T: serde::de::DeserializeOwned>(&self, id: NodeId, output: &str) -> Option<T> {
        read_json(&self.view(id, output)?).ok()
    }
}
