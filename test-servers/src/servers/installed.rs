//! Programs of servers, where they are installed.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

use super::{NeededFile, ServerDefinition, ServerProgram};

/// Debian has programs of servers outside of a user's `PATH`.
const SYSTEM_FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/postgresql/*/bin"];

/// The reason why a server is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingServer {
    /// The server's name.
    pub name: &'static str,
    /// The reason, with what to do about it.
    pub reason: String,
    /// Whether its registry has no such package: no test fails for it.
    pub is_unavailable: bool,
}

/// The folder that `cargo xtask servers install` writes to: `TEST_SERVERS_FOLDER`, or `servers` in the target directory.
#[must_use]
pub fn folder() -> PathBuf {
    env::var_os("TEST_SERVERS_FOLDER").map_or_else(|| target().join("servers"), |folder| root().join(folder))
}

/// The target directory of the workspace.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The folder of the workspace. The variables may have paths below it.
fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// The folder with a file for each skipped test: `SERVER TEST`.
#[must_use]
pub fn skipped_folder() -> PathBuf {
    target().join("conformance/skipped")
}

impl NeededFile {
    /// Whether the file is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        expand(Path::new(self.path)).iter().any(|path| path.is_file())
    }
}

impl ServerDefinition {
    /// Its program.
    pub fn find(&self) -> Result<PathBuf, MissingServer> {
        let found = match self.program {
            ServerProgram::System(name) => find_in(&system_folders(), name),
            ServerProgram::PythonScript(name) => find_in(&[folder().join("python/bin")], name),
            ServerProgram::PythonFile(path) => find_in(&expand(&folder().join("python/lib/*/site-packages")), path),
            ServerProgram::NodeFile(path) => find_in(&[folder().join("node/node_modules")], path),
        };
        found.filter(|_| self.needs.iter().all(NeededFile::is_there)).ok_or_else(|| self.missing())
    }

    fn missing(&self) -> MissingServer {
        match fs::read_to_string(self.unavailable_marker()) {
            Ok(reason) => MissingServer { name: self.name, reason: reason.trim().to_owned(), is_unavailable: true },
            Err(_) => {
                let reason = format!("not installed: `cargo xtask servers install {}` installs it", self.name);
                MissingServer { name: self.name, reason, is_unavailable: false }
            }
        }
    }

    /// A file that states why the server's registry has no package of it. `cargo xtask servers install` writes and removes it.
    #[must_use]
    pub fn unavailable_marker(&self) -> PathBuf {
        folder().join("unavailable").join(self.name)
    }

    /// Its program, or a skip of the test that asks: it is printed, and counted in `target/conformance/skipped`.
    ///
    /// Panics where `NO_SKIPPED_TESTS` is set, unless its registry has no such package.
    #[must_use]
    pub fn find_or_skip(&self) -> Option<PathBuf> {
        let missing = match self.find() {
            Ok(program) => return Some(program),
            Err(missing) => missing,
        };
        let may_skip = missing.is_unavailable || env::var_os("NO_SKIPPED_TESTS").is_none();
        assert!(may_skip, "{}: {}", missing.name, missing.reason);
        let test = thread::current().name().unwrap_or("a test").to_owned();
        // Not through the printing of tests, which shows it only where they fail.
        let _ = writeln!(io::stderr(), "skipped: {test}: {}: {}", missing.name, missing.reason);
        let _ = count_skip(&test, &missing);
        None
    }
}

fn count_skip(test: &str, missing: &MissingServer) -> io::Result<()> {
    let skipped = skipped_folder();
    fs::create_dir_all(&skipped)?;
    fs::write(skipped.join(format!("{} {}", missing.name, test.replace("::", "."))), &missing.reason)
}

fn system_folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = SYSTEM_FOLDERS.iter().flat_map(|folder| expand(Path::new(folder)));
    env::split_paths(&path).chain(more).collect()
}

fn find_in(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The paths that a path with a single `*` stands for, the last by name first.
fn expand(path: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for part in path.components() {
        if part.as_os_str() == "*" {
            paths = paths.iter().flat_map(|path| entries(path)).collect();
        } else {
            paths.iter_mut().for_each(|path| path.push(part));
        }
    }
    paths
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    entries.sort_by(|one, other| other.cmp(one));
    entries
}
