//! The tree that layers are merged into. Each value knows the layer that gave it.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use serde_json::Value;

/// Values of several layers. A later layer covers an earlier one, and tables are merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    root: Table,
}

type Table = BTreeMap<String, Node>;

#[derive(Debug, Clone)]
enum Node {
    Table(Table),
    /// A list is covered as a whole, so that one layer gives all of it.
    Leaf {
        value: Value,
        given_by: Arc<str>,
    },
}

impl Tree {
    /// One layer: a table of values. Anything but a table gives nothing.
    pub(super) fn layer(table: Value, given_by: &str) -> Self {
        match node(table, &given_by.into()) {
            Node::Table(root) => Self { root },
            Node::Leaf { .. } => Self::default(),
        }
    }

    /// One layer of one value, at a path of names.
    pub(super) fn value_at(path: &[String], value: Value, given_by: &str) -> Self {
        let table =
            path.iter().rev().fold(value, |below, name| Value::Object([(name.clone(), below)].into_iter().collect()));
        Self::layer(table, given_by)
    }

    /// This tree below another one.
    pub(super) fn covered_by(mut self, upper: Self) -> Self {
        cover(&mut self.root, upper.root);
        self
    }

    /// The values without the layers.
    pub(super) fn values(&self) -> Value {
        values(&self.root)
    }

    /// The layer that gave the value at `path`, or that gave what is nearest above it.
    pub(super) fn given_by(&self, path: &str) -> Option<&str> {
        let mut steps = path.split(['.', '[']);
        let mut place = self.root.get(steps.next()?)?;
        while let (Node::Table(entries), Some(step)) = (place, steps.next()) {
            match entries.get(step) {
                Some(below) => place = below,
                None => break,
            }
        }
        first_giver(place)
    }
}

fn cover(lower: &mut Table, upper: Table) {
    for (name, node) in upper {
        match (lower.entry(name), node) {
            (Entry::Occupied(mut known), Node::Table(above)) => match known.get_mut() {
                Node::Table(below) => cover(below, above),
                leaf => *leaf = Node::Table(above),
            },
            (Entry::Occupied(mut known), leaf) => *known.get_mut() = leaf,
            (Entry::Vacant(free), node) => {
                free.insert(node);
            }
        }
    }
}

fn node(value: Value, given_by: &Arc<str>) -> Node {
    match value {
        Value::Object(entries) => {
            Node::Table(entries.into_iter().map(|(name, below)| (name, node(below, given_by))).collect())
        }
        value => Node::Leaf { value, given_by: given_by.clone() },
    }
}

fn values(table: &Table) -> Value {
    let entries = table.iter().map(|(name, node)| match node {
        Node::Table(below) => (name.clone(), values(below)),
        Node::Leaf { value, .. } => (name.clone(), value.clone()),
    });
    Value::Object(entries.collect())
}

/// Several layers may have a part in a table: the one that gave its first entry stands for it.
fn first_giver(node: &Node) -> Option<&str> {
    match node {
        Node::Table(entries) => entries.values().find_map(first_giver),
        Node::Leaf { given_by, .. } => Some(given_by),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged() -> Tree {
        Tree::layer(json!({ "a": 1, "b": { "c": 2, "d": [3, 4] }, "e": { "f": 5 } }), "code")
            .covered_by(Tree::layer(json!({ "b": { "d": [6] }, "e": 7, "g": {} }), "file"))
            .covered_by(Tree::value_at(&["b".to_owned(), "h".to_owned()], json!(8), "variable"))
    }

    #[test]
    fn tables_are_merged_and_all_else_is_covered() {
        assert_eq!(merged().values(), json!({ "a": 1, "b": { "c": 2, "d": [6], "h": 8 }, "e": 7, "g": {} }));
    }

    #[test]
    fn each_value_knows_its_layer() {
        let tree = merged();
        let givers = ["a", "b.c", "b.d", "b.d[0]", "b.h", "e", "e.f"].map(|path| tree.given_by(path));
        assert_eq!(givers, ["code", "code", "file", "file", "variable", "file", "file"].map(Some));
    }

    #[test]
    fn a_value_that_no_layer_gave_is_given_by_what_is_above_it_or_nobody() {
        let tree = merged();
        assert_eq!(
            (tree.given_by("b.missing"), tree.given_by("g"), tree.given_by("missing")),
            (Some("code"), None, None)
        );
    }

    #[test]
    fn a_table_covers_a_value_and_a_value_covers_a_table() {
        let table = Tree::layer(json!({ "a": { "b": 1 } }), "one");
        let value = Tree::layer(json!({ "a": 2 }), "two");
        assert_eq!(table.clone().covered_by(value.clone()).values(), json!({ "a": 2 }));
        assert_eq!(value.covered_by(table).values(), json!({ "a": { "b": 1 } }));
    }
}
