//! `fapilog audit query`, and the record of each access to a trail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod command;
mod trails;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
};

use command::{fapilog, stderr, stdout};
use fapilog::audit;
use serde_json::Value;
use trails::{Trail, shut_down};

const ACCESS: [&str; 4] = ["--access-trail", "access.jsonl", "--access-key", "access/signing.key"];

/// A closed trail of twelve records, and keys of an access trail.
fn trail() -> Trail {
    let trail = Trail::keys();
    log_actions(&trail);
    let made = trail.run(&["keys", "audit", "access", "--name", "example.com/access"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    trail
}

fn log_actions(trail: &Trail) {
    let logs = trail.start(trail.sink());
    let log = logs.logger("shop");
    for user in ["kim", "ada", "kit"] {
        for (action, object) in [("order cancelled", "order 1"), ("limit raised", "account 4711")] {
            for outcome in ["success", "denied"] {
                audit!(log, action, who = user, object, outcome, origin = "192.0.2.1");
            }
        }
    }
    shut_down(&logs);
}

fn query(trail: &Trail, arguments: &[&str]) -> Output {
    trail.run(&[&["audit", "query", "audit.jsonl", "--keys", "keys"], &ACCESS[..], arguments].concat())
}

/// The lines of a query that finds something to show, without a word on standard error.
#[track_caller]
fn lines(trail: &Trail, arguments: &[&str]) -> Vec<String> {
    let output = query(trail, arguments);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    stdout(&output).lines().map(str::to_owned).collect()
}

/// The records of the access trail, which verifies.
#[track_caller]
fn accesses(trail: &Trail) -> Vec<Value> {
    let verified = trail.run(&["verify", "access.jsonl", "--keys", "access"]);
    assert_eq!(verified.status.code(), Some(0), "{}", stdout(&verified));
    let text = fs::read_to_string(trail.path("access.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, message: &str) {
    let text = stderr(output);
    assert_eq!((output.status.code(), stdout(output).as_str()), (Some(code), ""), "{text}");
    assert!(text.contains(message), "{text}");
}

#[test]
fn records_are_found_by_user_action_object_outcome_origin_and_time() {
    let trail = trail();
    for (filters, count) in [
        (&["--user", "ada"][..], 4),
        (&["--action", "limit*"], 6),
        (&["--object", "account 4711"], 6),
        (&["--outcome", "denied"], 6),
        (&["--origin", "192.0.2.*"], 12),
        (&["--user", "k*", "--outcome", "denied"], 4),
        (&["--user", "kim", "--user", "ada", "--action", "order cancelled"], 4),
        (&["--since", "-1h", "--until", "now"], 12),
        (&["--until", "yesterday"], 0),
        (&["--user", "' OR '1'='1"], 0),
        (&[], 12),
    ] {
        assert_eq!(lines(&trail, filters).len(), count, "{filters:?}");
    }
    let one = lines(&trail, &["--user", "ada", "--object", "order*", "--outcome", "denied", "--output", "raw"]);
    assert_eq!(one, [trail.records()[5].clone()]);
}

#[test]
fn every_output_has_the_number_of_the_record_and_its_place() {
    let trail = trail();
    let filters = ["--user", "ada", "--object", "account*", "--outcome", "success"];
    let with = |options: &[&str]| lines(&trail, &[&filters[..], options].concat());
    let object: Value = serde_json::from_str(&with(&["--json"])[0]).unwrap();
    let offset: usize = trail.records()[..6].iter().map(|record| record.len() + 1).sum();
    let place = serde_json::json!({ "record": 6, "file": 0, "offset": offset, "block": 1, "signed": true });
    assert_eq!((&object["trail"], &object["context"]["who"]), (&place, &"ada".into()));
    let pretty = with(&["--utc"]);
    assert!(pretty[0].contains("limit raised who=ada ") && pretty[0].ends_with("trail.record=6"), "{pretty:?}");
    let csv = with(&["--output", "csv", "--fields", "message,who,trail.record,trail.signed"]);
    assert_eq!(csv, ["message,who,trail.record,trail.signed", "limit raised,ada,6,true"]);
    let number = object["trail"]["record"].to_string();
    let proof = trail.run(&["prove", "audit.jsonl", "--keys", "keys", "--record", &number]);
    let proven = trail.run_with(&proof.stdout, &["verify-proof", "-", "--keys", "keys", "--json"]);
    assert_eq!(command::json(&proven)["record"].as_str().unwrap().trim_end(), trail.records()[6]);
}

#[test]
fn an_access_is_recorded_with_its_user_its_terms_and_the_number_of_records() {
    let trail = trail();
    lines(&trail, &["--user", "k*", "--outcome", "denied", "--limit", "9", "--since", "2026-01-01T00:00:00Z"]);
    lines(&trail, &["--user", "nobody"]);
    let accesses = accesses(&trail);
    assert_eq!(accesses.len(), 2);
    let access = &accesses[0];
    assert_eq!((&access["level"], &access["message"]), (&"AUDIT".into(), &"audit trail queried".into()));
    let context = &access["context"];
    let object = fs::canonicalize(trail.path("audit.jsonl")).unwrap();
    assert_eq!(context["object"].as_str(), object.to_str());
    assert_eq!((&context["outcome"], &context["records"]), (&"success".into(), &4.into()));
    assert_eq!(context["uid"], rustix::process::getuid().as_raw());
    assert!(
        !context["who"].as_str().unwrap().is_empty() && !context["origin"].as_str().unwrap().is_empty(),
        "{access}"
    );
    let terms: Value = serde_json::from_str(context["terms"].as_str().unwrap()).unwrap();
    let expected = serde_json::json!({
        "user": ["k*"], "outcome": ["denied"], "since": "2026-01-01T00:00:00Z", "limit": 9,
    });
    assert_eq!(terms, expected);
    assert_eq!(accesses[1]["context"]["records"], 0);
}

#[test]
fn an_access_trail_can_be_queried_itself() {
    let trail = trail();
    lines(&trail, &["--user", "ada"]);
    let arguments =
        ["audit", "query", "access.jsonl", "--keys", "access", "--action", "audit trail queried", "--output", "raw"];
    let output = trail.run(&[&arguments[..], &ACCESS[..]].concat());
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 1), "{}", stderr(&output));
    assert_eq!(accesses(&trail).len(), 2);
}

#[test]
fn nothing_is_shown_and_nothing_is_made_without_an_access_trail() {
    let trail = trail();
    let arguments = ["audit", "query", "audit.jsonl", "--keys", "keys"];
    assert_refused(&trail.run(&arguments), 2, "--access-trail: it is missing: the access is recorded before");
    assert_refused(&trail.run(&[&arguments[..], &ACCESS[..2]].concat()), 2, "--access-key");
    assert!(!trail.path("audit.jsonl.index").exists());
    let output = trail.run(&[&arguments[..], &["--no-access-record"]].concat());
    assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 12));
    let both = [&arguments[..], &ACCESS[..], &["--no-access-record"]].concat();
    assert_refused(&trail.run(&both), 2, "cannot be used with");
}

#[test]
fn nothing_is_shown_if_the_access_cannot_be_recorded() {
    let trail = trail();
    let with = |access: &str, key: &str| {
        let own = ["--access-trail", access, "--access-key", key];
        trail.run(&[&["audit", "query", "audit.jsonl", "--keys", "keys"][..], &own[..]].concat())
    };
    let reason = "the access cannot be recorded, so nothing is shown: ";
    assert_refused(&with("access.jsonl", "access/no-such.key"), 29, reason);
    assert_refused(&with("access.jsonl", "${NO_SUCH_KEY_OF_A_TEST}"), 29, reason);
    assert_refused(&with("no/such/directory/access.jsonl", "access/signing.key"), 29, reason);
    // Another program has the access trail, such as a service that logs to it.
    let held = fapilog_audit_trail::sink::AuditTrail::new(
        trail.path("access.jsonl"),
        fapilog::format::Json::new,
        fapilog::settings::SecretRef::file(trail.path("access/signing.key")),
    );
    let logs = trail.start(held);
    assert_refused(&with("access.jsonl", "access/signing.key"), 29, reason);
    shut_down(&logs);
    assert_eq!(with("access.jsonl", "access/signing.key").status.code(), Some(0));
    // A trail that was changed is not continued.
    trail.change("access.jsonl", |bytes| bytes[10] ^= 1);
    assert_refused(&with("access.jsonl", "access/signing.key"), 29, reason);
}

#[test]
fn several_queries_at_once_are_all_answered_and_recorded_while_the_trail_is_written() {
    let trail = trail();
    let logs = trail.start(trail.sink().rotate_bytes(8192));
    let start = || {
        let mut command = fapilog();
        command.args(["audit", "query", "audit.jsonl", "--keys", "keys", "--user", "kit", "--json"]).args(ACCESS);
        command.current_dir(trail.path(".")).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..6).map(|_| start()).collect();
    trails::log(&logs, 20);
    for process in running {
        let output = process.wait_with_output().unwrap();
        assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 4), "{}", stderr(&output));
    }
    shut_down(&logs);
    assert_eq!(accesses(&trail).len(), 6);
}

#[test]
fn a_record_that_was_changed_is_damage_and_the_attempt_is_recorded() {
    let trail = trail();
    lines(&trail, &[]);
    trail.change("audit.jsonl", |bytes| {
        let text = String::from_utf8(std::mem::take(bytes)).unwrap();
        *bytes = text.replacen("ada", "eve", 1).into_bytes();
    });
    assert_refused(&query(&trail, &["--user", "ada"]), 10, "altered: the block has other bytes (audit.jsonl, byte 0");
    let last = accesses(&trail).pop().unwrap();
    assert_eq!((&last["context"]["outcome"], &last["context"]["records"]), (&"failure".into(), &Value::Null));
}

#[test]
fn an_index_that_was_changed_is_found_and_can_be_made_anew() {
    let trail = trail();
    lines(&trail, &["--index", "an.index"]);
    assert_eq!(fs::metadata(trail.path("an.index")).unwrap().permissions().mode() & 0o777, 0o600);
    // The texts of a user in the rows, and in the index of users.
    trail.change("an.index", |bytes| {
        let places: Vec<usize> = (0..bytes.len() - 3).filter(|at| &bytes[*at..at + 3] == b"kit").collect();
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| bytes[at..at + 3].copy_from_slice(b"ada"));
    });
    assert_refused(
        &query(&trail, &["--index", "an.index", "--action", "limit*"]),
        28,
        "a row has other values than its record",
    );
    assert_eq!(lines(&trail, &["--index", "an.index", "--user", "ada", "--rebuild"]).len(), 4);
    fs::write(trail.path("other"), "x".repeat(200)).unwrap();
    fs::set_permissions(trail.path("other"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_refused(&query(&trail, &["--index", "other", "--rebuild"]), 28, "other is no index of an audit trail");
}

#[test]
fn facts_that_no_record_shows_are_on_standard_error() {
    let trail = trail();
    let logs = trail.start(trail.sink().checkpoint_blocks(1000));
    audit!(logs.logger("shop"), "imported", who = "eve", object = "o", outcome = "success", origin = "o");
    logs.flush(std::time::Duration::from_secs(30)).unwrap();
    let output = query(&trail, &["--limit", "2", "--json"]);
    let notes: Vec<Value> = stderr(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&notes[0]["not_signed"], &notes[1]["more_before"]), (&1.into(), &11.into()), "{notes:?}");
    assert!(notes.iter().all(|note| note["kind"] == "note"));
    let text = stdout(&output);
    assert!(text.lines().last().unwrap().ends_with("\"signed\":false}}"), "{text}");
    assert_eq!(lines(&trail, &["--limit", "9", "--before", "11", "--user", "kim"]).len(), 4);
    shut_down(&logs);
}

#[test]
fn arguments_that_are_no_patterns_times_or_numbers_are_refused_before_anything_is_read() {
    let trail = trail();
    for (arguments, message) in [
        (&["--user", ""][..], "the text is empty; `*` stands for every value"),
        (&["--user", r"a\b"], "a backslash itself is written twice"),
        (&["--since", "noon"], "--since: \"noon\" is no time; allowed are"),
        (&["--since", "now", "--until", "-1h"], "--since must not be later than --until"),
        (&["--limit", "0"], "--limit"),
        (&["--output", "raw", "--fields", "who"], "--fields: raw lines have no fields"),
    ] {
        assert_refused(&query(&trail, arguments), 2, message);
    }
    assert!(!trail.path("access.jsonl").exists());
}

#[test]
fn proofs_and_decryptions_are_recorded_if_there_is_an_access_trail() {
    let trail = trail();
    let prove = ["prove", "audit.jsonl", "--keys", "keys", "--record", "3"];
    assert_eq!(trail.run(&[&prove[..], &ACCESS[..]].concat()).status.code(), Some(0));
    assert_refused(&trail.run(&[&prove[..5], &["99"], &ACCESS[..]].concat()), 20, "is number 99");
    fs::write(trail.path("plain.log"), "no frame\n").unwrap();
    fs::write(trail.path("shared.key"), "00".repeat(32)).unwrap();
    fs::set_permissions(trail.path("shared.key"), fs::Permissions::from_mode(0o600)).unwrap();
    trail.run(&[&["decrypt", "plain.log", "--key", "shared.key"][..], &ACCESS[..]].concat());
    trail.run(&[&["unseal", "plain.log", "--key", "shared.key"][..], &ACCESS[..]].concat());
    let of = |access: &Value| (access["message"].clone(), access["context"]["outcome"].clone());
    let found: Vec<_> = accesses(&trail).iter().map(of).collect();
    let expected = [
        ("audit trail proven", "success"),
        ("audit trail proven", "failure"),
        ("log decrypted", "success"),
        ("values unsealed", "success"),
    ];
    assert_eq!(found, expected.map(|(action, outcome)| (action.into(), outcome.into())));
    let refused = [&prove[..], &["--access-trail", "access.jsonl", "--access-key", "no.key"]].concat();
    assert_refused(&trail.run(&refused), 29, "the access cannot be recorded, so nothing is shown");
}
