//! The tree that layers are merged into. Each value knows the layer that gave it.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
    sync::Arc,
};

use fapilog_plugin::{
    problem::Problem,
    settings::{
        invalid::{join, show_at},
        suggestion::suggestion,
    },
};
use serde_json::Value;

use crate::{
    PROBLEMS_MAX, Settings,
    giver::Giver,
    into_builder::{NAME_PLUGINS, formatters_of},
};

/// Values of several layers. A later layer lies above an earlier layer, and tables are merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    root: Nodes,
    /// The settings that were given by another name than their own, with that name: an alias, or a key in a table.
    other_names: BTreeMap<&'static str, &'static str>,
    /// The plugins, sinks and formatters that any layer names, also where a later layer replaces its list.
    named: BTreeSet<String>,
    /// The layers of the tables that hold nothing, by their paths.
    empty: BTreeMap<String, Arc<Giver>>,
}

type Nodes = BTreeMap<String, Node>;

#[derive(Clone)]
enum Node {
    Table(Nodes),
    /// A list is replaced as a whole, so that a single layer gives all of it.
    Leaf {
        value: Value,
        given_by: Arc<Giver>,
    },
}

/// Values are left out: they may be secrets.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(entries) => entries.fmt(f),
            Self::Leaf { given_by, .. } => given_by.fmt(f),
        }
    }
}

impl Tree {
    /// A layer of a table of values. Anything but a table gives nothing.
    pub(super) fn layer(table: Value, given_by: Giver) -> Self {
        let given_by = given_by.into();
        match node(table, &given_by) {
            Node::Table(root) => {
                let mut empty = BTreeMap::new();
                add_empty("", &root, &given_by, &mut empty);
                Self { named: plugins_in(&root), root, other_names: BTreeMap::new(), empty }
            }
            Node::Leaf { .. } => Self::default(),
        }
    }

    /// A layer of a single value, at a path of names.
    pub(super) fn value_at(path: &[String], value: Value, given_by: &str) -> Self {
        let table =
            path.iter().rev().fold(value, |below, name| Value::Object([(name.clone(), below)].into_iter().collect()));
        Self::layer(table, Giver::new(given_by))
    }

    /// This tree below another one.
    pub(super) fn below(mut self, upper: Self) -> Self {
        self.other_names.retain(|name, _| !upper.root.contains_key(*name));
        self.other_names.extend(upper.other_names);
        self.named.extend(upper.named);
        self.empty.extend(upper.empty);
        cover(&mut self.root, upper.root);
        self
    }

    /// The problem of a value that a table of the upper tree replaces, where both are of one layer.
    pub(super) fn replaced_by(&self, upper: &Self) -> Option<Problem> {
        replaced("", &self.root, &upper.root)
    }

    /// The layer with each setting under its own name, in place of an alias or a key in a table. A setting that the layer
    /// gives by two names is a problem, and so is a value in a table that is no setting.
    pub(super) fn by_own_names(mut self) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        for (alias, name) in Settings::ALIASES.iter().copied() {
            if let Some(node) = self.root.remove(alias) {
                problems.extend(self.rename(alias, name, node));
            }
        }
        for table in Settings::tables() {
            match self.root.remove(table) {
                Some(Node::Table(entries)) => {
                    for (key, node) in entries {
                        // The text of a problem takes time by the length of its file.
                        if problems.len() <= PROBLEMS_MAX || keys_of(table).any(|known| known == key) {
                            problems.extend(self.rename_key(table, &key, node));
                        }
                    }
                }
                Some(leaf) => problems.push(no_table(table, &leaf)),
                None => {}
            }
        }
        (self, problems)
    }

    fn rename_key(&mut self, table: &str, key: &str, node: Node) -> Option<Problem> {
        let path = join(table, key);
        match Settings::IN_TABLES.iter().find(|(written, _)| *written == path) {
            Some((written, name)) => self.rename(written, name, node),
            None => Some(unknown_key(table, key, &node)),
        }
    }

    /// Adds a value under the setting's own name. A value that is there stays.
    fn rename(&mut self, written: &'static str, name: &'static str, node: Node) -> Option<Problem> {
        if self.root.contains_key(name) {
            let other = self.other_names.get(name).copied().unwrap_or(name);
            let allowed = format!("{other} is given too, and is the same setting: give only one of them");
            return Some(problem_of(written, &node, allowed));
        }
        self.root.insert(name.to_owned(), node);
        self.other_names.insert(name, written);
        None
    }

    /// The path with the name of the setting as the user wrote it.
    pub(super) fn as_written(&self, path: &str) -> String {
        let (name, below) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
        self.other_names.get(name).map_or_else(|| path.to_owned(), |alias| format!("{alias}{below}"))
    }

    /// Adds to a problem the layer that gave the value, and the name of the setting as the user wrote it.
    pub(super) fn attribute(&self, problem: &mut Problem) {
        if problem.given_by.is_none() {
            problem.given_by = self.given_by(&problem.path).map(Into::into);
            problem.path = self.as_written(&problem.path);
            self.attribute_other(problem);
        }
    }

    /// Adds the layer of the setting that the value does not fit, if another layer gave it.
    fn attribute_other(&self, problem: &mut Problem) {
        let (Some(other), Some(given_by)) = (&problem.beside, &mut problem.given_by) else { return };
        if let Some(by) = self.given_by(other)
            && by != **given_by
        {
            *given_by = format!("{given_by}; {} given by {by}", self.as_written(other)).into();
        }
    }

    /// Whether any layer has a plugin, a sink or a formatter of this name in its lists.
    pub(super) fn names_plugin(&self, name: &str) -> bool {
        self.named.contains(name)
    }

    /// The values without the layers.
    pub(super) fn values(&self) -> Value {
        values(&self.root)
    }

    /// The layer that gave the value at `path`, with the place in a file. Several layers may have a part in a table.
    pub(super) fn given_by(&self, path: &str) -> Option<String> {
        let written = self.as_written(path);
        givers(find(&self.root, path)?, &written).or_else(|| Some(self.empty.get(path)?.at(&written)))
    }
}

/// The value at a path. A name may hold the characters that part a path.
fn find<'t>(table: &'t Nodes, path: &str) -> Option<&'t Node> {
    let mut fitting: Vec<(&Node, &str)> = Vec::new();
    for (name, node) in table {
        match path.strip_prefix(name.as_str()) {
            Some("") => return Some(node),
            Some(below) if below.starts_with(['.', '[']) => fitting.push((node, below)),
            _ => {}
        }
    }
    fitting.into_iter().rev().find_map(|(node, below)| match (node, below.strip_prefix('.')) {
        (Node::Table(entries), Some(below)) => find(entries, below),
        (leaf @ Node::Leaf { .. }, _) => Some(leaf),
        (Node::Table(_), None) => None,
    })
}

fn add_empty(path: &str, table: &Nodes, given_by: &Arc<Giver>, empty: &mut BTreeMap<String, Arc<Giver>>) {
    for (name, node) in table {
        match node {
            Node::Table(below) if below.is_empty() => drop(empty.insert(join(path, name), given_by.clone())),
            Node::Table(below) => add_empty(&join(path, name), below, given_by, empty),
            Node::Leaf { .. } => {}
        }
    }
}

/// The plugins, sinks and formatters that the lists of a layer name.
fn plugins_in(root: &Nodes) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for setting in NAME_PLUGINS {
        for value in values_of(setting, root) {
            add_names(value, &mut named);
        }
    }
    named
}

/// The values of a setting in a layer as it was written: under its own name, an alias, or a key in a table.
fn values_of<'t>(setting: &str, root: &'t Nodes) -> Vec<&'t Value> {
    let other_names = Settings::ALIASES.iter().chain(Settings::IN_TABLES);
    let other_names = other_names.filter(|(_, name)| *name == setting).map(|(written, _)| *written);
    let value = |written| match find(root, written)? {
        Node::Leaf { value, .. } => Some(value),
        Node::Table(_) => None,
    };
    std::iter::once(setting).chain(other_names).filter_map(value).collect()
}

/// A list may be text with commas, and a sink may be a table.
fn add_names(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let names = text.split(',').map(str::trim);
            named.extend(names.flat_map(formatters_of).map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| add_names(item, named)),
        Value::Object(sink) => {
            ["name", "formatter"].iter().filter_map(|key| sink.get(*key)).for_each(|value| add_names(value, named));
        }
        _ => {}
    }
}

/// The keys of a table that are settings.
fn keys_of(table: &str) -> impl Iterator<Item = &'static str> {
    let in_tables = Settings::IN_TABLES.iter().filter_map(|(path, _)| path.split_once('.'));
    in_tables.filter(move |(name, _)| *name == table).map(|(_, key)| key)
}

fn no_table(name: &str, leaf: &Node) -> Problem {
    let keys: Vec<&str> = keys_of(name).collect();
    let mut allowed = format!("it must be a table of {}", keys.join(", "));
    if let Node::Leaf { value: Value::String(text), .. } = leaf
        && text.trim_start().starts_with('{')
        && let Err(error) = serde_json::from_str::<Value>(text)
    {
        allowed.push_str(&format!("; as JSON: {error}"));
    }
    problem_of(name, leaf, allowed)
}

fn unknown_key(table: &str, key: &str, node: &Node) -> Problem {
    let suggestion = suggestion(key, keys_of(table)).map(|known| join(table, &known).into());
    let mut allowed = "there is no such setting".to_owned();
    if suggestion.is_none() {
        let known: Vec<String> = keys_of(table).map(|known| join(table, known)).collect();
        allowed = format!("{allowed}; allowed are {}", known.join(", "));
    }
    let mut problem = problem_of(&join(table, key), node, allowed);
    problem.suggestion = suggestion;
    problem
}

/// The problem of a value that is not left in the tree, so that nothing else knows the layer that gave it.
fn problem_of(path: &str, node: &Node, allowed: String) -> Problem {
    let mut problem = Problem::new(path, shown(path, node), allowed);
    problem.given_by = givers(node, path).map(Into::into);
    problem
}

fn replaced(path: &str, lower: &Nodes, upper: &Nodes) -> Option<Problem> {
    upper.iter().find_map(|(name, above)| {
        let path = join(path, name);
        match (lower.get(name)?, above) {
            (Node::Table(lower), Node::Table(upper)) => replaced(&path, lower, upper),
            (leaf @ Node::Leaf { .. }, Node::Table(_)) => {
                let by = givers(above, &path)?;
                Some(problem_of(&path, leaf, format!("{by} gives a part of it: give only one of them")))
            }
            _ => None,
        }
    })
}

fn cover(lower: &mut Nodes, upper: Nodes) {
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

fn node(value: Value, given_by: &Arc<Giver>) -> Node {
    match value {
        Value::Object(entries) => {
            Node::Table(entries.into_iter().map(|(name, below)| (name, node(below, given_by))).collect())
        }
        value => Node::Leaf { value, given_by: given_by.clone() },
    }
}

fn values(table: &Nodes) -> Value {
    let entries = table.iter().map(|(name, node)| match node {
        Node::Table(below) => (name.clone(), values(below)),
        Node::Leaf { value, .. } => (name.clone(), value.clone()),
    });
    Value::Object(entries.collect())
}

/// The value as an error shows it that names the path.
fn shown(path: &str, node: &Node) -> String {
    match node {
        Node::Table(entries) => show_at(path, &values(entries)),
        Node::Leaf { value, .. } => show_at(path, value),
    }
}

/// The layers of a value, each once, with its place there.
fn givers(node: &Node, path: &str) -> Option<String> {
    let mut givers = Vec::new();
    add_givers(node, &mut givers);
    let names: Vec<String> = givers.into_iter().map(|giver| giver.at(path)).collect();
    if names.is_empty() { None } else { Some(names.join(" and ")) }
}

fn add_givers<'t>(node: &'t Node, givers: &mut Vec<&'t Arc<Giver>>) {
    match node {
        Node::Table(entries) => entries.values().for_each(|below| add_givers(below, givers)),
        Node::Leaf { given_by, .. } if givers.iter().any(|known| Arc::ptr_eq(known, given_by)) => {}
        Node::Leaf { given_by, .. } => givers.push(given_by),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged() -> Tree {
        Tree::layer(json!({ "a": 1, "b": { "c": 2, "d": [3, 4] }, "e": { "f": 5 } }), Giver::new("code"))
            .below(Tree::layer(json!({ "b": { "d": [6] }, "e": 7, "g": {} }), Giver::new("file")))
            .below(Tree::value_at(&["b".to_owned(), "h".to_owned()], json!(8), "variable"))
    }

    #[test]
    fn tables_are_merged_and_all_else_is_replaced() {
        assert_eq!(merged().values(), json!({ "a": 1, "b": { "c": 2, "d": [6], "h": 8 }, "e": 7, "g": {} }));
    }

    #[test]
    fn each_value_knows_its_layer() {
        let tree = merged();
        let givers = ["a", "b.c", "b.d", "b.d[0]", "b.h", "e", "e.f"].map(|path| tree.given_by(path));
        let expected = ["code", "code", "file", "file", "variable", "file", "file"];
        assert_eq!(givers, expected.map(|giver| Some(giver.to_owned())));
        assert_eq!(tree.given_by("b").as_deref(), Some("code and file and variable"));
    }

    #[test]
    fn a_value_that_no_layer_gave_is_given_by_none() {
        let tree = merged();
        assert_eq!(["b.missing", "g.missing", "missing"].map(|path| tree.given_by(path)), [None, None, None]);
    }

    #[test]
    fn a_table_that_holds_nothing_has_its_layer() {
        assert_eq!(merged().given_by("g").as_deref(), Some("file"));
    }

    #[test]
    fn a_name_with_a_dot_has_its_layer() {
        let tree = Tree::layer(json!({ "a": { "b.c": { "d[0]": 1 }, "b": 2 } }), Giver::new("file"));
        assert_eq!(tree.given_by("a.b.c.d[0]").as_deref(), Some("file"));
        assert_eq!(tree.given_by("a.c"), None);
    }

    #[test]
    fn an_alias_is_its_setting_and_an_error_names_what_was_written() {
        let lower = Tree::layer(json!({ "max_workers": 1, "batch_size": 2 }), Giver::new("one")).by_own_names();
        let upper = Tree::layer(json!({ "shards": 3 }), Giver::new("two")).by_own_names();
        assert_eq!((lower.1, upper.1), (Vec::new(), Vec::new()));
        let written = |tree: &Tree| ["shards", "batch_events_max", "level"].map(|name| tree.as_written(name));
        assert_eq!(written(&lower.0), ["max_workers", "batch_size", "level"]);
        let tree = lower.0.below(upper.0);
        assert_eq!(tree.values(), json!({ "shards": 3, "batch_events_max": 2 }));
        assert_eq!(written(&tree), ["shards", "batch_size", "level"]);
        assert_eq!(
            (tree.given_by("shards").as_deref(), tree.given_by("batch_events_max").as_deref()),
            (Some("two"), Some("one"))
        );
    }

    #[test]
    fn a_setting_by_name_and_by_alias_in_a_layer_is_a_problem() {
        let (tree, problems) = Tree::layer(json!({ "max_workers": 1, "shards": 2 }), Giver::new("one")).by_own_names();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected =
            "max_workers is 1; shards is given too, and is the same setting: give only one of them (given by one)";
        assert_eq!((problems, tree.values()), (vec![expected.to_owned()], json!({ "shards": 2 })));
    }

    #[test]
    fn a_table_covers_a_value_and_a_value_covers_a_table() {
        let table = Tree::layer(json!({ "a": { "b": 1 } }), Giver::new("one"));
        let value = Tree::layer(json!({ "a": 2 }), Giver::new("two"));
        assert_eq!(table.clone().below(value.clone()).values(), json!({ "a": 2 }));
        assert_eq!(value.below(table).values(), json!({ "a": { "b": 1 } }));
    }
}
