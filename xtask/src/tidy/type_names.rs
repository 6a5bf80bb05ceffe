//! Type names: no two types of one name in the workspace.

use std::collections::BTreeMap;

use super::{
    breach::Breach,
    items::{self, Item},
    tree::SourceTree,
};

pub(super) const NAME: &str = "type-names";

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    let mut places: BTreeMap<Box<str>, Vec<(&str, Item)>> = BTreeMap::new();
    for source in &tree.sources {
        for item in items::types(&source.code()) {
            places.entry(item.name.clone()).or_default().push((&source.path, item));
        }
    }
    places.iter().flat_map(|(name, places)| check_name(name, places)).collect()
}

/// Every place but the first is a breach, and so is the first: either may be the one to rename.
fn check_name(name: &str, places: &[(&str, Item)]) -> Vec<Breach> {
    let others = |at: usize| {
        let others = places.iter().enumerate().filter(|(other, _)| *other != at);
        others.map(|(_, (path, item))| format!("{path}:{}", item.line)).collect::<Vec<_>>().join(", ")
    };
    if places.len() < 2 || are_variants(places) {
        return Vec::new();
    }
    let breach = |(at, (path, item)): (usize, &(&str, Item))| Breach {
        file: (*path).to_owned(),
        line: item.line,
        rule: NAME,
        message: format!("another type has the name `{name}`: {}", others(at)),
    };
    places.iter().enumerate().map(breach).collect()
}

/// A type with a variant for each build: all in one file, all under a `cfg`.
fn are_variants(places: &[(&str, Item)]) -> bool {
    let first = places.first().map(|(path, _)| *path);
    places.iter().all(|(path, item)| item.is_conditional && Some(*path) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(files: &[(&str, &str)]) -> Vec<(String, String)> {
        check(&SourceTree::of(files)).into_iter().map(|breach| (breach.file, breach.message)).collect()
    }

    #[test]
    fn two_types_of_one_name_are_a_breach_at_both_places() {
        let found = breaches(&[("ring/src/a.rs", "struct State;"), ("core/src/b.rs", "\nenum State {}")]);
        let message = |place| format!("another type has the name `State`: {place}");
        let expected = [("ring/src/a.rs", message("core/src/b.rs:2")), ("core/src/b.rs", message("ring/src/a.rs:1"))];
        assert_eq!(found, expected.map(|(file, message)| (file.to_owned(), message)));
    }

    #[test]
    fn names_of_their_own_are_clean() {
        assert!(breaches(&[("ring/src/a.rs", "struct RingState; struct LaneState;")]).is_empty());
    }

    #[test]
    fn test_code_may_reuse_a_name() {
        let test = "#[cfg(test)] mod tests { struct State; }";
        assert!(
            breaches(&[
                ("ring/src/a.rs", "struct State;"),
                ("ring/src/b.rs", test),
                ("ring/tests/c.rs", "struct State;")
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_type_with_two_variants_by_cfg_is_one_type() {
        assert!(breaches(&[("ring/src/a.rs", "#[cfg(a)] struct State; #[cfg(not(a))] struct State(u8);")]).is_empty());
    }
}
