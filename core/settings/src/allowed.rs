//! The rules that only settings have: names of plugins, sinks and standards.

use std::collections::BTreeSet;

use fapilog_plugin::{
    name::{NAME_RULE, is_name},
    problem::Problem,
    settings::Allowed,
};

/// Names of plugins: letters, digits, `_` and `-`, each once.
pub(super) struct Names(pub(super) &'static str);

impl<N: Named> Allowed<Vec<N>> for Names {
    fn text(&self) -> String {
        self.0.to_owned()
    }

    fn problems(&self, value: &Vec<N>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut earlier = BTreeSet::new();
        for (index, item) in value.iter().enumerate() {
            let name = item.name();
            let path = format!("[{index}]{}", item.name_path());
            if !is_name(name) {
                problems.push(Problem::new(path, format!("{name:?}"), NAME_RULE));
            } else if !earlier.insert(name) {
                problems.push(Problem::new(path, format!("{name:?}"), "each name can be given once"));
            }
        }
        problems
    }
}

/// An item with a name, in a list of names.
pub(super) trait Named {
    fn name(&self) -> &str;

    /// The place of the name in the item.
    fn name_path(&self) -> &'static str {
        ""
    }
}

impl Named for String {
    fn name(&self) -> &str {
        self
    }
}

impl Named for super::SinkEntry {
    fn name(&self) -> &str {
        &self.name
    }

    fn name_path(&self) -> &'static str {
        if *self == Self::new(self.name.as_str()) { "" } else { ".name" }
    }
}

/// A single name.
pub(super) struct Name(pub(super) &'static str);

impl Allowed<String> for Name {
    fn text(&self) -> String {
        self.0.to_owned()
    }

    fn problems(&self, value: &String) -> Vec<Problem> {
        if is_name(value) { Vec::new() } else { vec![Problem::new("", format!("{value:?}"), NAME_RULE)] }
    }
}
