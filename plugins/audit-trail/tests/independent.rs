//! The verifier in Python, which was written after `docs/audit-format.md`, against the one in Rust.
//!
//! It needs Python 3 with the packages `cryptography` and `blake3`: that of the variable `AUDIT_TRAIL_PYTHON`, or `python3`. Without them,
//! the tests do nothing, unless `NO_SKIPPED_TESTS` is set.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of this program is test code"
)]

mod support;

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use fapilog_audit_trail::{
    keys::{ChainKey, SigningKey},
    verify::{Verifier, VerifyError},
};
use support::{
    Fixture, copy,
    tamper::{Random, WAYS, tamper},
};
use tempfile::TempDir;

/// Python with its packages; `None` if there is none.
fn python() -> Option<OsString> {
    let python = env::var_os("AUDIT_TRAIL_PYTHON").unwrap_or_else(|| "python3".into());
    let ran = Command::new(&python).args(["-c", "import blake3, cryptography"]).output();
    if ran.as_ref().is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let reason =
        ran.map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(env::var_os("NO_SKIPPED_TESTS").is_none(), "no Python with cryptography and blake3: {reason}");
    eprintln!("skipped: no Python with cryptography and blake3 (set AUDIT_TRAIL_PYTHON): {reason}");
    None
}

/// The keys that both verifiers have.
struct Keys {
    verifying: PathBuf,
    chain: Option<PathBuf>,
    anchor: Option<PathBuf>,
}

impl Keys {
    fn verifier(&self) -> Verifier {
        let mut verifier = Verifier::new(fapilog_audit_trail::keys::read_verifying_key(&self.verifying).unwrap());
        if let Some(chain) = &self.chain {
            verifier = verifier.chain_key(fapilog_audit_trail::keys::read_chain_key(chain).unwrap());
        }
        match &self.anchor {
            Some(anchor) => verifier.anchor(&fs::read_to_string(anchor).unwrap(), "anchor"),
            None => verifier,
        }
    }
}

/// The verdict of the verifier in Rust, in the words of the other one.
fn verdict(verifier: &Verifier, live: &Path) -> String {
    match verifier.verify(live) {
        Ok(verified) => format!("ok {} {}", verified.entries, verified.records),
        Err(VerifyError::Damage(damage)) => {
            format!("{} {} {} {}", damage.kind, damage.file.display(), damage.offset, damage.entry)
        }
        Err(error) => panic!("{error}"),
    }
}

/// Compares the verdicts about these directories.
fn compare(python: &OsString, keys: &Keys, directories: &[(String, TempDir)]) {
    let optional = |path: &Option<PathBuf>| path.as_ref().map_or("-".into(), |path| path.as_os_str().to_owned());
    let live = |directory: &TempDir| directory.path().join("audit.jsonl");
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify.py"))
        .arg(&keys.verifying)
        .args([optional(&keys.chain), optional(&keys.anchor)])
        .args(directories.iter().map(|(_, directory)| live(directory)))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), directories.len());
    let verifier = keys.verifier();
    for ((what, directory), theirs) in directories.iter().zip(theirs.lines()) {
        assert_eq!(verdict(&verifier, &live(directory)), theirs, "{what}");
    }
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write(fixture.sink().rotate_bytes(32 * 1024), 6);
    fixture.write(fixture.sink().rotate_bytes(32 * 1024), 4);
    fixture
}

fn keys_of(fixture: &Fixture) -> Keys {
    Keys {
        verifying: fixture.keys.verifying.clone(),
        chain: Some(fixture.first_key_path()),
        anchor: Some(fixture.anchor_path()),
    }
}

/// Copies of a trail, in each of which something was changed.
fn tampered(fixture: &Fixture, other: &Fixture, seeds: std::ops::Range<u64>) -> Vec<(String, TempDir)> {
    let cases = seeds.flat_map(|seed| (0..WAYS).map(move |way| (seed, way)));
    let tampered = cases.map(|(seed, way)| {
        let directory = copy(fixture.directory.path());
        let random = &mut Random::new(seed * 1000 + way as u64);
        let expected = tamper(directory.path(), other.directory.path(), way, random);
        (format!("way {way}, seed {seed}: {}", expected.what), directory)
    });
    tampered.collect()
}

#[test]
fn both_verifiers_agree_about_trails_that_are_whole() {
    let Some(python) = python() else { return };
    for rotate_bytes in [16 * 1024, 1 << 30] {
        let fixture = Fixture::new();
        for payloads in [1, 4] {
            fixture.write(fixture.sink().rotate_bytes(rotate_bytes), payloads);
            let whole = copy(fixture.directory.path());
            let text = verdict(&keys_of(&fixture).verifier(), &whole.path().join("audit.jsonl"));
            assert!(text.starts_with("ok "), "{text}");
            compare(&python, &keys_of(&fixture), &[("whole".to_owned(), whole)]);
        }
    }
}

#[test]
fn both_verifiers_find_the_same_damage_at_the_same_place() {
    let Some(python) = python() else { return };
    let (fixture, other) = (fixture(), Fixture::new());
    other.write(other.sink(), 3);
    compare(&python, &keys_of(&fixture), &tampered(&fixture, &other, 0..20));
}

#[test]
fn both_verifiers_agree_without_the_chain_key_and_without_an_anchor() {
    let Some(python) = python() else { return };
    let (fixture, other) = (fixture(), Fixture::new());
    other.write(other.sink(), 3);
    let keys = Keys { chain: None, anchor: None, ..keys_of(&fixture) };
    compare(&python, &keys, &tampered(&fixture, &other, 100..105));
}

#[test]
fn both_verifiers_agree_about_old_files_that_the_sink_has_removed_and_others() {
    let Some(python) = python() else { return };
    let (fixture, other) = (Fixture::new(), Fixture::new());
    other.write(other.sink(), 3);
    let sink = || fixture.sink().rotate_bytes(32 * 1024).retain_age(Duration::from_secs(1));
    fixture.write(sink(), 8);
    while fixture.verify().unwrap().removed.is_none() {
        std::thread::sleep(Duration::from_millis(50));
        fixture.write(sink(), 1);
    }
    fixture.write(sink().retain_age(Duration::from_secs(3600)), 8);
    let text = verdict(&keys_of(&fixture).verifier(), &fixture.path());
    assert!(text.starts_with("ok "), "{text}");
    let mut cases = tampered(&fixture, &other, 200..205);
    cases.push(("whole".to_owned(), copy(fixture.directory.path())));
    // The oldest file that is there is gone, or its data alone.
    for is_whole in [true, false] {
        let directory = copy(fixture.directory.path());
        let names = fixture.names();
        let oldest = names.iter().find(|name| name.starts_with("audit.2")).unwrap();
        fs::remove_file(directory.path().join(oldest)).unwrap();
        if is_whole {
            fs::remove_file(directory.path().join(format!("{oldest}.trail"))).unwrap();
        }
        cases.push((format!("the oldest file, {is_whole}"), directory));
    }
    compare(&python, &keys_of(&fixture), &cases);
    let keys = Keys { chain: None, anchor: None, ..keys_of(&fixture) };
    compare(&python, &keys, &cases);
}

#[test]
fn both_verifiers_split_the_notes_of_an_anchor_alike() {
    let Some(python) = python() else { return };
    let fixture = fixture();
    let notes = fs::read_to_string(fixture.anchor_path()).unwrap();
    for anchor in [format!("\n{notes}\n\n"), notes.replace("\nexample", "\n\nexample"), format!("{notes}half of")] {
        let path = fixture.directory.path().join("changed.notes");
        fs::write(&path, anchor).unwrap();
        let keys = Keys { anchor: Some(path), ..keys_of(&fixture) };
        let verdict = |directory: &TempDir| verdict(&keys.verifier(), &directory.path().join("audit.jsonl"));
        let whole = copy(fixture.directory.path());
        let text = verdict(&whole);
        assert!(text.starts_with("ok ") || text == "checkpoint_invalid anchor 0 0", "{text}");
        compare(&python, &keys, &[("whole".to_owned(), whole)]);
    }
}

#[test]
fn both_verifiers_agree_about_wrong_keys_and_the_tail_of_a_crash() {
    let Some(python) = python() else { return };
    let fixture = fixture();
    let write = |name: &str, text: &str| {
        let path = fixture.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let wrong = SigningKey::from_seed("example.com/audit", &[1; 32]).unwrap();
    let verifying = write("wrong.key", &wrong.verifying_key().to_text());
    let chain = write("wrong.chain", &ChainKey::from_bytes(&[1; 32]).to_text());
    let whole = || vec![("wrong key".to_owned(), copy(fixture.directory.path()))];
    compare(&python, &Keys { verifying, ..keys_of(&fixture) }, &whole());
    compare(&python, &Keys { chain: Some(chain), ..keys_of(&fixture) }, &whole());

    let running = Fixture::new();
    let logs = support::start(support::builder(), running.sink());
    support::log_payloads(&logs, 2);
    let crashed = copy(running.directory.path());
    support::shut_down(&logs);
    let data = crashed.path().join("audit.jsonl");
    let torn = [fs::read(&data).unwrap(), b"half a rec".to_vec()].concat();
    fs::write(&data, torn).unwrap();
    let keys = Keys { anchor: None, ..keys_of(&running) };
    assert!(verdict(&keys.verifier(), &data).starts_with("unrecorded"));
    compare(&python, &keys, &[("a torn tail".to_owned(), crashed)]);
}
