//! Answers to commands.

use std::sync::{Arc, Weak};

use fapilog::Container;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    audit_events::{report_refusal, report_rotation},
    levels::LevelChanges,
    peer::PeerProcess,
    protocol::{ControlCommand, DiagnosticReport, Flushed, PluginStatus, ProcessInfo, Refusal},
};

/// A container, as peers see it.
#[derive(Debug)]
pub(crate) struct ControlledContainer {
    container: Weak<Container>,
    pub(crate) levels: LevelChanges,
    is_read_only: bool,
}

impl ControlledContainer {
    pub(crate) fn new(container: &Arc<Container>, is_read_only: bool) -> Self {
        Self { container: Arc::downgrade(container), levels: LevelChanges::default(), is_read_only }
    }

    /// The container, unless its owner has dropped it.
    pub(crate) fn get(&self) -> Option<Arc<Container>> {
        self.container.upgrade()
    }

    /// The answer to a request.
    pub(crate) fn answer(&self, line: &[u8], peer: PeerProcess) -> Result<Value, Refusal> {
        let answer = self.answer_unlogged(line, peer);
        if let (Err(refusal), Some((command, object))) = (&answer, ControlCommand::change_in(line))
            && let Some(container) = self.get()
        {
            report_refusal(&container, command, object, refusal, peer);
        }
        answer
    }

    fn answer_unlogged(&self, line: &[u8], peer: PeerProcess) -> Result<Value, Refusal> {
        let command = ControlCommand::from_line(line)?;
        self.check_allowed(&command)?;
        let container = self.get().ok_or_else(|| Refusal::new("control.dropped", "the container is gone"))?;
        self.execute(&container, command, peer)
    }

    fn check_allowed(&self, command: &ControlCommand) -> Result<(), Refusal> {
        if self.is_read_only && command.is_change() {
            let text = format!("the program allows no changes by its control socket: `{}` is one", command.name());
            return Err(Refusal::new("control.read_only", text));
        }
        Ok(())
    }

    fn execute(&self, container: &Container, command: ControlCommand, peer: PeerProcess) -> Result<Value, Refusal> {
        match command {
            ControlCommand::Info => result(&info(container)),
            ControlCommand::LevelGet => result(&self.levels.levels(container)),
            ControlCommand::LevelSet(change) => result(&self.levels.change(container, &change, peer)?),
            ControlCommand::Metrics => result(&container.metrics()),
            ControlCommand::Plugins => result(&plugins(container)),
            ControlCommand::Diagnostics => result(&diagnostics(container)),
            ControlCommand::Flush { timeout } => {
                let accounts = container.flush(timeout).map_err(Refusal::of)?;
                result(&Flushed {
                    submitted: accounts.submitted,
                    delivered: accounts.delivered_total(),
                    filtered: accounts.filtered_total(),
                    lost: accounts.lost_total(),
                })
            }
            ControlCommand::Rotate { sink, timeout } => {
                let rotated = match &sink {
                    Some(sink) => container.rotate_sink(sink, timeout),
                    None => container.rotate(timeout),
                };
                rotated.map_err(Refusal::of)?;
                report_rotation(container, sink.as_deref(), peer);
                Ok(json!({}))
            }
        }
    }
}

fn result(result: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(result).map_err(|error| Refusal::new("control.unwritable", error.to_string()))
}

fn info(container: &Container) -> ProcessInfo {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = std::path::Path::new(&program).file_name().unwrap_or_default();
    ProcessInfo {
        pid: std::process::id(),
        program: program.to_string_lossy().into_owned(),
        container: container.id(),
        executor: container.executor().map(|executor| executor.to_string()),
        closed: container.is_closed(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn plugins(container: &Container) -> Vec<PluginStatus> {
    let status = |plugin: fapilog::metrics::PluginMetrics| PluginStatus {
        name: plugin.name,
        kind: plugin.kind.to_string(),
        state: plugin.state.to_string(),
    };
    container.metrics().plugins.into_iter().map(status).collect()
}

fn diagnostics(container: &Container) -> Vec<DiagnosticReport> {
    let report = |diagnostic: fapilog::diagnostics::Diagnostic| DiagnosticReport {
        level: diagnostic.level.to_string(),
        about: diagnostic.about,
        text: diagnostic.text,
        times: diagnostic.times,
    };
    container.diagnostics().into_iter().map(report).collect()
}
