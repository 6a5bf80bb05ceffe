//! The conformance matrix: a page made of the results of tests.

mod page;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

use fapilog_test_servers::Conformance;

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
        let results = Conformance::read(&Conformance::folder())?;
        if results.is_empty() {
            return Ok(Some("there are no results: `cargo xtask test` writes them".to_owned()));
        }
        fs::write(&path, page::render(&results))?;
        writeln!(screen, "{} results are in {}", results.len(), path.display())?;
        Ok(None)
    })
}

pub(crate) fn check_step(workspace: &Workspace) -> ChoreStep {
    let path = workspace.root().join(PAGE);
    ChoreStep::check("conformance matrix", move |screen| check(&path, screen))
}

fn check(path: &PathBuf, screen: &mut dyn Write) -> io::Result<Option<String>> {
    let results = Conformance::read(&Conformance::folder())?;
    let committed = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let skipped = servers::skipped_tests();
    writeln!(screen, "{} results, {} tests skipped for want of a server", results.len(), skipped.len())?;
    skipped.iter().try_for_each(|test| writeln!(screen, "skipped: {test}"))?;
    if results.is_empty() && committed.is_empty() {
        return Ok(None);
    }
    // A server that its registry no longer has leaves no results: its rows stay as they are.
    let skipped_servers: Vec<&str> = skipped.iter().filter_map(|test| test.split(' ').next()).collect();
    let differences = page::differences(&committed, &page::render(&results), &skipped_servers);
    differences.iter().try_for_each(|line| writeln!(screen, "{line}"))?;
    let complaint = || format!("{PAGE} is not as the tests found; `cargo xtask conformance` writes it");
    Ok((!differences.is_empty()).then(complaint))
}
