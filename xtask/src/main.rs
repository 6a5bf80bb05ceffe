//! The project's chores, one sub-command each: `cargo xtask help` lists them.
//!
//! A chore is a list of steps, nearly all of them calls of cargo. All steps run, also after one has failed, and a
//! report closes the run. It needs nothing but a Rust toolchain: its one dependency reads JSON.

mod book;
mod chores;
mod coverage;
mod error;
mod features;
mod report;
mod step;
mod suggest;
mod test_counts;
mod tidy;
mod toolchain;
mod workspace;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    chores::{CHORES, Chore},
    report::Report,
    suggest::suggestion,
    workspace::Workspace,
};

/// The exit status of a program with a wrong command line.
const EXIT_USAGE: u8 = 2;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["help" | "-h" | "--help"] => {
            io::stdout().write_all(help().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        [name] => match CHORES.iter().find(|chore| chore.name == *name) {
            Some(chore) => run(chore),
            None => refuse(&unknown(name)),
        },
        [name, others @ ..] => refuse(&format!("`{name}` takes no arguments, but was given `{}`", others.join(" "))),
    }
}

fn run(chore: &Chore) -> io::Result<ExitCode> {
    let mut report = Report::default();
    for step in (chore.steps)(&Workspace::of_this_crate()) {
        report.add(step.run(&mut io::stdout())?);
    }
    io::stdout().write_all(report.to_string().as_bytes())?;
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn refuse(complaint: &str) -> io::Result<ExitCode> {
    write!(io::stderr(), "error: {complaint}\n\n{}", help())?;
    Ok(ExitCode::from(EXIT_USAGE))
}

fn unknown(name: &str) -> String {
    match suggestion(name, CHORES.iter().map(|chore| chore.name)) {
        Some(near) => format!("there is no sub-command `{name}`; did you mean `{near}`?"),
        None => format!("there is no sub-command `{name}`"),
    }
}

fn help() -> String {
    let chores: String = CHORES.iter().map(|chore| format!("    {:<10}{}\n", chore.name, chore.summary)).collect();
    format!("cargo xtask <sub-command>\n\n{chores}    {:<10}this text\n", "help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_sub_command_is_answered_with_a_suggestion() {
        assert_eq!(unknown("tset"), "there is no sub-command `tset`; did you mean `test`?");
    }

    #[test]
    fn a_name_like_no_other_is_answered_without_a_suggestion() {
        assert_eq!(unknown("deploy"), "there is no sub-command `deploy`");
    }

    #[test]
    fn the_help_text_names_every_sub_command() {
        for chore in CHORES {
            assert!(help().contains(&format!("    {}", chore.name)), "{} is missing", chore.name);
        }
    }
}
