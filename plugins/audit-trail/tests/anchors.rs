//! Anchors, settings, and formatters of other kinds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fapilog::{
    Container, audit,
    event::Batch,
    format::Formatter,
    plugin::PluginError,
    settings::{SecretRef, Settings},
};
use fapilog_audit_trail::{anchor::CommandAnchor, format::Checkpoint, sink::AuditTrail};
use support::{Fixture, TIMEOUT, builder, log_payloads, shut_down, start};

fn script(fixture: &Fixture, text: &str) -> std::path::PathBuf {
    let path = fixture.directory.path().join("anchor.sh");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn an_anchor_that_is_a_closure_gets_each_checkpoint_before_the_shutdown_ends() {
    let fixture = Fixture::new();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let stored = Arc::clone(&notes);
    let sink = fixture.sink().anchor(move |note: &str| {
        stored.lock().unwrap().push(note.to_owned());
        Ok(())
    });
    fixture.write(sink, 3);
    let notes = notes.lock().unwrap().clone();
    let checkpoints = fixture.verify().unwrap().checkpoints;
    assert_eq!(notes.len() as u64, checkpoints);
    assert!(notes.iter().all(|note| Checkpoint::verify(note, &fixture.verifying_key()).is_ok()));
    assert_eq!(fs::read_to_string(fixture.anchor_path()).unwrap(), notes.concat());
}

#[test]
fn a_command_gets_each_checkpoint_on_its_standard_input() {
    let fixture = Fixture::new();
    let out = fixture.directory.path().join("from-command");
    let program = script(&fixture, "cat >> \"$1\"");
    let sink = fixture.sink().anchor(CommandAnchor::new(program, [out.display().to_string()]));
    fixture.write(sink, 2);
    assert_eq!(fs::read_to_string(out).unwrap(), fs::read_to_string(fixture.anchor_path()).unwrap());
}

#[test]
fn an_anchor_that_fails_is_reported_and_counted_and_the_trail_goes_on() {
    let fixture = Fixture::new();
    let slow = CommandAnchor::new("/bin/sleep", ["60".to_owned()]).timeout(Duration::from_millis(20));
    let failing = CommandAnchor::new("/bin/false", []);
    let panicking = |_: &str| -> std::io::Result<()> { panic!("the anchor panics") };
    let logs = start(builder(), fixture.sink().anchor(failing).anchor(slow).anchor(panicking));
    log_payloads(&logs, 2);
    let end = Instant::now() + TIMEOUT;
    let reports = || format!("{:?}", logs.diagnostics());
    while !["ended with exit status: 1", "not ended in time", "it panicked"].iter().all(|text| reports().contains(text))
    {
        assert!(Instant::now() < end, "{}", reports());
        std::thread::sleep(Duration::from_millis(5));
    }
    shut_down(&logs);
    assert_eq!(fixture.verify().unwrap().records, 80);
}

#[test]
fn the_last_checkpoint_comes_again_after_a_crash() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    let anchored = fs::read_to_string(fixture.anchor_path()).unwrap();
    // The crash has kept the last one from the anchor.
    fs::write(fixture.anchor_path(), "").unwrap();
    shut_down(&start(builder(), fixture.sink()));
    let again = fs::read_to_string(fixture.anchor_path()).unwrap();
    let last = anchored.trim_end().rsplit('\n').next().unwrap();
    assert!(again.contains(last), "{again}");
}

/// A container of settings, which find the sink by its name because the crate is linked.
fn settings(fixture: &Fixture, own: &str) -> Result<Container, String> {
    let text = format!("executor = \"thread\"\nsinks = [\"audit_trail\"]\n[plugin_config.audit_trail]\n{own}\n");
    let path = fixture.directory.path().join("settings.toml");
    fs::write(&path, text).unwrap();
    let builder = Settings::from_file(&path).and_then(Settings::into_builder).map_err(|error| error.to_string())?;
    builder.start().map_err(|error| error.to_string())
}

#[test]
fn settings_make_the_trail_by_its_name() {
    let fixture = Fixture::new();
    let directory = fixture.directory.path().display();
    let own = format!(
        "path = \"{directory}/audit.jsonl\"\nsigning_key = {{ file = \"{directory}/signing.key\" }}\nblock_bytes = \"4 KiB\"\n\
         checkpoint_blocks = 2\ncheckpoint_interval = \"10s\"\nrotate_bytes = \"16 KiB\"\nmode = \"600\"\n\
         first_key = \"{directory}/auditor.key\"\non_broken_head = \"refuse\"\n\
         anchors = [{{ file = \"{directory}/anchor.notes\" }}, {{ command = [\"/bin/true\"], timeout = \"5s\" }}]"
    );
    let logs = settings(&fixture, &own).unwrap();
    log_payloads(&logs, 4);
    shut_down(&logs);
    let verified = fixture.verify().unwrap();
    assert!(verified.segments > 1 && verified.checkpoints > 4 && verified.blocks > 8, "{verified:?}");
    assert_eq!(verified.records, 160);
    assert_eq!(fs::metadata(fixture.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(fixture.anchor_path()).unwrap().is_empty());
}

#[test]
fn settings_that_are_wrong_are_all_reported_and_a_literal_key_is_not_repeated() {
    let fixture = Fixture::new();
    let own = "signing_key = \"PRIVATE+KEY+x\"\nmode = \"9\"\nblock_bytes = 1\nanchors = [{}]\nunknown = 1";
    let error = settings(&fixture, own).map(|_| ()).unwrap_err();
    for wanted in ["path", "signing_key", "mode", "anchors[0]", "unknown"] {
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    assert!(!error.contains("PRIVATE+KEY+x"), "{error}");
}

#[test]
fn a_key_that_cannot_be_read_is_an_error_of_the_start_that_names_the_reference() {
    let fixture = Fixture::new();
    let sink = AuditTrail::new(fixture.path(), fapilog::format::Json::new, SecretRef::env("AUDIT_TRAIL_NO_SUCH_KEY"));
    let error = builder().sink("audit", sink).start().map(|_| ()).unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    assert!(text.contains("${AUDIT_TRAIL_NO_SUCH_KEY} names a variable that is not set"), "{text}");
    assert!(!fixture.trail_path().exists());
}

/// Four bytes of length in front of each message: no lines.
struct Lengths;

impl Formatter for Lengths {
    fn name(&self) -> &'static str {
        "lengths"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            let text = format!("{}\n\n{}", event.message(), event.fields().count());
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        false
    }
}

#[test]
fn records_that_are_no_lines_are_counted_one_by_one() {
    let fixture = Fixture::new();
    let sink = AuditTrail::new(fixture.path(), || Lengths, SecretRef::file(&fixture.keys.signing))
        .block_bytes(4096)
        .first_key(fixture.first_key_path());
    let logs = start(builder(), sink);
    let log = logs.logger("test");
    (0..1000).for_each(|number| audit!(log, "changed", number));
    shut_down(&logs);
    assert_eq!(fixture.verify().unwrap().records, 1000);
}
