//! Servers installed from the registries of Debian, PyPI and npm.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::Command,
};

use fapilog_test_servers::servers::{self, ServerDefinition, ServerPackages};

use crate::step::ChoreStep;

/// Debian's own scripts start a server when it is installed, unless the machine is in this run level.
const NO_SERVICES: (&str, &str) = ("RUNLEVEL", "1");

/// Texts by which apt, pip and npm report that there is no such package, in this order.
const ABSENT: &[&str] = &[
    "Unable to locate package",
    "has no installation candidate",
    "No matching distribution found for",
    "Could not find a version that satisfies the requirement",
    "code E404",
];

/// The commands of a registry, and the servers that they install.
struct RegistryRun {
    name: &'static str,
    first: Vec<Command>,
    servers: Vec<&'static ServerDefinition>,
}

pub(super) fn steps(chosen: Vec<&'static ServerDefinition>) -> Vec<ChoreStep> {
    vec![ChoreStep::check("servers installed", move |screen| install(&chosen, screen))]
}

fn install(chosen: &[&'static ServerDefinition], screen: &mut dyn Write) -> io::Result<Option<String>> {
    let missing: Vec<_> = chosen.iter().copied().filter(|server| server.find().is_err()).collect();
    let mut failures = Vec::new();
    for run in runs(&missing) {
        run.install(screen, &mut failures)?;
    }
    super::status(chosen, screen)?;
    Ok((!failures.is_empty()).then(|| failures.join("; ")))
}

/// A run for each registry that a missing server comes from.
fn runs(missing: &[&'static ServerDefinition]) -> Vec<RegistryRun> {
    let of = |wanted: fn(&ServerPackages) -> bool| -> Vec<_> {
        missing.iter().copied().filter(|server| wanted(&server.packages)).collect()
    };
    let mut apt = of(|packages| matches!(packages, ServerPackages::Apt(_)));
    let pip = of(|packages| matches!(packages, ServerPackages::Pip(_)));
    let npm = of(|packages| matches!(packages, ServerPackages::Npm(_)));
    apt.sort_by_key(|server| server.name);
    let runs = [
        RegistryRun { name: "apt", first: vec![apt_get(&["update", "--quiet"])], servers: apt },
        RegistryRun { name: "pip", first: environment_of_python(), servers: pip },
        RegistryRun { name: "npm", first: npm_itself(), servers: npm },
    ];
    runs.into_iter().filter(|run| !run.servers.is_empty()).collect()
}

impl RegistryRun {
    fn install(self, screen: &mut dyn Write, failures: &mut Vec<String>) -> io::Result<()> {
        for command in self.first {
            if let Err(output) = run(command, screen)? {
                failures.push(format!("{}: {}", self.name, last_line(&output)));
                return Ok(());
            }
        }
        for server in self.servers {
            match run_all(commands_for(server), screen)? {
                Ok(()) => clear_marker(server)?,
                Err(output) => match absent_line(&output) {
                    // No failure: nothing on this side helps. Tests that need it are skipped.
                    Some(line) => mark_unavailable(server, &line)?,
                    None => failures.push(format!("{}: {}", server.name, last_line(&output))),
                },
            }
        }
        Ok(())
    }
}

/// The packages of a server, and before them those with files that it needs of the system.
fn commands_for(server: &ServerDefinition) -> Vec<Command> {
    let needed = server.needs.iter().filter(|needed| !needed.is_there()).map(|needed| apt_install(&[needed.package]));
    let own = match &server.packages {
        ServerPackages::Apt(packages) => apt_install(packages),
        ServerPackages::Pip(packages) => {
            let mut pip = Command::new(python_folder().join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-compile"]).args(*packages);
            pip
        }
        ServerPackages::Npm(packages) => {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
            npm.arg(servers::installation_folder().join("node")).args(*packages);
            npm
        }
    };
    needed.chain([own]).collect()
}

fn apt_install(packages: &[&str]) -> Command {
    apt_get(&[&["install", "--yes", "--quiet", "--no-install-recommends"], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    let (name, level) = NO_SERVICES;
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env(name, level);
    apt
}

fn python_folder() -> PathBuf {
    servers::installation_folder().join("python")
}

/// Python's packages go to an environment of their own.
fn environment_of_python() -> Vec<Command> {
    if python_folder().join("bin/pip").is_file() {
        return Vec::new();
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(python_folder());
    vec![make]
}

fn npm_itself() -> Vec<Command> {
    let folder = servers::installation_folder().join("node");
    let mut make = Command::new("mkdir");
    make.arg("-p").arg(folder);
    let is_there = Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success());
    let get = apt_install(&["nodejs", "npm"]);
    if is_there { vec![make] } else { vec![make, apt_get(&["update", "--quiet"]), get] }
}

/// Runs commands up to the first that fails.
fn run_all(commands: Vec<Command>, screen: &mut dyn Write) -> io::Result<Result<(), String>> {
    for command in commands {
        if let Err(output) = run(command, screen)? {
            return Ok(Err(output));
        }
    }
    Ok(Ok(()))
}

/// Runs a command, and shows it alone. The error is its output.
fn run(mut command: Command, screen: &mut dyn Write) -> io::Result<Result<(), String>> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    writeln!(screen, "$ {}", words.join(" "))?;
    screen.flush()?;
    Ok(match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Err(format!("{}\n{}", String::from_utf8_lossy(&text), output.status))
        }
        Err(error) => Err(format!("`{}` cannot be started: {error}", command.get_program().display())),
    })
}

/// The line that reports that a registry has no such package.
fn absent_line(output: &str) -> Option<String> {
    output.lines().find(|line| ABSENT.iter().any(|text| line.contains(text))).map(|line| line.trim().to_owned())
}

/// The end of an output, with its last lines on one.
fn last_line(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(4)..).unwrap_or_default().join(" | ")
}

fn mark_unavailable(server: &ServerDefinition, line: &str) -> io::Result<()> {
    let marker = server.unavailable_marker();
    if let Some(folder) = marker.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(marker, format!("its registry has no such package: {line}\n"))
}

fn clear_marker(server: &ServerDefinition) -> io::Result<()> {
    match fs::remove_file(server.unavailable_marker()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_its_registry_lacks_is_no_failure() {
        let absent = [
            "Reading package lists...\nE: Unable to locate package no-such-server",
            "E: Package 'nats' has no installation candidate",
            "ERROR: Could not find a version that satisfies the requirement rotel==9 (from versions: none)",
            "npm error code E404\nnpm error 404 Not Found",
        ];
        for output in absent {
            assert!(absent_line(output).is_some(), "{output}");
        }
        assert_eq!(absent_line("E: Could not get lock /var/lib/dpkg/lock-frontend"), None);
        assert_eq!(absent_line("ERROR: Could not install packages due to an OSError: no space"), None);
    }

    #[test]
    fn a_run_is_for_the_missing_servers_of_one_registry() {
        let missing: Vec<_> =
            servers::SERVERS.iter().copied().filter(|server| ["redis", "osmem"].contains(&server.name)).collect();
        let runs = runs(&missing);
        let names: Vec<_> = runs.iter().map(|run| (run.name, run.servers.len())).collect();
        assert_eq!(names, [("apt", 1), ("pip", 1)]);
    }

    #[test]
    fn the_end_of_an_output_is_its_reason() {
        assert_eq!(last_line("a\nb\n\nc\nd\ne\n"), "b | c | d | e");
    }
}
