//! Servers started from a shell, for trials.

use std::{
    io::{self, Write},
    panic::catch_unwind,
    path::PathBuf,
};

use fapilog_test_servers::{
    DetachedServer,
    servers::{self, ServerDefinition},
};

use crate::step::ChoreStep;

/// The file of a server that runs.
pub(super) fn file_of(server: &ServerDefinition) -> PathBuf {
    servers::installation_folder().join("running").join(format!("{}.json", server.name))
}

pub(super) fn running_line(running: &DetachedServer) -> String {
    let addresses: Vec<String> = running.addresses.iter().map(|(name, address)| format!("{name} {address}")).collect();
    format!("runs as process {}: {}; files in {}", running.process, addresses.join(", "), running.directory.display())
}

pub(super) fn start_step(server: &'static ServerDefinition) -> ChoreStep {
    ChoreStep::check(format!("start {}", server.name), move |screen| start(server, screen))
}

pub(super) fn stop_step(server: &'static ServerDefinition) -> ChoreStep {
    ChoreStep::check(format!("stop {}", server.name), move |screen| stop(server, screen))
}

fn start(server: &'static ServerDefinition, screen: &mut dyn Write) -> io::Result<Option<String>> {
    let file = file_of(server);
    if let Some(running) = DetachedServer::find(&file) {
        writeln!(screen, "{}", running_line(&running))?;
        return Ok(None);
    }
    let program = match server.find() {
        Ok(program) => program,
        Err(missing) => return Ok(Some(missing.reason)),
    };
    // A server that does not start panics, with its log.
    let Ok(started) = catch_unwind(|| (server.start)(program)) else {
        return Ok(Some("it did not start: its log is above".to_owned()));
    };
    let running = DetachedServer::detach(started, &file)?;
    writeln!(screen, "{}", running_line(&running))?;
    Ok(None)
}

fn stop(server: &'static ServerDefinition, screen: &mut dyn Write) -> io::Result<Option<String>> {
    let file = file_of(server);
    match DetachedServer::find(&file) {
        None => writeln!(screen, "does not run")?,
        Some(running) => {
            running.stop(&file)?;
            writeln!(screen, "stopped")?;
        }
    }
    Ok(None)
}
