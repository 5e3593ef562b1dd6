//! Orders steps by what they wait for. Knows nothing of platforms; a cycle is a value, not an error.

use std::collections::BTreeSet;

/// An order of nodes, and the nodes that have none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// Nodes, each after those it waits for; among equals the smallest rank first.
    pub(crate) order: Vec<usize>,
    /// Nodes that wait, over others, for themselves: those that wait for each other together.
    pub(crate) cycles: Vec<Vec<usize>>,
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
    let mut cycles: Vec<Vec<usize>> = Vec::new();
    let mut behind = Vec::new();
    let mut open = left.clone();
    while let Some(node) = open.first().copied() {
        let ahead = reachable(node, after, &left);
        if !ahead.contains(&node) {
            open.remove(&node);
            behind.push(node);
            continue;
        }
        let cycle: Vec<usize> = ahead
            .intersection(&reachable(node, &followers, &left))
            .copied()
            .collect();
        open.retain(|node| !cycle.contains(node));
        cycles.push(cycle);
    }
    Sorted { order, cycles, behind }
}

/// The nodes within `within` that `edges` lead to from `start`; `start` itself only over a circle.
fn reachable<'a, E>(start: usize, edges: &'a [E], within: &BTreeSet<usize>) -> BTreeSet<usize>
where
    &'a E: IntoIterator<Item = &'a usize>,
{
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        let next = edges[node].into_iter().copied().filter(|node| within.contains(node));
        open.extend(next.filter(|node| seen.insert(*node)));
    }
    seen
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
                cycles: vec![vec![0, 1]],
                behind: vec![2]
            }
        );
    }

    #[test]
    fn circles_apart_stay_apart_and_one_may_have_a_single_node() {
        // 0 and 1 wait for each other, 2 for itself and for 1, 3 and 4 for each other, 5 for 3.
        let after = [
            [1].into(),
            [0].into(),
            [1, 2].into(),
            [4].into(),
            [3].into(),
            [3].into(),
        ];
        let sorted = sort(&[0, 1, 2, 3, 4, 5], &after);
        assert_eq!(sorted.order, [] as [usize; 0]);
        assert_eq!(sorted.cycles, [vec![0, 1], vec![2], vec![3, 4]]);
        assert_eq!(sorted.behind, [5]);
    }
}
