//! Everything that the rules read: the sources, the pages and the crates.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    error::TreeError,
    items::{self, TestCode},
    lexer::{Token, lex},
    packages::{self, Package},
};
use crate::workspace::Workspace;

/// The folders of the library: the code that runs in a user's process.
const LIBRARY: &[&str] = &["ring/", "core/", "sinks/", "integrations/", "plugins/", "fapilog/"];

/// The tree as it is on disk.
#[derive(Debug, Default)]
pub(crate) struct SourceTree {
    pub(crate) sources: Vec<SourceFile>,
    pub(crate) pages: Vec<MarkdownFile>,
    pub(crate) packages: Vec<Package>,
}

/// A Rust file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// The path below the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) tokens: Vec<Token>,
    is_test: bool,
    test_code: TestCode,
}

/// A Markdown file.
#[derive(Debug)]
pub(crate) struct MarkdownFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceTree {
    /// Reads all files that git tracks or would track.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, TreeError> {
        let root = workspace.root();
        let mut git = Command::new("git");
        git.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let mut files = Vec::new();
        for path in output_of("git", git)?.lines().filter(|path| path.ends_with(".rs") || path.ends_with(".md")) {
            files.extend(read_file(root, path)?.map(|text| (path.to_owned(), text)));
        }
        let metadata = output_of("cargo", workspace.cargo("metadata --format-version 1 --no-deps"))?;
        let mut packages =
            packages::packages(&metadata, root).map_err(|source| TreeError::Output { program: "cargo", source })?;
        for package in &mut packages {
            package.text = read_file(root, &package.manifest)?.unwrap_or_default();
        }
        Ok(Self::new(files, packages))
    }

    fn new(files: Vec<(String, String)>, packages: Vec<Package>) -> Self {
        let mut tree = Self { packages, ..Self::default() };
        for (path, text) in files {
            if path.ends_with(".md") {
                tree.pages.push(MarkdownFile { path, text });
            } else {
                tree.sources.push(SourceFile::new(path, &text));
            }
        }
        tree.mark_test_modules();
        tree
    }

    /// A file is test code, too, if the module that declares it is, or declares it under `#[cfg(test)]`.
    fn mark_test_modules(&mut self) {
        let modules: Vec<String> = self.sources.iter().flat_map(SourceFile::test_modules).collect();
        for source in &mut self.sources {
            let is_below = |module: &String| {
                source.path.strip_prefix(module.as_str()).is_some_and(|tail| tail == ".rs" || tail.starts_with('/'))
            };
            source.is_test |= modules.iter().any(is_below);
        }
    }

    /// Sources of the library, without tests, examples and benchmarks.
    pub(crate) fn library(&self) -> impl Iterator<Item = &SourceFile> {
        self.sources.iter().filter(|source| source.is_library())
    }
}

impl SourceFile {
    fn new(path: String, text: &str) -> Self {
        let tokens = lex(text);
        let code: Vec<Token> = tokens.iter().filter(|token| !token.is_comment()).cloned().collect();
        // The first part is a crate's folder, or one of crates: `examples/plugin` is a crate.
        let is_test = path.split('/').skip(1).any(|part| matches!(part, "tests" | "examples" | "benches" | "tests.rs"));
        Self { is_test, test_code: items::test_code(&code), tokens, path }
    }

    fn is_library(&self) -> bool {
        let is_room = LIBRARY.iter().any(|room| self.path.starts_with(room));
        is_room && self.path.contains("/src/") && !self.is_test
    }

    /// The tokens without comments, and without test code.
    pub(crate) fn code(&self) -> Vec<Token> {
        if self.is_test {
            return Vec::new();
        }
        let code = self.all_code();
        let is_kept = |at: usize| !self.test_code.tokens.iter().any(|range| range.contains(&at));
        code.into_iter().enumerate().filter(|(at, _)| is_kept(*at)).map(|(_, token)| token).collect()
    }

    /// The tokens without comments.
    pub(crate) fn all_code(&self) -> Vec<Token> {
        self.tokens.iter().filter(|token| !token.is_comment()).cloned().collect()
    }

    /// The places of the test modules that this file declares, without `.rs`: `core/src/record/tests`.
    fn test_modules(&self) -> impl Iterator<Item = String> {
        let folder = self.path.strip_suffix("/mod.rs").or_else(|| self.path.strip_suffix("/lib.rs"));
        let folder = folder.unwrap_or_else(|| self.path.trim_end_matches(".rs"));
        self.test_code.modules.iter().map(move |name| format!("{folder}/{name}"))
    }
}

#[cfg(test)]
impl SourceTree {
    /// A tree of the given files.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect(), Vec::new())
    }

    /// A tree without files.
    pub(crate) fn of_packages(packages: Vec<Package>) -> Self {
        Self::new(Vec::new(), packages)
    }
}

/// A file's text. `None` for a file that was deleted but is still tracked.
fn read_file(root: &Path, path: &str) -> Result<Option<String>, TreeError> {
    let path: PathBuf = root.join(path);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TreeError::File { path, source }),
    }
}

fn output_of(program: &'static str, mut command: Command) -> Result<String, TreeError> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|source| TreeError::NotStarted { program, source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(TreeError::Failed { program })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_this_workspace_can_be_read() {
        let tree = SourceTree::read(&Workspace::of_this_crate()).unwrap();
        assert!(tree.sources.iter().any(|source| source.path == "xtask/src/tidy/tree.rs"));
        assert!(tree.pages.iter().any(|page| page.path == "README.md"));
        assert!(tree.packages.iter().any(|package| package.name == "xtask"));
    }

    #[test]
    fn a_module_under_cfg_test_makes_its_files_test_code() {
        let tree = SourceTree::of(&[
            ("ring/src/a.rs", "#[cfg(test)]\nmod checks;\nmod b;"),
            ("ring/src/a/checks.rs", "struct C;"),
            ("ring/src/a/b.rs", "struct D;"),
        ]);
        let library: Vec<&str> = tree.library().map(|source| source.path.as_str()).collect();
        assert_eq!(library, ["ring/src/a.rs", "ring/src/a/b.rs"]);
    }

    #[test]
    fn a_crate_below_examples_is_no_test_code() {
        let tree =
            SourceTree::of(&[("examples/plugin/src/lib.rs", "struct A;"), ("fapilog/examples/b.rs", "struct B;")]);
        let code: Vec<bool> = tree.sources.iter().map(|source| source.code().is_empty()).collect();
        assert_eq!(code, [false, true]);
    }

    #[test]
    fn tests_examples_and_tools_are_not_of_the_library() {
        let files = ["ring/tests/a.rs", "fapilog/examples/b.rs", "xtask/src/c.rs", "ring/src/d/tests.rs"];
        let tree = SourceTree::of(&files.map(|path| (path, "")));
        assert_eq!(tree.library().count(), 0);
    }
}
