//! The workspace: its folder, and its root manifest.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::error::Unavailable;

/// The workspace that the chores are done in.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace this crate is a member of, from wherever it was called.
    pub(crate) fn of_this_crate() -> Self {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: manifest_dir.parent().unwrap_or(manifest_dir).to_owned() }
    }

    /// The folder of the root manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A call of cargo at the root. The words of `arguments` are separated by spaces.
    pub(crate) fn cargo(&self, arguments: &str) -> Command {
        // Not `$CARGO`, the cargo of one toolchain: only rustup's own takes a `+nightly`.
        let mut command = Command::new("cargo");
        command.current_dir(&self.root).args(arguments.split_whitespace());
        command
    }

    /// A target directory beside the one that cargo uses by default, for builds that would spoil its cache.
    pub(crate) fn target_dir(&self, name: &str) -> PathBuf {
        self.target().join(name)
    }

    /// The target directory that cargo uses by default.
    pub(crate) fn target(&self) -> PathBuf {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        self.root.join(target)
    }

    /// The oldest Rust that the workspace builds with, for example `1.95`.
    pub(crate) fn rust_version(&self) -> Result<String, Unavailable> {
        let path = self.root.join("Cargo.toml");
        match fs::read_to_string(&path) {
            Ok(manifest) => rust_version_in(&manifest).ok_or(Unavailable::RustVersion { path }),
            Err(source) => Err(Unavailable::Manifest { path, source }),
        }
    }
}

fn rust_version_in(manifest: &str) -> Option<String> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("rust-version")?.trim_start().strip_prefix('='))?;
    Some(value.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_manifest_names_a_rust_version() {
        let version = Workspace::of_this_crate().rust_version().unwrap();
        assert!(version.starts_with("1."), "{version}");
    }

    #[test]
    fn the_rust_version_is_the_text_between_the_quotes() {
        let manifest = "[workspace.package]\nedition = \"2024\"\nrust-version = \"1.95\"\n";
        assert_eq!(rust_version_in(manifest).as_deref(), Some("1.95"));
    }

    #[test]
    fn a_manifest_without_a_rust_version_has_none() {
        assert_eq!(rust_version_in("edition = \"2024\"\n"), None);
    }
}
