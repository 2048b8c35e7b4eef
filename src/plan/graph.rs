//! Orders things by what they need, and names the circles that stand in the way. The only file that knows petgraph.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// An order of `0..needs.len()` in which each comes after what it needs; of those that could be next, the smallest is.
///
/// # Errors
/// One circle of each group of things that need each other: `[a, b]` when a needs b and b needs a.
pub(super) fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<Vec<usize>>> {
    let edges = needs
        .iter()
        .enumerate()
        .flat_map(|(to, from)| from.iter().map(move |&from| (from, to)));
    let mut graph = DiGraph::<(), (), usize>::with_capacity(needs.len(), needs.iter().map(Vec::len).sum());
    for _ in needs {
        graph.add_node(());
    }
    for (from, to) in edges {
        graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
    }
    let mut open: Vec<usize> = needs.iter().map(Vec::len).collect();
    let ready = open.iter().enumerate().filter(|(_, open)| **open == 0);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.map(|(index, _)| Reverse(index)).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(next)) = ready.pop() {
        order.push(next);
        for after in graph.neighbors_directed(NodeIndex::new(next), Outgoing) {
            open[after.index()] -= 1;
            if open[after.index()] == 0 {
                ready.push(Reverse(after.index()));
            }
        }
    }
    if order.len() == needs.len() {
        Ok(order)
    } else {
        Err(circles(&graph))
    }
}

fn circles(graph: &DiGraph<(), (), usize>) -> Vec<Vec<usize>> {
    // Not `tarjan_scc`: that one calls itself as deep as the graph is.
    let groups = kosaraju_scc(graph).into_iter();
    let mut found: Vec<Vec<usize>> = groups.filter_map(|group| shortest_circle(graph, &group)).collect();
    found.sort_unstable();
    found
}

/// The shortest circle through the smallest member of a group whose members reach each other.
fn shortest_circle(graph: &DiGraph<(), (), usize>, group: &[NodeIndex<usize>]) -> Option<Vec<usize>> {
    let start = *group.iter().min()?;
    let mut members = vec![false; graph.node_count()];
    group.iter().for_each(|member| members[member.index()] = true);
    let mut reached_from: Vec<Option<NodeIndex<usize>>> = vec![None; graph.node_count()];
    let mut queue = VecDeque::from([start]);
    while let Some(here) = queue.pop_front() {
        for need in graph
            .neighbors_directed(here, Incoming)
            .filter(|need| members[need.index()])
        {
            if need == start {
                let back = std::iter::successors(Some(here), |at| reached_from[at.index()]);
                let mut circle: Vec<usize> = back.map(NodeIndex::index).collect();
                circle.reverse();
                return Some(circle);
            }
            if reached_from[need.index()].is_none() {
                reached_from[need.index()] = Some(here);
                queue.push_back(need);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn each_comes_after_its_needs_and_otherwise_in_the_order_given() {
        assert_eq!(order(&[vec![2], vec![], vec![], vec![0, 1]]), Ok(vec![1, 2, 0, 3]));
        assert_eq!(order(&[vec![1, 1], vec![]]), Ok(vec![1, 0]));
    }

    #[test]
    fn circles_are_named_the_short_way_round() {
        assert_eq!(order(&[vec![0]]), Err(vec![vec![0]]));
        assert_eq!(
            order(&[vec![1, 2], vec![2], vec![0], vec![4], vec![3, 0]]),
            Err(vec![vec![0, 2], vec![3, 4]])
        );
    }

    #[test]
    fn a_long_chain_is_no_deep_recursion() {
        let chain: Vec<Vec<usize>> = (0..200_000)
            .map(|at| if at == 0 { vec![] } else { vec![at - 1] })
            .collect();
        assert_eq!(order(&chain).map(|order| order.len()), Ok(200_000));
        let mut circle = chain;
        circle[0].push(199_999);
        assert_eq!(order(&circle).map_err(|found| found[0].len()), Err(200_000));
    }
}
