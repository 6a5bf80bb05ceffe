//! The Merkle tree of RFC 6962, section 2.1, by SHA-256.

mod partial;

pub(crate) use self::partial::PartialTree;
use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type TreeHash = [u8; 32];

/// The hash of a leaf: SHA-256 of `0x00` and its bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> TreeHash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

/// The hash of a node: SHA-256 of `0x01` and its two children.
#[must_use]
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> TreeHash {
    Sha256::digest([]).into()
}

/// A tree that grows: its size, and the roots of its complete subtrees, the largest first.
///
/// A tree of 13 leaves has subtrees of 8, 4 and 1 leaves: a hash for each bit of its size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TreeFrontier {
    size: u64,
    subtrees: Vec<TreeHash>,
}

impl TreeFrontier {
    /// The frontier of these subtrees; `None` if their number does not fit the size.
    #[must_use]
    pub fn from_subtrees(size: u64, subtrees: Vec<TreeHash>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest first.
    #[must_use]
    pub fn subtrees(&self) -> &[TreeHash] {
        &self.subtrees
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        // Each set bit at the end of the size is a subtree that the new one completes.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(smallest) = subtrees.next() else { return empty_root() };
        subtrees.fold(*smallest, |right, left| node_hash(left, &right))
    }
}

/// The root of these leaves.
#[must_use]
pub fn root_of(leaves: &[TreeHash]) -> TreeHash {
    let mut tree = TreeFrontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// The hashes that lead from a leaf to the root, its sibling first; `None` if there is no such leaf.
#[must_use]
pub fn inclusion_path(leaves: &[TreeHash], index: usize) -> Option<Vec<TreeHash>> {
    PartialTree::new(TreeFrontier::default(), leaves).inclusion_path(index as u64)
}

/// Whether the path leads from the leaf to the root of a tree of this size.
#[must_use]
pub fn verify_inclusion(leaf: TreeHash, index: u64, size: u64, path: &[TreeHash], root: &TreeHash) -> bool {
    if index >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// The hashes by which the root of the first `old_size` leaves and the root of all are recomputed; `None` if there are fewer leaves.
#[must_use]
pub fn consistency_path(leaves: &[TreeHash], old_size: usize) -> Option<Vec<TreeHash>> {
    PartialTree::new(TreeFrontier::default(), leaves).consistency_path(old_size as u64)
}

/// Whether the path proves that the tree of `new_size` leaves begins with the tree of `old_size` leaves.
#[must_use]
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    path: &[TreeHash],
    old_root: &TreeHash,
    new_root: &TreeHash,
) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    let mut hashes = path.iter();
    let first = if old_size.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return false };
    let (mut place, mut last) = (old_size - 1, new_size - 1);
    while place & 1 == 1 {
        (place, last) = (place >> 1, last >> 1);
    }
    let (mut old, mut new) = (*first, *first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            (old, new) = (node_hash(hash, &old), node_hash(hash, &new));
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            new = node_hash(&new, hash);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    last == 0 && old == *old_root && new == *new_root
}

#[cfg(test)]
mod tests;
