//! The layers that settings came from, for the errors that are found later.

use std::sync::Arc;

use fapilog_plugin::problem::Problem;

use crate::{Settings, setting_of, tree::Tree};

/// The settings that were loaded, and their layers. They are no part of a setting's value.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded(Option<Arc<(Tree, Settings)>>);

impl PartialEq for Loaded {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Loaded {
    pub(super) fn new(tree: Tree, settings: &Settings) -> Self {
        Self(Some(Arc::new((tree, settings.clone()))))
    }
}

impl Settings {
    /// Adds to each problem the layer that gave the value, unless the program has changed it since.
    pub(crate) fn attribute(&self, problems: &mut [Problem]) {
        let Some((tree, loaded)) = self.loaded.0.as_deref() else { return };
        let changed = self.differences(loaded);
        for problem in problems.iter_mut().filter(|problem| problem.given_by.is_none()) {
            if !changed.contains(&setting_of(&problem.path)) {
                tree.attribute(problem);
            }
        }
    }

    /// The name of a setting as the user wrote it.
    pub(crate) fn as_written(&self, name: &str) -> String {
        self.loaded.0.as_deref().map_or_else(|| name.to_owned(), |(tree, _)| tree.as_written(name))
    }
}
