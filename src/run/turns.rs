//! Whose turn it is: the nodes of a plan in its order, each when all that it depends on has ended.

use std::collections::BTreeSet;

use super::task::Task;
use crate::plan::NodeId;

/// The nodes whose turn has come, and what the others wait for. As long as nobody is put off, the order is the plan's.
#[derive(Debug)]
pub(super) struct Turns {
    ready: BTreeSet<usize>,
    /// How many each node waits for.
    open: Vec<usize>,
    behind: Vec<Vec<usize>>,
}

impl Turns {
    pub(super) fn of(tasks: &[Task]) -> Self {
        let mut turns = Self {
            ready: BTreeSet::new(),
            open: vec![0; tasks.len()],
            behind: vec![Vec::new(); tasks.len()],
        };
        for (at, task) in tasks.iter().enumerate() {
            let before = task.dependencies();
            turns.open[at] = before.len();
            before.iter().for_each(|node| turns.behind[node.0].push(at));
            if before.is_empty() {
                turns.ready.insert(at);
            }
        }
        turns
    }

    /// The next one; none if all that is left waits for somebody.
    pub(super) fn next(&mut self) -> Option<NodeId> {
        self.ready.pop_first().map(NodeId)
    }

    /// Nobody has to wait for this one any more.
    pub(super) fn end(&mut self, node: NodeId) {
        for at in std::mem::take(&mut self.behind[node.0]) {
            self.open[at] -= 1;
            if self.open[at] == 0 {
                self.ready.insert(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{World, make, plan};
    use super::*;
    use crate::run::task::tasks;

    #[test]
    fn the_order_is_the_plans_and_whoever_is_put_off_keeps_only_those_behind_it() {
        let plan = plan([make("a", &[]), make("b", &[]), make("c", &[0, 0]), make("d", &[1, 2])]);
        let tasks = tasks(&plan, &World::new().registry).unwrap();
        let mut turns = Turns::of(&tasks);
        let mut order = Vec::new();
        while let Some(node) = turns.next() {
            order.push(node.0);
            turns.end(node);
        }
        assert_eq!(order, [0, 1, 2, 3]);
        let mut turns = Turns::of(&tasks);
        assert_eq!(
            (turns.next(), turns.next(), turns.next()),
            (Some(NodeId(0)), Some(NodeId(1)), None)
        );
        turns.end(NodeId(1));
        assert_eq!(turns.next(), None);
        turns.end(NodeId(0));
        assert_eq!((turns.next(), turns.next()), (Some(NodeId(2)), None));
    }
}
