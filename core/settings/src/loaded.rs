//! The layers that settings came from, for the errors that are found later.

use std::sync::Arc;

use fapilog_plugin::problem::Problem;

use crate::{Settings, setting_of, tree::Tree};

/// The settings that were loaded, and their layers. They are no part of a setting's value.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded(Option<Arc<LoadedLayers>>);

#[derive(Debug)]
struct LoadedLayers {
    tree: Tree,
    settings: Settings,
    /// The prefix of the variables that were read, if any were.
    prefix: Option<String>,
}

impl PartialEq for Loaded {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Loaded {
    pub(super) fn new(tree: Tree, settings: &Settings, prefix: Option<&str>) -> Self {
        Self(Some(Arc::new(LoadedLayers { tree, settings: settings.clone(), prefix: prefix.map(str::to_owned) })))
    }

    /// The prefix of the variables that the settings were read from.
    pub(super) fn prefix(&self) -> Option<&str> {
        self.0.as_deref()?.prefix.as_deref()
    }

    /// Whether any layer names the plugin, sink or formatter.
    pub(super) fn names_plugin(&self, name: &str) -> bool {
        self.0.as_deref().is_some_and(|layers| layers.tree.names_plugin(name))
    }

    /// Whether `RUST_LOG` counted when the settings were loaded.
    pub(super) fn has_rust_log(&self) -> bool {
        self.prefix().is_some() && self.0.as_deref().is_some_and(|layers| layers.settings.rust_log)
    }
}

impl Settings {
    /// Adds to each problem the layer that gave the value, unless the program has changed it since.
    pub(crate) fn attribute(&self, problems: &mut [Problem]) {
        let Some(LoadedLayers { tree, settings, .. }) = self.loaded.0.as_deref() else { return };
        let changed = self.differences(settings);
        for problem in problems.iter_mut().filter(|problem| problem.given_by.is_none()) {
            if !changed.contains(&setting_of(&problem.path)) {
                tree.attribute(problem);
            }
        }
    }

    /// The name of a setting as the user wrote it.
    pub(crate) fn as_written(&self, name: &str) -> String {
        self.loaded.0.as_deref().map_or_else(|| name.to_owned(), |layers| layers.tree.as_written(name))
    }
}
