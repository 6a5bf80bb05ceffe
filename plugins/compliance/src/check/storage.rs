//! Checks of files and connections: encryption and permissions.

use std::path::Path;

use fapilog_plugin::{
    compliance::{PlannedContainer, PlannedSink},
    sink::{SinkPlace, is_loopback},
};

use super::{CheckContext, CheckOutcome, shown};

/// The permission of everyone to write.
const WRITABLE_FOR_EVERYONE: u32 = 0o002;

pub(super) fn encrypted_in_transit(planned: &PlannedContainer) -> CheckOutcome {
    let of_sink = |sink: &PlannedSink| {
        let name = &sink.name;
        match &sink.assurances.place {
            SinkPlace::Network { host, .. } if is_loopback(host) => None,
            SinkPlace::Network { host, is_encrypted: true } => {
                Some(CheckOutcome::pass(format!("{name}: the connection to {host} is encrypted")))
            }
            SinkPlace::Network { .. } if sink.has_encrypted_payloads => {
                Some(CheckOutcome::pass(format!("{name}: {} encrypts the events", sink.formatter)))
            }
            SinkPlace::Network { host, .. } => {
                let evidence = format!("{name}: the connection to {host} is not encrypted");
                Some(CheckOutcome::fail(evidence).mended_by(format!("plugin_config.{name}")))
            }
            SinkPlace::Unknown => Some(unknown(sink)),
            _ => None,
        }
    };
    CheckOutcome::all(planned.sinks.iter().filter_map(of_sink), "no sink sends events to another machine")
}

pub(super) fn encrypted_in_files(planned: &PlannedContainer) -> CheckOutcome {
    CheckOutcome::all(planned.sinks.iter().flat_map(files_encrypted), "no sink stores events")
}

fn files_encrypted(sink: &PlannedSink) -> Vec<CheckOutcome> {
    let name = &sink.name;
    if sink.has_encrypted_payloads {
        return vec![CheckOutcome::pass(format!("{name}: {} encrypts the events", sink.formatter))];
    }
    let own = match &sink.assurances.place {
        SinkPlace::File { .. } if sink.assurances.is_stored_encrypted => {
            Some(CheckOutcome::pass(format!("{name}: files are encrypted")))
        }
        SinkPlace::File { directory } => {
            let evidence = format!("{name}: files in {} are not encrypted", shown(directory));
            Some(CheckOutcome::fail(evidence).mended_by("sinks"))
        }
        _ => elsewhere(sink, "encrypted"),
    };
    own.into_iter().chain(on_disk(sink).map(|(place, path)| in_the_clear(sink, place, path))).collect()
}

/// The places on disk that the container itself writes a sink's payloads to.
fn on_disk(sink: &PlannedSink) -> impl Iterator<Item = (&'static str, &Path)> {
    let spill = sink.spill.as_deref().map(|path| ("spill", path));
    spill.into_iter().chain(sink.dead_letters.as_deref().map(|path| ("dead_letters", path)))
}

fn in_the_clear(sink: &PlannedSink, place: &str, path: &Path) -> CheckOutcome {
    CheckOutcome::fail(format!("{}: {place} writes to {}, which is not encrypted", sink.name, shown(path)))
        .mended_by("sinks")
}

pub(super) fn mode_at_most(context: &CheckContext<'_>, most: u32) -> CheckOutcome {
    let of_sink = |sink: &PlannedSink| {
        let (file, directory) = match &sink.assurances.place {
            SinkPlace::File { directory } => (Some(file_mode(sink, most)), directory_mode(context, sink, directory)),
            _ => (elsewhere(sink, "readable only for those that need them"), None),
        };
        file.into_iter().chain(directory).collect::<Vec<_>>()
    };
    CheckOutcome::all(context.planned.sinks.iter().flat_map(of_sink), "no sink stores events")
}

fn file_mode(sink: &PlannedSink, most: u32) -> CheckOutcome {
    let name = &sink.name;
    match sink.assurances.mode {
        Some(mode) if mode & !most == 0 => CheckOutcome::pass(format!("{name}: files have mode {mode:o}")),
        Some(mode) => {
            let evidence = format!("{name}: files have mode {mode:o}, and {most:o} is allowed at most");
            CheckOutcome::fail(evidence).mended_by(format!("plugin_config.{name}.mode"))
        }
        None => CheckOutcome::people(format!("{name}: check the permissions of its files, which it does not state")),
    }
}

/// A directory that is not there yet is created by the sink, or the container does not start.
fn directory_mode(context: &CheckContext<'_>, sink: &PlannedSink, directory: &Path) -> Option<CheckOutcome> {
    let mode = context.machine.mode_of(directory)?;
    (mode & WRITABLE_FOR_EVERYONE != 0).then(|| {
        let evidence = format!("{}: everyone can write to {}, whose mode is {mode:o}", sink.name, shown(directory));
        CheckOutcome::fail(evidence)
    })
}

/// The outcome for a sink whose events something else stores: nothing where nothing does.
pub(super) fn elsewhere(sink: &PlannedSink, wanted: &str) -> Option<CheckOutcome> {
    let name = &sink.name;
    let place = match &sink.assurances.place {
        SinkPlace::Memory | SinkPlace::Nowhere | SinkPlace::File { .. } => return None,
        SinkPlace::Unknown => return Some(unknown(sink)),
        SinkPlace::Network { host, .. } => host.as_str(),
        _ => "the program that reads it",
    };
    Some(CheckOutcome::people(format!("{name}: check that the events are {wanted} where {place} keeps them")))
}

fn unknown(sink: &PlannedSink) -> CheckOutcome {
    CheckOutcome::people(format!("{}: check where its events go, which the sink does not state", sink.name))
}
