//! Orders steps by what they wait for. Knows nothing of platforms; a cycle is a value, not an error.

use std::collections::BTreeSet;

/// An order of nodes, and the nodes that have none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// Nodes, each after those it waits for; among equals the smallest rank first.
    pub(crate) order: Vec<usize>,
    /// Nodes that wait, over others, for themselves.
    pub(crate) cyclic: Vec<usize>,
    /// Nodes that wait for a cyclic one.
    pub(crate) behind: Vec<usize>,
}

/// Sorts nodes 0..n; `ranks` breaks ties, `after[i]` are the nodes that node i waits for.
pub(crate) fn sort<R: Ord>(ranks: &[R], after: &[BTreeSet<usize>]) -> Sorted {
    let mut waits: Vec<usize> = after.iter().map(BTreeSet::len).collect();
    let mut followers = vec![Vec::new(); after.len()];
    for (node, predecessors) in after.iter().enumerate() {
        for predecessor in predecessors {
            followers[*predecessor].push(node);
        }
    }
    let mut ready: BTreeSet<(&R, usize)> = waits
        .iter()
        .enumerate()
        .filter(|(_, waits)| **waits == 0)
        .map(|(node, _)| (&ranks[node], node))
        .collect();
    let mut order = Vec::with_capacity(after.len());
    while let Some((_, node)) = ready.pop_first() {
        order.push(node);
        for follower in &followers[node] {
            waits[*follower] -= 1;
            if waits[*follower] == 0 {
                ready.insert((&ranks[*follower], *follower));
            }
        }
    }
    let left: BTreeSet<usize> = waits
        .iter()
        .enumerate()
        .filter(|(_, waits)| **waits > 0)
        .map(|(node, _)| node)
        .collect();
    let (cyclic, behind) = left.iter().partition(|node| reaches_itself(**node, after, &left));
    Sorted { order, cyclic, behind }
}

fn reaches_itself(start: usize, after: &[BTreeSet<usize>], within: &BTreeSet<usize>) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = after[start]
        .iter()
        .copied()
        .filter(|node| within.contains(node))
        .collect();
    while let Some(node) = open.pop() {
        if node == start {
            return true;
        }
        if seen.insert(node) {
            open.extend(after[node].iter().filter(|node| within.contains(node)));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predecessors_come_first_and_ranks_break_ties() {
        let after = [[1].into(), [].into(), [].into(), [0, 2].into()];
        assert_eq!(sort(&["a", "z", "b", "c"], &after).order, [2, 1, 0, 3]);
    }

    #[test]
    fn a_cycle_is_named_and_what_waits_for_it_is_told_apart() {
        let after = [[1].into(), [0].into(), [1].into(), [].into()];
        assert_eq!(
            sort(&[0, 1, 2, 3], &after),
            Sorted {
                order: vec![3],
                cyclic: vec![0, 1],
                behind: vec![2]
            }
        );
    }
}
