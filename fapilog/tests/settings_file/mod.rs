//! Settings files for tests, and the problems of settings.

use std::{fs, path::PathBuf};

use fapilog::settings::SettingsBuilder;
use tempfile::TempDir;

/// A settings file that lives as long as the test.
pub(crate) struct Written {
    _directory: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn written(name: &str, text: &str) -> Written {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    Written { path, _directory: directory }
}

#[track_caller]
pub(crate) fn problems(builder: SettingsBuilder) -> Vec<String> {
    builder.build().unwrap_err().problems.iter().map(ToString::to_string).collect()
}
