//! Trails that are written and verified.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use fapilog::{Container, audit, container::Executor, format, settings::SecretRef};
use fapilog_audit_trail::{
    keys::ChainKey,
    sink::AuditTrail,
    verify::{DamageKind, TrailEnd, VerifyError},
};
use support::{Fixture, TIMEOUT, builder, log_payloads, shut_down, start};

#[test]
fn a_trail_verifies_and_its_data_file_has_plain_records() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 5);
    let verified = fixture.verify().unwrap();
    assert_eq!((verified.records, verified.end, verified.entries_behind_checkpoint), (200, TrailEnd::Stopped, 0));
    assert!(verified.has_verified_chain && verified.checkpoints >= 4 && verified.blocks > 8, "{verified:?}");
    let text = fs::read_to_string(fixture.path()).unwrap();
    assert_eq!((text.lines().count(), text.len() as u64), (200, verified.data_bytes));
    assert!(text.lines().all(|line| line.starts_with('{') && line.contains("\"user\":\"kim\"")));
}

#[test]
fn a_trail_verifies_without_the_chain_key() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 2);
    let verifier = fapilog_audit_trail::verify::Verifier::new(fixture.verifying_key());
    assert!(!verifier.verify(&fixture.path()).unwrap().has_verified_chain);
}

#[test]
fn files_have_the_permissions_of_the_settings_and_keys_have_theirs() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink().mode(0o600), 1);
    let mode = |name: &str| fs::metadata(fixture.directory.path().join(name)).unwrap().permissions().mode() & 0o777;
    let files = ["audit.jsonl", "audit.jsonl.trail", "audit.jsonl.chain-key", "auditor.key", "signing.key"];
    assert_eq!(files.map(mode), [0o600; 5]);
}

#[test]
fn the_first_chain_key_is_not_on_the_disk_but_in_the_auditors_file() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 3);
    let current = fs::read_to_string(fixture.directory.path().join("audit.jsonl.chain-key")).unwrap();
    let (current, first) = (ChainKey::from_text(&current).unwrap(), fixture.first_key());
    assert_eq!((current.id(), first.epoch()), (first.id(), 0));
    assert!(current.epoch() >= 2);
    assert_eq!(*current.to_text(), *first.at_epoch(current.epoch()).unwrap().to_text());
}

#[test]
fn two_shards_write_one_file_without_a_gap() {
    let fixture = Fixture::new();
    let logs = start(Container::builder().executor(Executor::Thread).shards(2), fixture.sink());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = logs.logger("test");
            scope.spawn(move || (0..500).for_each(|number| audit!(log, "changed", thread, number)));
        }
    });
    shut_down(&logs);
    assert_eq!(fixture.verify().unwrap().records, 2000);
}

#[test]
fn a_record_that_is_longer_than_a_block_spans_blocks() {
    let fixture = Fixture::new();
    let logs = start(builder().record_max_bytes(64 * 1024), fixture.sink());
    let log = logs.logger("test");
    let text = "x".repeat(20_000);
    audit!(log, "long", text = text.as_str());
    shut_down(&logs);
    let verified = fixture.verify().unwrap();
    assert_eq!(verified.records, 1);
    assert!(verified.blocks >= 5, "{verified:?}");
}

#[test]
fn a_checkpoint_comes_in_time_also_without_further_events() {
    let fixture = Fixture::new();
    let sink = fixture.sink().checkpoint_blocks(1000).checkpoint_interval(Duration::from_millis(100));
    let logs = start(builder(), sink);
    log_payloads(&logs, 1);
    let end = std::time::Instant::now() + TIMEOUT;
    while fs::read_to_string(fixture.anchor_path()).unwrap_or_default().is_empty() {
        assert!(std::time::Instant::now() < end, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    let verified = fixture.verify().unwrap();
    assert_eq!((verified.checkpoints, verified.end), (1, TrailEnd::Open));
    shut_down(&logs);
}

#[test]
fn a_restart_continues_the_trail() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.write(fixture.sink(), 2);
    }
    let verified = fixture.verify().unwrap();
    assert_eq!((verified.records, verified.segments, verified.cuts), (240, 1, 0));
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let fixture = Fixture::new();
    let logs = start(builder(), fixture.sink());
    log_payloads(&logs, 1);
    let error = builder().sink("audit", fixture.sink()).start().unwrap_err();
    let mut text = String::new();
    let mut source: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = source {
        text.push_str(&format!("{error}; "));
        source = error.source();
    }
    assert!(text.contains("is being written by another sink"), "{text}");
    shut_down(&logs);
    assert_eq!(fixture.verify().unwrap().records, 40);
}

#[test]
fn every_file_of_a_rotation_continues_the_one_before_it() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink().rotate_bytes(16 * 1024), 8);
    let verified = fixture.verify().unwrap();
    assert!(verified.segments >= 4, "{verified:?}");
    assert_eq!((verified.records, verified.first_segment), (320, 0));
    let rotated = fixture.names().into_iter().filter(|name| name.starts_with("audit.2") && name.ends_with(".jsonl"));
    assert_eq!(rotated.count() as u64 + 1, verified.segments);

    // Without the oldest files, the others verify: the state before them is in their first entry.
    let oldest = fixture.names().into_iter().find(|name| name.starts_with("audit.2")).unwrap();
    for name in [oldest.clone(), format!("{oldest}.trail")] {
        fs::remove_file(fixture.directory.path().join(name)).unwrap();
    }
    let anchored = fs::read_to_string(fixture.anchor_path()).unwrap();
    let verified = fixture.verifier().anchor(&anchored, "anchor").verify(&fixture.path()).unwrap();
    assert_eq!((verified.first_segment, verified.has_verified_chain), (1, true));
}

#[test]
fn a_rotation_on_request_is_one_for_all_shards() {
    let fixture = Fixture::new();
    let logs = start(Container::builder().executor(Executor::Thread).shards(2), fixture.sink());
    log_payloads(&logs, 1);
    logs.rotate(TIMEOUT).unwrap();
    log_payloads(&logs, 1);
    shut_down(&logs);
    let verified = fixture.verify().unwrap();
    assert_eq!((verified.segments, verified.records), (2, 80));
}

#[test]
fn a_trail_that_ends_before_an_anchored_checkpoint_is_truncated() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 2);
    let old = ["audit.jsonl", "audit.jsonl.trail"].map(|name| fs::read(fixture.directory.path().join(name)).unwrap());
    fixture.write(fixture.sink(), 2);
    let anchored = fs::read_to_string(fixture.anchor_path()).unwrap();
    let verifier = fixture.verifier().anchor(&anchored, "anchor");
    assert_eq!(verifier.verify(&fixture.path()).unwrap().records, 160);

    fs::write(fixture.path(), &old[0]).unwrap();
    fs::write(fixture.trail_path(), &old[1]).unwrap();
    assert_eq!(fixture.verify().unwrap().records, 80, "without the anchor, nobody knows");
    let Err(VerifyError::Damage(damage)) = verifier.verify(&fixture.path()) else { panic!("it verifies") };
    assert_eq!((damage.kind, damage.offset), (DamageKind::Truncated, old[1].len() as u64));
}

#[test]
fn settings_that_are_out_of_bounds_are_all_reported() {
    let fixture = Fixture::new();
    let sink = AuditTrail::new("/", format::Json::new, SecretRef::file(&fixture.keys.signing))
        .block_bytes(10)
        .checkpoint_blocks(0)
        .checkpoint_interval(Duration::ZERO)
        .rotate_bytes(1)
        .rotate_every(Duration::ZERO)
        .mode(0o1777);
    let error = builder().sink("audit", sink).start().unwrap_err();
    let text = format!("{error:?}");
    for setting in
        ["path", "block_bytes", "checkpoint_blocks", "checkpoint_interval", "rotate_bytes", "rotate_every", "mode"]
    {
        assert!(
            text.contains(&format!("path: \"sinks.audit.{setting}\"")) || text.contains(setting),
            "{setting}: {text}"
        );
    }
}

#[test]
fn the_trail_of_a_running_program_verifies_with_a_write_in_flight() {
    use std::io::Write;

    let fixture = Fixture::new();
    let logs = start(builder(), fixture.sink());
    log_payloads(&logs, 1);
    let directory = support::copy(fixture.directory.path());
    shut_down(&logs);
    let path = directory.path().join("audit.jsonl");
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"in flight").unwrap();
    let Err(VerifyError::Damage(damage)) = fixture.verifier().verify(&path) else { panic!("it verifies") };
    assert_eq!(damage.kind, DamageKind::Unrecorded);
    let verified = fixture.verifier().running().verify(&path).unwrap();
    assert_eq!((verified.records, verified.unrecorded_bytes), (40, 9));
}

#[test]
fn a_restart_without_events_is_followed_by_a_checkpoint_in_time() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    let checkpoints = || fixture.verifier().running().verify(&fixture.path()).unwrap().checkpoints;
    let before = checkpoints();
    let logs = start(builder(), fixture.sink().checkpoint_interval(Duration::from_millis(100)));
    let end = std::time::Instant::now() + TIMEOUT;
    while checkpoints() == before {
        assert!(std::time::Instant::now() < end, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    shut_down(&logs);
}

#[test]
fn a_rotation_on_request_is_followed_by_a_checkpoint_in_time() {
    let fixture = Fixture::new();
    let sink = fixture.sink().checkpoint_blocks(1000).checkpoint_interval(Duration::from_millis(100));
    let logs = start(builder(), sink);
    log_payloads(&logs, 1);
    let behind = || fixture.verifier().running().verify(&fixture.path()).map(|trail| trail.entries_behind_checkpoint);
    wait_until(|| behind().is_ok_and(|entries| entries == 0));
    // The timer sleeps: nothing is behind the checkpoint.
    std::thread::sleep(Duration::from_millis(200));
    logs.rotate(TIMEOUT).unwrap();
    wait_until(|| behind().is_ok_and(|entries| entries == 0));
    shut_down(&logs);
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + TIMEOUT;
    while !holds() {
        assert!(std::time::Instant::now() < end, "not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_running_trail_verifies_while_it_is_rotated() {
    let fixture = Fixture::new();
    let logs = start(builder(), fixture.sink());
    log_payloads(&logs, 1);
    std::thread::scope(|scope| {
        let rotations = scope.spawn(|| {
            for _ in 0..60 {
                log_payloads(&logs, 1);
                logs.rotate(TIMEOUT).unwrap();
            }
        });
        while !rotations.is_finished() {
            fixture.verifier().running().verify(&fixture.path()).unwrap();
        }
    });
    shut_down(&logs);
}
