//! The console sink with the journal of systemd: a pipe that `JOURNAL_STREAM` names, in a separate process.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    process::{Command, Stdio},
    time::Duration,
};

use fapilog_engine::{
    container::Container,
    producer::{DynamicEvent, Logger},
};
use fapilog_format::{LineTime, Pretty, Simple};
use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter};
use fapilog_record::{field_group::FieldGroup, level::Level};
use fapilog_sink_console::Console;

const ROLE: &str = "FAPILOG_JOURNAL_TEST_ROLE";
const TIMEOUT: Duration = Duration::from_secs(60);

/// A format whose records are no lines.
struct Binary;

impl Formatter for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        out.extend(batch.events().iter().map(|event| event.level() as u8));
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        false
    }
}

fn log(log: &Logger, level: Level, message: &str) {
    log.log_dynamic(&DynamicEvent::new(level, "tests", message));
}

fn log_all_levels(logger: &Logger) {
    for level in Level::ALL {
        log(logger, level, "came in");
    }
}

fn log_a_backtrace(logger: &Logger) {
    let event = DynamicEvent::new(Level::Error, "tests", "gave up");
    logger.log_dynamic(&event.field(FieldGroup::Context, "backtrace", "0: a\n1: b\n".into()));
    log(logger, Level::Info, "goes on");
}

/// No test in itself: the work of children. Prints the sink's way of writing to standard error.
#[test]
fn the_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let simple = || Simple::new().time(LineTime::None);
    let stdout = match role.as_str() {
        "all levels" | "another stream" => Console::stdout(simple),
        "no priorities" => Console::stdout(simple).journal_priorities(false),
        "several lines" => Console::stdout(|| Pretty::new().time(LineTime::None)),
        "binary" => Console::stdout(|| Binary),
        role => panic!("{role}"),
    };
    let container = Container::builder().level(Level::Trace).sink("stdout", stdout).start().unwrap();
    let logger = container.logger("service");
    if role == "several lines" {
        log_a_backtrace(&logger)
    } else {
        log_all_levels(&logger)
    }
    let accounts = container.shutdown(TIMEOUT).unwrap();
    io::Write::write_all(&mut io::stderr(), accounts.sinks.first().unwrap().writer.as_bytes()).unwrap();
    std::process::exit(0);
}

fn identity(file: OwnedFd) -> String {
    let metadata = File::from(file).metadata().unwrap();
    format!("{}:{}", metadata.dev(), metadata.ino())
}

/// The bytes that a child of this role writes to a pipe as its standard output, and its way of writing.
fn output(role: &str) -> (String, String) {
    let (reader, writer): (PipeReader, PipeWriter) = io::pipe().unwrap();
    let mut stream = identity(writer.try_clone().unwrap().into());
    if role == "another stream" {
        stream.push('0');
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_child", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("JOURNAL_STREAM", stream);
    let child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    // The last descriptor on this side that keeps the pipe open.
    drop(command);
    let mut all = String::new();
    { reader }.read_to_string(&mut all).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    // Output of the harness comes before.
    let own = all.split_once("test the_child ... ").map_or(all.as_str(), |(_, own)| own).to_owned();
    (own, String::from_utf8(ended.stderr).unwrap())
}

#[test]
fn each_line_has_the_priority_of_its_event() {
    let (lines, way) = output("all levels");
    let expected = "<7>TRACE service [tests] came in\n<7>DEBUG service [tests] came in\n<6>INFO service [tests] came in\n\
        <4>WARNING service [tests] came in\n<3>ERROR service [tests] came in\n<2>CRITICAL service [tests] came in\n\
        <5>AUDIT service [tests] came in\n<1>SECURITY service [tests] came in\n";
    assert_eq!((lines.as_str(), way.as_str()), (expected, "stdout, journal"));
}

#[test]
fn each_of_several_lines_of_an_event_has_its_priority() {
    let (lines, _) = output("several lines");
    let expected = "<3>ERROR    service [tests] gave up\n<3>    backtrace:\n<3>      0: a\n<3>      1: b\n\
        <6>INFO     service [tests] goes on\n";
    assert_eq!(lines, expected);
}

#[test]
fn a_destination_that_is_another_stream_and_a_sink_that_wants_none_have_no_priorities() {
    for role in ["another stream", "no priorities"] {
        let (lines, way) = output(role);
        assert!(lines.starts_with("TRACE service [tests] came in\nDEBUG "), "{role}: {lines}");
        assert_eq!(way, "stdout, pipe");
    }
}

#[test]
fn records_that_are_no_lines_stay_as_they_are() {
    let (bytes, way) = output("binary");
    assert!(bytes.bytes().eq(Level::ALL.iter().map(|level| *level as u8)), "{bytes:?}");
    assert_eq!(way, "stdout, pipe");
}
