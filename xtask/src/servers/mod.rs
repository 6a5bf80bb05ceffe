//! The servers that tests run: installed, looked for, and started for a trial.

mod install;
mod trial;

use std::{
    fs,
    io::{self, Write},
};

use fapilog_test_servers::{
    DetachedServer,
    servers::{self, SERVERS, ServerDefinition},
};

use crate::{arguments::ArgumentError, step::ChoreStep};

/// The arguments and their meanings.
pub(crate) const USAGE: &[(&str, &str)] = &[
    ("status", "which are installed, and which run; also without arguments"),
    ("install", "installs those that are missing"),
    ("start", "starts them on loopback, and prints their addresses"),
    ("stop", "stops those that were started"),
    ("NAME...", "behind any of these: only these servers"),
];

const ALLOWED: &str =
    "`status`, `install`, `start` or `stop`, and then names of servers: `cargo xtask servers` lists them";

/// A sub-command of `servers`, and the servers that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ServerAction {
    Status,
    Install,
    Start,
    Stop,
}

pub(crate) fn steps(arguments: &[&str]) -> Result<Vec<ChoreStep>, ArgumentError> {
    let (action, chosen) = read(arguments)?;
    Ok(match action {
        ServerAction::Status => {
            vec![ChoreStep::check("servers", move |screen| status(&chosen, screen).map(|()| None))]
        }
        ServerAction::Install => install::steps(chosen),
        ServerAction::Start => chosen.into_iter().map(trial::start_step).collect(),
        ServerAction::Stop => chosen.into_iter().map(trial::stop_step).collect(),
    })
}

fn read(arguments: &[&str]) -> Result<(ServerAction, Vec<&'static ServerDefinition>), ArgumentError> {
    let unknown = |given: &str| ArgumentError::Unknown { given: given.to_owned(), allowed: ALLOWED };
    let (action, names) = match arguments {
        [] => (ServerAction::Status, arguments),
        [action, names @ ..] => match *action {
            "status" => (ServerAction::Status, names),
            "install" => (ServerAction::Install, names),
            "start" => (ServerAction::Start, names),
            "stop" => (ServerAction::Stop, names),
            other => return Err(unknown(other)),
        },
    };
    let find = |name: &&str| SERVERS.iter().copied().find(|server| server.name == *name).ok_or_else(|| unknown(name));
    let chosen: Vec<_> = names.iter().map(find).collect::<Result<_, _>>()?;
    Ok((action, if chosen.is_empty() { SERVERS.to_vec() } else { chosen }))
}

/// A line for each server, and one for skipped tests.
fn status(chosen: &[&ServerDefinition], screen: &mut dyn Write) -> io::Result<()> {
    for server in chosen {
        let state = match server.find() {
            Ok(program) => program.display().to_string(),
            Err(missing) => format!("missing: {}", missing.reason),
        };
        writeln!(screen, "{:16}{:60}{state}", server.name, server.summary)?;
        if let Some(running) = DetachedServer::find(&trial::file_of(server)) {
            writeln!(screen, "{:16}{}", "", trial::running_line(&running))?;
        }
    }
    writeln!(screen, "{} tests were skipped for want of a server", skipped_tests().len())
}

/// The tests that were skipped since the target directory was made: `SERVER TEST` each.
pub(crate) fn skipped_tests() -> Vec<String> {
    let entries = fs::read_dir(servers::skipped_folder()).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_names_an_action_is_for_all_servers() {
        let (action, chosen) = read(&["install"]).unwrap();
        assert_eq!((action, chosen.len()), (ServerAction::Install, SERVERS.len()));
        let (action, chosen) = read(&["start", "redis", "nats"]).unwrap();
        assert_eq!(
            (action, chosen.iter().map(|server| server.name).collect()),
            (ServerAction::Start, vec!["redis", "nats"])
        );
        assert_eq!(read(&[]).unwrap().0, ServerAction::Status);
    }

    #[test]
    fn an_unknown_action_or_server_is_refused() {
        for arguments in [&["run"][..], &["start", "apache"]] {
            let error = read(arguments).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{}` is not allowed", arguments.last().unwrap())), "{error}");
        }
    }

    #[test]
    fn the_status_has_a_line_for_each_server() {
        let mut screen = Vec::new();
        status(SERVERS, &mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        for server in SERVERS {
            assert!(
                screen.lines().any(|line| line.starts_with(&format!("{} ", server.name))),
                "{}: {screen}",
                server.name
            );
        }
    }
}
