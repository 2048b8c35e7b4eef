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
    /// `pipeline/stage` is all rounds in one pipeline. `strategy/stage` is all seeds, `family/stage` all members of an
    /// experiment that are of the same file.
    ///
    /// # Errors
    /// When it means none.
    pub fn find(&self, name: &str) -> Result<Vec<NodeId>, UnknownTarget> {
        let exact = self.iter().find(|(_, node)| names(node).any(|own| own == name));
        if let Some((id, _)) = exact {
            return Ok(vec![id]);
        }
        let (pipeline, stage) = match name.split_once('/') {
            Some((pipeline, stage)) => (Some(pipeline), stage),
            None => (None, name),
        };
        let means = |own: &str| {
            let (of, node) = own.split_once('/').unwrap_or(("", own));
            (node == stage || stage_in(node) == stage) && pipeline.is_none_or(|name| self.is_called(of, name))
        };
        let found = self.iter().filter(|(_, node)| names(node).any(means));
        let found: Vec<NodeId> = found.map(|(id, _)| id).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        Err(UnknownTarget {
            name: name.to_owned(),
            suggestion: suggest(name, self.known(name)),
        })
    }

    /// The names that a name of this form may have been meant to be.
    fn known(&self, name: &str) -> BTreeSet<String> {
        let own = || self.nodes.iter().flat_map(names);
        if !name.contains(['/', '.']) {
            return own().map(|own| stage_in(own).to_owned()).collect();
        }
        let of_family = own().filter_map(|own| {
            let (pipeline, _) = own.split_once('/')?;
            Some(format!("{}/{}", self.family(pipeline), stage_in(own)))
        });
        own().map(str::to_owned).chain(of_family).collect()
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
        Ok(self.part(&wanted, self.pipelines.clone()))
    }

    /// The part of the plan that these pipelines have, each stage with its name in the whole.
    #[must_use]
    pub fn of_pipelines(&self, pipelines: &[String]) -> Plan {
        let wants = |node: &Node| !node.compares() && node.pipelines.iter().any(|own| pipelines.contains(own));
        // What a node needs is of the same pipeline, so the part is whole.
        let wanted: Vec<bool> = self.nodes.iter().map(wants).collect();
        self.part(&wanted, pipelines.to_vec())
    }

    /// The families of pipelines in the order in which they first appear, with their pipelines.
    #[must_use]
    pub fn families(&self) -> Vec<(&str, Vec<String>)> {
        let mut families: Vec<(&str, Vec<String>)> = Vec::new();
        for pipeline in &self.pipelines {
            let family = self.family(pipeline);
            match families.iter_mut().find(|(name, _)| *name == family) {
                Some((_, own)) => own.push(pipeline.clone()),
                None => families.push((family, vec![pipeline.clone()])),
            }
        }
        families
    }

    /// These nodes, and with each all that it needs.
    fn part(&self, wanted: &[bool], pipelines: Vec<String>) -> Plan {
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
        Plan {
            pipelines,
            kin: self.kin.clone(),
            nodes,
        }
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
