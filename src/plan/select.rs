//! A part of a plan: some stages and what they need.

use std::collections::BTreeSet;

use super::{Node, NodeId, Plan};
use crate::spec::suggest;

/// A name that no stage of the plan has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no stage of the plan is called `{name}`")]
pub struct UnknownTarget {
    /// The name.
    pub name: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Plan {
    /// The nodes that a name means: a node's own name or alias, or a stage's name for all of its rounds and pipelines;
    /// `pipeline/stage` is all rounds in one pipeline.
    ///
    /// # Errors
    /// When it means none.
    pub fn find(&self, name: &str) -> Result<Vec<NodeId>, UnknownTarget> {
        let exact = self.iter().find(|(_, node)| names(node).any(|own| own == name));
        if let Some((id, _)) = exact {
            return Ok(vec![id]);
        }
        let means = |node: &Node| names(node).any(|own| stage_in_pipeline(own) == name || stage_in(own) == name);
        let found: Vec<NodeId> = self.iter().filter(|(_, node)| means(node)).map(|(id, _)| id).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let own: BTreeSet<String> = self.nodes.iter().flat_map(names).map(str::to_owned).collect();
        let stages = self.nodes.iter().flat_map(names).map(|own| stage_in(own).to_owned());
        let known: BTreeSet<String> = if name.contains(['/', '.']) {
            own
        } else {
            stages.collect()
        };
        Err(UnknownTarget {
            name: name.to_owned(),
            suggestion: suggest(name, known),
        })
    }

    /// The plan of these targets and all that they need; a name means what [`Plan::find`] finds. Node ids are new.
    ///
    /// # Errors
    /// One for each name that means nothing.
    pub fn only(&self, targets: &[String]) -> Result<Plan, Vec<UnknownTarget>> {
        let mut wanted = vec![false; self.nodes.len()];
        let mut unknown = Vec::new();
        for target in targets {
            match self.find(target) {
                Ok(found) => found.iter().for_each(|id| wanted[id.0] = true),
                Err(error) => unknown.push(error),
            }
        }
        if !unknown.is_empty() {
            return Err(unknown);
        }
        // What a node needs stands before it, so one pass from the end finds everything.
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if wanted[index] {
                node.needs().for_each(|need| wanted[need.0] = true);
            }
        }
        let mut moved = vec![NodeId(0); self.nodes.len()];
        let mut nodes: Vec<Node> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate().filter(|(index, _)| wanted[*index]) {
            moved[index] = NodeId(nodes.len());
            let mut node = node.clone();
            node.inputs
                .values_mut()
                .flatten()
                .for_each(|input| input.node = moved[input.node.0]);
            node.guard = node.guard.map(|guard| moved[guard.0]);
            nodes.push(node);
        }
        Ok(Plan {
            pipelines: self.pipelines.clone(),
            nodes,
        })
    }
}

fn names(node: &Node) -> impl Iterator<Item = &str> {
    std::iter::once(&node.name).chain(&node.aliases).map(String::as_str)
}

/// A stage's own name in the name of a node: `merge` of `topk_v3/round-3.merge`.
#[must_use]
pub fn stage_in(name: &str) -> &str {
    let own = name.split_once('/').map_or(name, |(_, own)| own);
    match own.strip_prefix("round-").and_then(|rest| rest.split_once('.')) {
        Some((_, stage)) => stage,
        None => own,
    }
}

/// `topk_v3/merge` of `topk_v3/round-3.merge`.
fn stage_in_pipeline(name: &str) -> String {
    match name.split_once('/') {
        Some((pipeline, _)) => format!("{pipeline}/{}", stage_in(name)),
        None => stage_in(name).to_owned(),
    }
}
