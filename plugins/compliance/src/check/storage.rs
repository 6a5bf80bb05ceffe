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
    CheckOutcome::all(
        planned.sinks.iter().flat_map(|sink| connection(sink).into_iter().chain(copy(sink))),
        "no sink sends events to another machine",
    )
}

/// The connection of a sink. A program that reads a stream may send its events to another machine.
fn connection(sink: &PlannedSink) -> Option<CheckOutcome> {
    let name = &sink.name;
    match &sink.assurances.place {
        SinkPlace::Network { host, .. } if is_loopback(host) => None,
        SinkPlace::Network { host, is_encrypted: true } => {
            Some(CheckOutcome::pass(format!("{name}: the connection to {host} is encrypted")))
        }
        SinkPlace::Memory | SinkPlace::Nowhere | SinkPlace::File { .. } => None,
        _ if sink.has_encrypted_payloads => {
            Some(CheckOutcome::pass(format!("{name}: {} encrypts the events", sink.formatter)))
        }
        SinkPlace::Network { host, .. } => {
            let evidence = format!("{name}: the connection to {host} is not encrypted");
            Some(CheckOutcome::fail(evidence).mended_by(format!("plugin_config.{name}")))
        }
        SinkPlace::Unknown => Some(unknown(sink)),
        _ => Some(CheckOutcome::people(format!(
            "{name}: check that the program which reads it sends the events to another machine by encrypted connections only"
        ))),
    }
}

/// The copy of what a sink stores. The sink does not state how it gets to the other machine.
fn copy(sink: &PlannedSink) -> Option<CheckOutcome> {
    let host = sink.assurances.copied_to.as_ref().filter(|host| !is_loopback(host))?;
    let name = &sink.name;
    let is_encrypted = sink.has_encrypted_payloads || sink.assurances.is_stored_encrypted;
    Some(match is_encrypted {
        true => CheckOutcome::pass(format!("{name}: what goes to {host} is encrypted")),
        false => CheckOutcome::people(format!("{name}: check that the copies to {host} go by an encrypted connection")),
    })
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
        SinkPlace::Memory | SinkPlace::Nowhere => None,
        _ if sink.assurances.is_stored_encrypted => {
            Some(CheckOutcome::pass(format!("{name}: stored events are encrypted")))
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
pub(super) fn on_disk(sink: &PlannedSink) -> impl Iterator<Item = (&'static str, &Path)> {
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
            SinkPlace::File { directory } => (Some(file_mode(sink, most)), Some(directory.as_path())),
            _ => (elsewhere(sink, "readable only for those that need them"), None),
        };
        // The files of the container itself have mode 600. A directory that others can write to protects none.
        let directories = directory.into_iter().chain(on_disk(sink).map(|(_, path)| path));
        let directories = directories.filter_map(|path| open_directory(context, sink, path));
        file.into_iter().chain(directories).collect::<Vec<_>>()
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

/// The failure of a place that everyone can change: the directory itself, or one above it in which everyone can put another in its place. With
/// the sticky bit, as `/tmp` has it, that is not possible. A directory that is not there yet is created by the sink, or the container does
/// not start.
fn open_directory(context: &CheckContext<'_>, sink: &PlannedSink, place: &Path) -> Option<CheckOutcome> {
    const STICKY: u32 = 0o1000;
    let absolute = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    let is_open = |path: &Path, mode: u32| {
        let is_place = path == absolute;
        mode & WRITABLE_FOR_EVERYONE != 0 && (is_place || mode & STICKY == 0)
    };
    let (open, mode) = absolute
        .ancestors()
        .filter_map(|path| Some((path, context.machine.mode_of(path)?)))
        .find(|(path, mode)| is_open(path, *mode))?;
    // As the settings have it, where it is that.
    let path = shown(if open == absolute { place } else { open });
    Some(CheckOutcome::fail(format!("{}: everyone can write to {path}, whose mode is {mode:o}", sink.name)))
}

/// Whether the files of a sink are in the memory of the machine, and gone when it stops.
pub(super) fn is_in_memory(context: &CheckContext<'_>, sink: &PlannedSink) -> bool {
    match &sink.assurances.place {
        SinkPlace::File { directory } => context.machine.is_in_memory(directory),
        _ => false,
    }
}

pub(super) fn in_memory(sink: &PlannedSink) -> CheckOutcome {
    let directory = match &sink.assurances.place {
        SinkPlace::File { directory } => shown(directory),
        _ => String::new(),
    };
    let evidence = format!("{}: {directory} is in the memory of the machine, and gone when it stops", sink.name);
    CheckOutcome::fail(evidence).mended_by(format!("plugin_config.{}.path", sink.name))
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
