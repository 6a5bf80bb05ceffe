//! The conformance matrix: a page made of the results of tests.

mod page;

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use fapilog_test_servers::{Conformance, ConformanceResult};

use crate::{arguments::ArgumentError, servers, step::ChoreStep, workspace::Workspace};

/// The arguments and their meanings.
pub(crate) const USAGE: &[(&str, &str)] = &[("--check", "fails if the page is not as it would be written")];

const PAGE: &str = "docs/conformance.md";

pub(crate) fn steps(workspace: &Workspace, arguments: &[&str]) -> Result<Vec<ChoreStep>, ArgumentError> {
    match arguments {
        [] => Ok(vec![write_step(workspace)]),
        ["--check"] => Ok(vec![check_step(workspace)]),
        ["--check", ..] => Err(ArgumentError::Repeated { name: "--check" }),
        [given, ..] => Err(ArgumentError::Unknown { given: (*given).to_owned(), allowed: "`--check`" }),
    }
}

/// Removes the results of earlier runs.
pub(crate) fn clear_step() -> ChoreStep {
    ChoreStep::check("earlier results of conformance", |screen| {
        for folder in [Conformance::folder(), fapilog_test_servers::servers::skipped_folder()] {
            match fs::remove_dir_all(&folder) {
                Ok(()) => writeln!(screen, "{} is removed", folder.display())?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Ok(Some(format!("{} cannot be removed: {error}", folder.display()))),
            }
        }
        Ok(None)
    })
}

fn write_step(workspace: &Workspace) -> ChoreStep {
    let path = workspace.root().join(PAGE);
    ChoreStep::check("conformance matrix", move |screen| {
        let found = FoundResults::read(&path)?;
        found.show(screen)?;
        if found.results.is_empty() {
            return Ok(Some("there are no results: `cargo xtask test` writes them".to_owned()));
        }
        fs::write(&path, found.page())?;
        writeln!(screen, "{} is written", path.display())?;
        Ok(None)
    })
}

pub(crate) fn check_step(workspace: &Workspace) -> ChoreStep {
    let path = workspace.root().join(PAGE);
    ChoreStep::check("conformance matrix", move |screen| check(&path, screen))
}

fn check(path: &Path, screen: &mut dyn Write) -> io::Result<Option<String>> {
    let found = FoundResults::read(path)?;
    found.show(screen)?;
    if found.results.is_empty() && found.committed.is_empty() {
        return Ok(None);
    }
    let differences = page::differences(&found.committed, &found.page());
    differences.iter().try_for_each(|line| writeln!(screen, "{line}"))?;
    let complaint = || format!("{PAGE} is not as the tests found; `cargo xtask conformance` writes it");
    Ok((!differences.is_empty()).then(complaint))
}

/// The results of a run of tests, and the page as it is.
struct FoundResults {
    results: Vec<ConformanceResult>,
    skipped_tests: Vec<String>,
    committed: String,
}

impl FoundResults {
    fn read(page: &Path) -> io::Result<Self> {
        let committed = match fs::read_to_string(page) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let results = Conformance::read(&Conformance::folder())?;
        Ok(Self { results, skipped_tests: servers::skipped_tests(), committed })
    }

    fn show(&self, screen: &mut dyn Write) -> io::Result<()> {
        let skipped = self.skipped_tests.len();
        writeln!(screen, "{} results, {skipped} tests skipped for want of a server", self.results.len())?;
        self.skipped_tests.iter().try_for_each(|test| writeln!(screen, "skipped: {test}"))
    }

    fn page(&self) -> String {
        let servers: Vec<&str> = self.skipped_tests.iter().filter_map(|test| test.split(' ').next()).collect();
        page::render(&self.results, &self.committed, &servers)
    }
}
