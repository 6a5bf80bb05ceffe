//! The tree against a naive one, which follows the text of RFC 6962 word by word.

use proptest::prelude::*;

use super::*;

fn naive_root(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
        }
    }
}

fn leaves(count: usize) -> Vec<TreeHash> {
    (0..count).map(|index| leaf_hash(&index.to_le_bytes())).collect()
}

fn unhex(text: &str) -> TreeHash {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

#[test]
fn roots_are_those_of_the_reference_vectors_of_certificate_transparency() {
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let hashes: Vec<TreeHash> = inputs.iter().map(|input| leaf_hash(input)).collect();
    let root_1 = unhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    let root_2 = unhex("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    let root_8 = unhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    assert_eq!((root_of(&hashes[..1]), root_of(&hashes[..2]), root_of(&hashes)), (root_1, root_2, root_8));
    let empty = unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(empty_root(), empty);
}

#[test]
fn a_frontier_has_a_hash_for_each_bit_of_its_size() {
    assert!(TreeFrontier::from_subtrees(13, leaves(3)).is_some());
    assert!(TreeFrontier::from_subtrees(13, leaves(4)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_root_is_that_of_the_naive_tree(count in 0usize..300) {
        let leaves = leaves(count);
        prop_assert_eq!(root_of(&leaves), naive_root(&leaves));
    }

    #[test]
    fn a_leaf_is_included_at_its_place_and_at_no_other(count in 1usize..200, index: prop::sample::Index, other: prop::sample::Index) {
        let leaves = leaves(count);
        let (index, other) = (index.index(count), other.index(count));
        let path = inclusion_path(&leaves, index).unwrap();
        let root = naive_root(&leaves);
        prop_assert!(verify_inclusion(leaves[index], index as u64, count as u64, &path, &root));
        prop_assert_eq!(verify_inclusion(leaves[other], other as u64, count as u64, &path, &root), index == other);
        prop_assert!(!verify_inclusion(leaves[index], index as u64, count as u64, &path, &empty_root()));
        prop_assert!(inclusion_path(&leaves, count).is_none());
    }

    #[test]
    fn a_tree_is_consistent_with_its_beginnings_and_with_nothing_else(count in 1usize..200, old: prop::sample::Index, flip: prop::sample::Index) {
        let mut leaves = leaves(count);
        let old = old.index(count + 1);
        let path = consistency_path(&leaves, old).unwrap();
        let (old_root, root) = (naive_root(&leaves[..old]), naive_root(&leaves));
        prop_assert!(verify_consistency(old as u64, count as u64, &path, &old_root, &root));
        if old > 0 {
            leaves[flip.index(old)][0] ^= 1;
            let forged = naive_root(&leaves[..old]);
            prop_assert!(!verify_consistency(old as u64, count as u64, &path, &forged, &root));
        }
    }
}
