//! The project's chores, one sub-command each: `cargo xtask help` lists them.
//!
//! A chore is a list of steps, nearly all of them calls of cargo. All steps run, also after one has failed, some of them side by
//! side, and a report closes the run. It needs nothing but a Rust toolchain.

mod arguments;
mod book;
mod chores;
mod conformance;
mod coverage;
mod disk;
mod error;
mod features;
mod fuzz;
mod lanes;
mod mutants;
mod report;
mod servers;
mod step;
mod suggest;
mod test_counts;
mod test_steps;
mod tidy;
mod toolchain;
mod workspace;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use crate::{
    arguments::ArgumentError,
    chores::{CHORES, Chore, ChoreSteps},
    step::ChoreStep,
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
        [name, arguments @ ..] => match CHORES.iter().find(|chore| chore.name == *name) {
            Some(chore) => match steps_of(chore, arguments) {
                Ok(steps) => run(steps),
                Err(error) => refuse(&format!("`{name}`: {error}")),
            },
            None => refuse(&unknown(name)),
        },
    }
}

fn steps_of(chore: &Chore, arguments: &[&str]) -> Result<Vec<ChoreStep>, ArgumentError> {
    let workspace = Workspace::of_this_crate();
    match (&chore.steps, arguments) {
        (ChoreSteps::Fixed(steps), []) => Ok(steps(&workspace)),
        (ChoreSteps::Fixed(_), [given, ..]) => Err(ArgumentError::Unknown { given: (*given).to_owned(), allowed: "" }),
        (ChoreSteps::Chosen { steps, .. }, arguments) => steps(&workspace, arguments),
    }
}

fn run(steps: Vec<ChoreStep>) -> io::Result<ExitCode> {
    let report = lanes::run_all(steps, &mut io::stdout())?;
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
    let chores: String = CHORES.iter().map(help_on).collect();
    format!("cargo xtask <sub-command>\n\n{chores}    {:<12}this text\n", "help")
}

fn help_on(chore: &Chore) -> String {
    let usage = match chore.steps {
        ChoreSteps::Fixed(_) => &[],
        ChoreSteps::Chosen { usage, .. } => usage,
    };
    let arguments = usage.iter().map(|(argument, meaning)| format!("{:16}{argument:<18}{meaning}\n", ""));
    [format!("    {:<12}{}\n", chore.name, chore.summary)].into_iter().chain(arguments).collect()
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
    fn a_sub_command_without_arguments_refuses_one() {
        let tidy = CHORES.iter().find(|chore| chore.name == "tidy").unwrap();
        let error = steps_of(tidy, &["--fix"]).err().unwrap();
        assert_eq!(error.to_string(), "`--fix` is not allowed; there are no arguments");
    }

    #[test]
    fn the_help_text_names_the_arguments_of_a_sub_command() {
        for argument in ["--shard K/N", "--sample COUNT", "--day YYYY-MM-DD", "--file PATH", "--seconds N"] {
            assert!(help().contains(&format!("                {argument}  ")), "{argument} is missing");
        }
    }

    #[test]
    fn the_help_text_names_every_sub_command() {
        for chore in CHORES {
            assert!(help().contains(&format!("    {}", chore.name)), "{} is missing", chore.name);
        }
    }
}
