//! Trails that are continued: after a clean end, a crash, a full disk, and tampering.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "all of this program is test code"
)]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fapilog::{Container, audit, format, settings::SecretRef};
use fapilog_audit_trail::{
    keys::{ChainKey, KeyFiles, read_chain_key, read_verifying_key},
    sink::{AuditTrail, OnBrokenHead},
    verify::{DamageKind, TrailEnd, VerifiedTrail, Verifier, VerifyError},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{Fixture, TIMEOUT, builder, copy, log_payloads, shut_down, start};

/// A trail as a crash leaves it: its files, copied while its program runs.
fn crashed(sink: impl Fn(&Fixture) -> AuditTrail, payloads: usize) -> Fixture {
    let running = Fixture::new();
    let logs = start(builder(), sink(&running));
    log_payloads(&logs, payloads);
    let directory = copy(running.directory.path());
    shut_down(&logs);
    let keys = running.keys.clone();
    drop(running);
    let mut moved = keys;
    moved.signing = directory.path().join("signing.key");
    moved.verifying = directory.path().join("verifying.key");
    Fixture { directory, keys: moved }
}

fn append(path: &Path, bytes: &[u8]) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn damage_kind(result: Result<VerifiedTrail, VerifyError>) -> DamageKind {
    match result {
        Err(VerifyError::Damage(damage)) => damage.kind,
        other => panic!("{other:?}"),
    }
}

/// The error of a start, with its sources.
fn start_error(sink: AuditTrail) -> String {
    let error = builder().sink("audit", sink).start().map(|_| ()).unwrap_err();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[test]
fn a_trail_whose_program_was_killed_is_continued() {
    let fixture = crashed(Fixture::sink, 3);
    assert_eq!(fixture.verify().unwrap().end, TrailEnd::Open);
    fixture.write(fixture.sink(), 1);
    let verified = fixture.verify().unwrap();
    assert_eq!((verified.records, verified.end, verified.cuts), (160, TrailEnd::Stopped, 0));
}

#[test]
fn a_torn_tail_is_cut_kept_and_recorded() {
    let fixture = crashed(Fixture::sink, 2);
    append(&fixture.path(), b"{\"half\":");
    append(&fixture.trail_path(), b"BLCK\x30\0\0\0half");
    assert_eq!(damage_kind(fixture.verify()), DamageKind::Truncated);

    let logs = start(builder(), fixture.sink());
    let reports = format!("{:?}", logs.diagnostics());
    assert!(reports.contains("8 bytes of data, 12 of the trail"), "{reports}");
    log_payloads(&logs, 1);
    shut_down(&logs);
    let verified = fixture.verify().unwrap();
    assert_eq!((verified.records, verified.cuts), (120, 1));
    let kept = fixture.names().into_iter().find(|name| name.contains(".torn-")).unwrap();
    assert_eq!(fs::read(fixture.directory.path().join(kept)).unwrap(), b"{\"half\":");
}

#[test]
fn data_behind_the_last_entry_of_a_trail_that_was_closed_is_no_torn_tail() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    append(&fixture.path(), b"{\"forged\":true}\n");
    assert_eq!(damage_kind(fixture.verify()), DamageKind::Inserted);
    let text = start_error(fixture.sink());
    assert!(text.contains("does not verify") && text.contains("inserted"), "{text}");
}

#[test]
fn an_entry_whose_length_was_changed_is_no_torn_tail() {
    let fixture = crashed(Fixture::sink, 3);
    let mut bytes = fs::read(fixture.trail_path()).unwrap();
    bytes[6] ^= 1;
    fs::write(fixture.trail_path(), &bytes).unwrap();
    assert!(start_error(fixture.sink()).contains("altered"));
    assert_eq!(fs::read(fixture.trail_path()).unwrap(), bytes, "nothing was cut");
}

#[test]
fn a_head_that_does_not_verify_is_refused_with_its_reason() {
    let reason = |tamper: &dyn Fn(&Fixture)| {
        let fixture = crashed(|fixture| fixture.sink().checkpoint_blocks(1000), 2);
        tamper(&fixture);
        start_error(fixture.sink())
    };
    let flip = |fixture: &Fixture, path: &Path, from_end: usize| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
        drop(fixture.names());
    };
    let in_directory = |fixture: &Fixture, name: &str| fixture.directory.path().join(name);
    type Tamper<'a> = &'a dyn Fn(&Fixture);
    let cases: [(Tamper<'_>, &str); 6] = [
        (&|fixture| flip(fixture, &fixture.path(), 10), "the block has other bytes"),
        (&|fixture| flip(fixture, &fixture.trail_path(), 10), "the entry or its chain value was changed"),
        (&|fixture| fs::remove_file(fixture.path()).unwrap(), "the data file is missing"),
        (&|fixture| fs::remove_file(fixture.trail_path()).unwrap(), "its trail file is missing"),
        (
            &|fixture| fs::remove_file(in_directory(fixture, "audit.jsonl.chain-key")).unwrap(),
            "current chain key is missing",
        ),
        (
            &|fixture| {
                let key = read_chain_key(&in_directory(fixture, "audit.jsonl.chain-key")).unwrap();
                fs::write(in_directory(fixture, "audit.jsonl.chain-key"), key.next().to_text().as_bytes()).unwrap();
            },
            "the chain key is newer than the trail",
        ),
    ];
    for (tamper, expected) in cases {
        let text = reason(tamper);
        assert!(text.contains(expected) && text.contains("on_broken_head"), "{expected}: {text}");
    }
}

#[test]
fn a_new_trail_takes_the_place_of_a_broken_one_and_states_it() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink().rotate_bytes(16 * 1024), 4);
    append(&fixture.path(), b"forged\n");
    let second_key = fixture.directory.path().join("second.key");
    let sink = fixture.sink().on_broken_head(OnBrokenHead::NewTrail).first_key(&second_key);
    fixture.write(sink, 1);

    let verifier = Verifier::new(fixture.verifying_key()).chain_key(read_chain_key(&second_key).unwrap());
    let verified = verifier.verify(&fixture.path()).unwrap();
    assert_eq!((verified.records, verified.segments), (40, 1));
    let broken = fixture.names().into_iter().find(|name| name.contains(".broken-")).unwrap();
    let old = fixture.directory.path().join(&broken).join("audit.jsonl");
    assert_eq!(damage_kind(fixture.verifier().verify(&old)), DamageKind::Inserted);
    let trail = fs::read(fixture.trail_path()).unwrap();
    assert!(trail.windows(broken.len()).any(|window| window == broken.as_bytes()), "OPEN names the directory");
}

#[test]
fn a_crash_between_a_checkpoint_and_the_new_chain_key_is_repaired() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    // The key of the state before the last checkpoint.
    let state = fixture.directory.path().join("audit.jsonl.chain-key");
    let epoch = read_chain_key(&state).unwrap().epoch();
    fs::write(&state, fixture.first_key().at_epoch(epoch - 1).unwrap().to_text().as_bytes()).unwrap();
    fixture.write(fixture.sink(), 1);
    assert_eq!(fixture.verify().unwrap().records, 80);
}

/// The files have their old names again, the last checkpoint has so many bytes of its own, and the chain key is the one before it.
fn tear_last_checkpoint(directory: &Path, rotated: &str, kept: fn(usize) -> usize) {
    for suffix in ["", ".trail"] {
        let (from, to) = (format!("{rotated}{suffix}"), format!("audit.jsonl{suffix}"));
        fs::rename(directory.join(from), directory.join(to)).unwrap();
    }
    let path = directory.join("audit.jsonl.trail");
    let bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).rposition(|tag| tag == b"CKPT").unwrap();
    fs::write(&path, &bytes[..at + kept(bytes.len() - at)]).unwrap();
    let state = directory.join("audit.jsonl.chain-key");
    let epoch = read_chain_key(&state).unwrap().epoch();
    let first = read_chain_key(&directory.join("auditor.key")).unwrap();
    fs::write(&state, first.at_epoch(epoch - 1).unwrap().to_text().as_bytes()).unwrap();
}

#[test]
fn a_rotation_that_a_crash_has_interrupted_is_completed() {
    type Undo = fn(&Path, &str);
    let undo: [(&str, Undo); 7] = [
        ("the checkpoint behind the closing entry is torn", |directory, rotated| {
            tear_last_checkpoint(directory, rotated, |checkpoint| checkpoint - 10);
        }),
        ("the checkpoint behind the closing entry is missing", |directory, rotated| {
            tear_last_checkpoint(directory, rotated, |_| 0);
        }),
        ("both files have their old names", |directory, rotated| {
            fs::rename(directory.join(rotated), directory.join("audit.jsonl")).unwrap();
            let (from, to) = (format!("{rotated}.trail"), "audit.jsonl.trail");
            fs::rename(directory.join(from), directory.join(to)).unwrap();
        }),
        ("the trail file has its old name", |directory, rotated| {
            fs::remove_file(directory.join("audit.jsonl")).unwrap();
            fs::rename(directory.join(format!("{rotated}.trail")), directory.join("audit.jsonl.trail")).unwrap();
        }),
        ("there are no new files", |directory, _| {
            fs::remove_file(directory.join("audit.jsonl")).unwrap();
            fs::remove_file(directory.join("audit.jsonl.trail")).unwrap();
        }),
        ("the new trail file is empty", |directory, _| {
            fs::write(directory.join("audit.jsonl"), "").unwrap();
            fs::write(directory.join("audit.jsonl.trail"), "").unwrap();
        }),
        ("the new trail file has half an entry", |directory, _| {
            let trail = fs::read(directory.join("audit.jsonl.trail")).unwrap();
            fs::write(directory.join("audit.jsonl"), "").unwrap();
            fs::write(directory.join("audit.jsonl.trail"), &trail[..70]).unwrap();
        }),
    ];
    for (state, undo) in undo {
        let fixture = Fixture::new();
        let logs = start(builder(), fixture.sink());
        log_payloads(&logs, 2);
        logs.rotate(TIMEOUT).unwrap();
        let directory = copy(fixture.directory.path());
        shut_down(&logs);
        let rotated = fixture.names().into_iter().find(|name| name.starts_with("audit.2")).unwrap();
        undo(directory.path(), &rotated);
        let moved = Fixture { keys: fixture.keys.clone(), directory };
        moved.write(moved.sink(), 1);
        let verified = moved.verify().unwrap_or_else(|error| panic!("{state}: {error}"));
        assert_eq!((verified.records, verified.segments), (120, 2), "{state}");
    }
}

/// The test program as a program of its own, which runs this ignored test.
fn program(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env("AUDIT_TRAIL_DIRECTORY", directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn program_with_input(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env("AUDIT_TRAIL_DIRECTORY", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn sink_of_program() -> AuditTrail {
    let directory = std::path::PathBuf::from(std::env::var_os("AUDIT_TRAIL_DIRECTORY").unwrap());
    AuditTrail::new(directory.join("audit.jsonl"), format::Json::new, SecretRef::file(directory.join("signing.key")))
        .block_bytes(4096)
        .checkpoint_blocks(3)
        .rotate_bytes(64 * 1024)
        .first_key(directory.join("auditor.key"))
}

/// Logs without an end, and prints the number of records that are delivered.
fn print_delivered(logs: &Container) {
    let log = logs.logger("test");
    for count in 0u64.. {
        (0..7)
            .for_each(|record| audit!(log, "changed", count, record, text = "some text that makes the record longer"));
        let delivered = logs.flush(TIMEOUT).unwrap().delivered_total();
        println!("delivered {delivered}");
    }
}

#[test]
#[ignore = "a program of its own, which another test starts and kills"]
fn writes_until_it_is_killed() {
    print_delivered(&start(builder(), sink_of_program()));
}

#[test]
fn a_program_that_is_killed_at_any_moment_keeps_all_that_it_has_delivered() {
    let fixture = Fixture::new();
    let mut delivered_before = 0;
    for round in 0..12u64 {
        let mut child = program("writes_until_it_is_killed", fixture.directory.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut delivered = 0;
        let mut note = |line: &str| {
            let number = line.rsplit_once("delivered ").and_then(|(_, number)| number.parse::<u64>().ok());
            delivered = number.unwrap_or(delivered);
            delivered
        };
        // At a moment of its own in each round.
        let wanted = 7 * (3 + round * 5 % 23);
        while note(&lines.next().unwrap().unwrap()) < wanted {}
        std::thread::sleep(Duration::from_micros(round * 371 % 2000));
        child.kill().unwrap();
        for line in lines {
            note(&line.unwrap_or_default());
        }
        child.wait().unwrap();
        delivered_before += delivered;

        // A start verifies the head, and continues.
        shut_down(&start(builder(), fixture.sink().rotate_bytes(64 * 1024)));
        let verified = fixture.verify().unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(verified.records >= delivered_before, "round {round}: {} of {delivered_before}", verified.records);
        delivered_before = verified.records;
    }
}

#[test]
#[ignore = "a program of its own, whose files cannot grow beyond a limit"]
fn writes_to_a_full_disk() {
    let logs = start(builder(), sink_of_program().rotate_bytes(1 << 30));
    let limit = |bytes| {
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
    };
    log_payloads(&logs, 2);
    limit(Some(24 * 1024));
    let log = logs.logger("test");
    for count in 0..400u64 {
        audit!(log, "changed", count, text = "x".repeat(200).as_str());
        let _ = logs.flush(TIMEOUT);
    }
    limit(getrlimit(Resource::Fsize).maximum);
    log_payloads(&logs, 2);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    println!("delivered {}", accounts.delivered_total());
    println!("lost {}", accounts.submitted - accounts.delivered_total());
}

#[test]
fn records_that_count_as_delivered_survive_a_full_disk_and_the_trail_records_the_gap() {
    let fixture = Fixture::new();
    let child = program("writes_to_a_full_disk", fixture.directory.path());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.rsplit_once(name)).unwrap_or_else(|| panic!("{text}"));
        line.1.parse::<u64>().unwrap()
    };
    let (delivered, lost) = (figure("delivered "), figure("lost "));
    let verified = fixture.verify().unwrap();
    assert!(lost > 0, "{text}");
    assert_eq!(verified.records, delivered);
    assert!(verified.gaps > 0 && verified.gaps <= lost, "{verified:?}");
}

#[test]
#[ignore = "a program of its own, whose files cannot grow while one payload is delivered"]
fn writes_while_the_disk_is_full_for_one_payload() {
    let logs = start(builder(), sink_of_program().rotate_bytes(1 << 30));
    log_payloads(&logs, 1);
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(1024), maximum }).unwrap();
    let log = logs.logger("test");
    audit!(log, "changed", text = "lost");
    let _ = logs.flush(TIMEOUT);
    setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
    log_payloads(&logs, 1);
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    println!("delivered {}", accounts.delivered_total());
    println!("lost {}", accounts.submitted - accounts.delivered_total());
}

#[test]
fn a_single_payload_that_is_given_up_is_recorded_as_a_gap() {
    let fixture = Fixture::new();
    let child = program("writes_while_the_disk_is_full_for_one_payload", fixture.directory.path());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("lost 1\n"), "{text}");
    let verified = fixture.verify().unwrap();
    // The container logs that an event is lost.
    assert!(text.contains(&format!("delivered {}\n", verified.records)), "{text}");
    assert_eq!(verified.gaps, 1);
}

#[test]
#[ignore = "a program of its own, which others start at the same time"]
fn writes_if_it_is_the_only_one() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let Ok(logs) = builder().sink("audit", sink_of_program()).start() else { return };
    audit!(logs.logger("test"), "started");
    println!("delivered {}", logs.flush(TIMEOUT).unwrap().delivered_total());
    // The others have attempted their start by then.
    std::io::stdin().read_line(&mut line).unwrap();
    shut_down(&logs);
}

#[test]
fn programs_that_start_at_the_same_time_write_one_trail() {
    for round in 0..6 {
        let fixture = Fixture::new();
        let mut children: Vec<Child> =
            (0..4).map(|_| program_with_input("writes_if_it_is_the_only_one", fixture.directory.path())).collect();
        for child in &mut children {
            child.stdin.as_mut().unwrap().write_all(b"start\n").unwrap();
        }
        std::thread::sleep(Duration::from_millis(100));
        let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap());
        let texts: Vec<String> = outputs.map(|output| String::from_utf8(output.stdout).unwrap()).collect();
        let delivered = texts.iter().filter(|text| text.contains("delivered 1")).count() as u64;
        let verified = fixture.verify().unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(verified.records, delivered, "round {round}: {texts:?}");
    }
}

#[test]
fn a_start_that_was_interrupted_before_the_auditors_key_writes_it() {
    let fixture = Fixture::new();
    let key = ChainKey::from_bytes(&[7; 32]);
    let state = fixture.directory.path().join("audit.jsonl.chain-key");
    fs::write(&state, key.to_text().as_bytes()).unwrap();
    fs::set_permissions(&state, PermissionsExt::from_mode(0o600)).unwrap();
    fixture.write(fixture.sink(), 1);
    assert_eq!(fixture.first_key().id(), key.id());
    assert_eq!(fixture.verify().unwrap().records, 40);
}

#[test]
fn a_data_file_without_records_whose_name_a_crash_has_taken_is_made_again() {
    let fixture = crashed(Fixture::sink, 0);
    fs::remove_file(fixture.path()).unwrap();
    fixture.write(fixture.sink(), 1);
    assert_eq!(fixture.verify().unwrap().records, 40);
}

#[test]
fn a_chain_key_that_others_can_read_is_refused() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    let state = fixture.directory.path().join("audit.jsonl.chain-key");
    fs::set_permissions(&state, PermissionsExt::from_mode(0o644)).unwrap();
    let text = start_error(fixture.sink());
    assert!(text.contains("audit.jsonl.chain-key") && text.contains("644"), "{text}");
}

#[test]
fn a_file_that_takes_the_place_of_the_live_one_stops_the_delivery_until_it_is_back() {
    for name in ["audit.jsonl", "audit.jsonl.trail"] {
        let fixture = Fixture::new();
        let logs = start(builder(), fixture.sink());
        log_payloads(&logs, 1);
        let (live, aside) = (fixture.directory.path().join(name), fixture.directory.path().join("aside"));
        fs::rename(&live, &aside).unwrap();
        let log = logs.logger("test");
        audit!(log, "changed", text = "there is no file for it");
        let delivered = logs.flush(TIMEOUT).map(|accounts| accounts.delivered_total());
        assert!(delivered.is_err(), "{name}: the record is in a file without a name: {delivered:?}");
        fs::rename(&aside, &live).unwrap();
        log_payloads(&logs, 1);
        logs.shutdown(TIMEOUT).unwrap().check().unwrap();
        let verified = fixture.verify().unwrap();
        assert_eq!((verified.records >= 80, verified.gaps), (true, 1), "{name}");
    }
}

#[test]
fn a_tail_of_the_data_that_no_crash_can_leave_is_not_copied() {
    let fixture = crashed(Fixture::sink, 1);
    let data = fs::OpenOptions::new().write(true).open(fixture.path()).unwrap();
    data.set_len(1 << 40).unwrap();
    let text = start_error(fixture.sink());
    assert!(text.contains("behind the last entry"), "{text}");
    assert!(!fixture.names().iter().any(|name| name.contains(".torn-")));
}

#[test]
fn keys_of_another_trail_do_not_continue_it() {
    let fixture = Fixture::new();
    fixture.write(fixture.sink(), 1);
    let other = tempfile::tempdir().unwrap();
    let KeyFiles { signing, verifying, .. } =
        fapilog_audit_trail::keys::generate_keys(other.path(), "example.com/audit").unwrap();
    assert_ne!(read_verifying_key(&verifying).unwrap(), fixture.verifying_key());
    let sink = AuditTrail::new(fixture.path(), format::Json::new, SecretRef::file(signing));
    let text = start_error(sink);
    assert!(text.contains("wrong_key"), "{text}");
}
