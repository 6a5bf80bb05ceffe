//! A tree of which the first leaves are gone: their complete subtrees are left.

use crate::tree::{TreeFrontier, TreeHash, node_hash, root_of};

/// The complete subtrees of the first leaves, and the leaves behind them.
pub(crate) struct PartialTree<'a> {
    before: TreeFrontier,
    leaves: &'a [TreeHash],
}

impl<'a> PartialTree<'a> {
    pub(crate) fn new(before: TreeFrontier, leaves: &'a [TreeHash]) -> Self {
        Self { before, leaves }
    }

    fn size(&self) -> u64 {
        self.before.size().saturating_add(self.leaves.len() as u64)
    }

    /// The hashes that lead from a leaf to the root, its sibling first; `None` if there is no such leaf.
    pub(crate) fn inclusion_path(&self, index: u64) -> Option<Vec<TreeHash>> {
        if !(self.before.size()..self.size()).contains(&index) {
            return None;
        }
        let mut path = Vec::new();
        let (mut start, mut size) = (0, self.size());
        while size > 1 {
            let left = left_size(size);
            if index < start + left {
                path.push(self.hash(start + left, size - left)?);
                size = left;
            } else {
                path.push(self.hash(start, left)?);
                (start, size) = (start + left, size - left);
            }
        }
        path.reverse();
        Some(path)
    }

    /// The hashes by which the root of the first `old_size` leaves and the root of all are recomputed; `None` if there are fewer leaves,
    /// or if leaves of the older tree are gone that it would need.
    pub(crate) fn consistency_path(&self, old_size: u64) -> Option<Vec<TreeHash>> {
        let mut path = Vec::new();
        if old_size == 0 || old_size >= self.size() {
            return (old_size <= self.size()).then_some(path);
        }
        let (mut start, mut size, mut is_whole) = (0, self.size(), true);
        while old_size < start + size {
            let left = left_size(size);
            if old_size <= start + left {
                path.push(self.hash(start + left, size - left)?);
                size = left;
            } else {
                path.push(self.hash(start, left)?);
                (start, size) = (start + left, size - left);
                is_whole = false;
            }
        }
        if !is_whole {
            path.push(self.hash(start, size)?);
        }
        path.reverse();
        Some(path)
    }

    /// The hash of a subtree of `size` leaves, at least one.
    fn hash(&self, start: u64, size: u64) -> Option<TreeHash> {
        if let Some(index) = start.checked_sub(self.before.size()) {
            let (index, size) = (usize::try_from(index).ok()?, usize::try_from(size).ok()?);
            return self.leaves.get(index..index.checked_add(size)?).map(root_of);
        }
        if let Some(subtree) = self.subtree(start, size) {
            return Some(subtree);
        }
        if size < 2 {
            return None;
        }
        let left = left_size(size);
        Some(node_hash(&self.hash(start, left)?, &self.hash(start + left, size - left)?))
    }

    /// The complete subtree of the first leaves at this place.
    fn subtree(&self, start: u64, size: u64) -> Option<TreeHash> {
        let mut at = 0;
        let sizes = (0..u64::BITS).rev().map(|bit| self.before.size() & (1 << bit)).filter(|size| *size > 0);
        for (of, hash) in sizes.zip(self.before.subtrees()) {
            if (at, of) == (start, size) {
                return Some(*hash);
            }
            at += of;
        }
        None
    }
}

/// The number of leaves in the left subtree: the largest power of two below `size`, which is at least 2.
fn left_size(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{leaf_hash, verify_consistency, verify_inclusion};

    #[test]
    fn paths_without_the_first_leaves_are_those_of_the_whole_tree() {
        let leaves: Vec<TreeHash> = (0..23u8).map(|leaf| leaf_hash(&[leaf])).collect();
        for size in 1..leaves.len() {
            let all = &leaves[..size];
            let whole = PartialTree::new(TreeFrontier::default(), all);
            for gone in 0..size {
                let mut before = TreeFrontier::default();
                all[..gone].iter().for_each(|leaf| before.push(*leaf));
                let partial = PartialTree::new(before, &all[gone..]);
                for (index, leaf) in all.iter().enumerate() {
                    let path = partial.inclusion_path(index as u64);
                    assert_eq!(path, whole.inclusion_path(index as u64).filter(|_| index >= gone));
                    let is_included =
                        |path: Vec<TreeHash>| verify_inclusion(*leaf, index as u64, size as u64, &path, &root_of(all));
                    assert!(path.is_none_or(is_included), "leaf {index} of {size} without {gone}");
                }
                for old in gone..=size {
                    let path = partial.consistency_path(old as u64).unwrap();
                    assert_eq!(Some(&path), whole.consistency_path(old as u64).as_ref(), "{old} of {size}");
                    let roots = (root_of(&all[..old]), root_of(all));
                    assert!(verify_consistency(old as u64, size as u64, &path, &roots.0, &roots.1));
                }
            }
        }
    }
}
