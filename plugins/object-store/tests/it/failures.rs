//! A store that is busy, silent, broken or elsewhere. FakeHttp is the store.

use std::time::Duration;

use fapilog_sink_network::tls::TlsSettings;
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario, TestCa};

use crate::{TIMEOUT, fake_store, ledger, log_numbers, s3_settings, segments, shut_down, start, taken, until};

const SINK: &str = "object_store";

#[test]
fn a_store_that_is_busy_gets_the_object_later() {
    let store = fake_store();
    let busy = || FakeAnswer::new(503).body("<Error><Code>SlowDown</Code></Error>");
    store.queue([busy().retry_after_seconds(1), busy(), FakeAnswer::new(500), FakeAnswer::new(429)]);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(store.url(""), spool.path());
    settings.segment.max_events = Some(1);
    let logs = start(&settings);
    let begin = std::time::Instant::now();
    log_numbers(&logs, 0..1);
    until("the segment is uploaded", || logs.accounts().sinks[0].counter("objects_uploaded") == 1);
    assert!(begin.elapsed() >= Duration::from_secs(1), "Retry-After is obeyed");
    assert_eq!(shut_down(&logs), (1, 0));
    let counts = ledger(&taken(&store), 1).counts();
    Conformance::record_exactly_once(SINK, "fake", Scenario::Throttled, counts);
    assert_eq!(logs.accounts().sinks[0].counter("uploads_failed"), 4);
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("503, SlowDown"), "{found}");
    let paths: std::collections::BTreeSet<_> = store.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(paths.len(), 1, "each attempt has the same name: {paths:?}");
}

#[test]
fn a_conflict_of_s3_is_no_sign_that_the_object_is_there() {
    let store = fake_store();
    store.queue([FakeAnswer::new(409).body("<Error><Code>ConditionalRequestConflict</Code></Error>")]);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(store.url(""), spool.path());
    settings.segment.max_events = Some(1);
    let logs = start(&settings);
    log_numbers(&logs, 0..1);
    until("the segment is uploaded", || logs.accounts().sinks[0].counter("objects_uploaded") == 1);
    assert_eq!(shut_down(&logs), (1, 0));
    assert_eq!(taken(&store).len(), 1);
    assert_eq!(logs.accounts().sinks[0].counter("objects_already_stored"), 0);
}

#[test]
fn tls_checks_the_certificate_of_the_store() {
    let ca = TestCa::new();
    let store = FakeHttp::builder().tls(&ca).answer(|_| FakeAnswer::ok().header("ETag", "\"e\"")).start();
    let spool = tempfile::tempdir().unwrap();
    let url = format!("https://localhost:{}", store.address().port());
    let mut settings = s3_settings(url, spool.path());
    let logs = start(&settings);
    log_numbers(&logs, 0..100);
    // An authority that nobody trusts.
    assert_eq!(shut_down(&logs), (100, 0));
    assert_eq!((store.requests().len(), segments(spool.path()).len()), (0, 1));
    let mut tls = TlsSettings::default();
    tls.ca_file = Some(ca.certificate_path());
    settings.tls = tls;
    let logs = start(&settings);
    until("the segment is uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let counts = ledger(&taken(&store), 100).counts();
    Conformance::record(SINK, "fake", Scenario::Tls, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (100, 0, 0));
    let _ = store.take_violations();
}

#[test]
fn answers_that_never_end_break_or_are_garbage_neither_hang_nor_stop_the_sink() {
    let answers = [
        FakeAnswer::ok().huge_body(1 << 40),
        FakeAnswer::ok().endless_body(),
        FakeAnswer::ok().latency(Duration::from_secs(3600)),
        FakeAnswer::ok().header("ETag", "\"e\"").drip(1, Duration::from_secs(1)),
        FakeAnswer::raw(200, b"garbage\r\n\r\n".to_vec()),
        FakeAnswer::raw(200, [0xff_u8; 70_000].to_vec()),
        FakeAnswer::reset(),
        FakeAnswer::no_answer(),
        FakeAnswer::new(500).endless_body(),
        FakeAnswer::redirect(307, "https://evil.example.com/"),
        FakeAnswer::new(403).body([0xff_u8; 4096].to_vec()),
    ];
    let store = FakeHttp::start();
    let failed = answers.len() as u64;
    store.answer(|_| FakeAnswer::ok().header("ETag", "\"e\""));
    store.queue(answers);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(store.url(""), spool.path());
    (settings.request_timeout, settings.connect_timeout) = (Duration::from_millis(150), Duration::from_millis(150));
    settings.segment.max_events = Some(1);
    let logs = start(&settings);
    for number in 0..12 {
        log_numbers(&logs, number..number + 1);
        logs.flush(TIMEOUT).unwrap();
    }
    until("the segments are uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (12, 0));
    let failures = logs.accounts().sinks[0].counter("uploads_failed");
    assert!((5..=failed).contains(&failures), "{failures}");
}

#[test]
fn the_credentials_of_the_machine_are_asked_for_where_the_settings_allow_it() {
    let store = fake_store();
    let metadata = FakeHttp::start();
    metadata.answer(|request| match (&*request.method, request.path()) {
        ("PUT", "/latest/api/token") => FakeAnswer::ok().body("t0k3n"),
        ("GET", "/latest/meta-data/iam/security-credentials/") => {
            assert_eq!(request.header("x-aws-ec2-metadata-token"), Some("t0k3n"));
            FakeAnswer::ok().body("role")
        }
        _ => FakeAnswer::json(
            r#"{"AccessKeyId":"ID","SecretAccessKey":"s3cr3t","Token":"session","Expiration":"2999-01-01T00:00:00Z"}"#,
        ),
    });
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(store.url(""), spool.path());
    settings.credentials = fapilog_object_store::StoreCredentials::default();
    settings.credentials.from_instance = true;
    settings.credentials.instance_url = Some(metadata.url(""));
    let logs = start(&settings);
    log_numbers(&logs, 0..1);
    assert_eq!(shut_down(&logs), (1, 0));
    let requests = store.accepted();
    assert_eq!(requests.len(), 1, "{:?}", logs.diagnostics());
    assert!(requests[0].header("authorization").unwrap().contains("Credential=ID/"));
    assert_eq!(requests[0].header("x-amz-security-token"), Some("session"));
    assert_eq!(metadata.take_violations(), Vec::<String>::new());
}

#[test]
fn a_store_at_an_address_of_a_metadata_service_is_refused() {
    let spool = tempfile::tempdir().unwrap();
    let settings = s3_settings("https://169.254.169.254".to_owned(), spool.path());
    let logs = start(&settings);
    log_numbers(&logs, 0..1);
    assert_eq!(shut_down(&logs), (1, 0));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("link-local"), "{found}");
}

#[test]
fn a_virtual_host_has_the_name_of_the_bucket() {
    let store = fake_store();
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(format!("http://localhost:{}", store.address().port()), spool.path());
    settings.path_style = Some(false);
    settings.allow_plaintext_hosts = vec!["logs.localhost".to_owned()];
    let logs = start(&settings);
    log_numbers(&logs, 0..1);
    assert_eq!(shut_down(&logs), (1, 0));
    // A resolver may not know the name.
    for request in store.requests() {
        assert_eq!(request.header("host"), Some(&*format!("logs.localhost:{}", store.address().port())));
        assert!(request.path().starts_with("/fapilog/"), "{}", request.target);
    }
}
