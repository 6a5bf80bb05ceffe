//! `rclone serve s3`: signatures are checked, and `If-None-Match` is ignored. The bucket is a directory, which survives a restart.

use std::fs;

use fapilog::settings::SecretRef;
use fapilog_test_servers::{Conformance, FakeHttp, Scenario, servers::RcloneS3};

use crate::{BUCKET, StoredObject, forward, ledger, log_numbers, s3_settings, segments, shut_down, start, until};

const SINK: &str = "object_store";

fn objects(server: &RcloneS3) -> Vec<StoredObject> {
    let read = |(name, path)| StoredObject { name, body: fs::read(path).unwrap() };
    server.objects(BUCKET).into_iter().map(read).collect()
}

#[test]
fn requests_are_signed() {
    let Some(server) = RcloneS3::start() else { return };
    server.create_bucket(BUCKET);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(format!("http://{}", server.http()), spool.path());
    settings.credentials.secret_access_key = Some(SecretRef::bytes(b"wrong".to_vec()));
    let logs = start(&settings);
    log_numbers(&logs, 0..1000);
    // The events are durable, and the store refuses the object.
    assert_eq!(shut_down(&logs), (1000, 0));
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("SignatureDoesNotMatch") && !found.contains("wrong"), "{found}");
    assert_eq!((objects(&server).len(), segments(spool.path()).len()), (0, 1));
    // A later process has the right secret.
    settings.credentials.secret_access_key = Some(SecretRef::bytes(b"test-secret-key".to_vec()));
    let logs = start(&settings);
    until("the segment is uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let counts = ledger(&objects(&server), 1000).counts();
    Conformance::record(SINK, "rclone", Scenario::Happy, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
}

#[test]
fn no_event_is_lost_when_the_server_is_killed_in_flight() {
    let Some(mut server) = RcloneS3::start() else { return };
    server.create_bucket(BUCKET);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(format!("http://{}", server.http()), spool.path());
    settings.segment.max_events = Some(100);
    let logs = start(&settings);
    for round in 0..50 {
        log_numbers(&logs, round * 100..(round + 1) * 100);
        logs.flush(crate::TIMEOUT).unwrap();
        if round == 20 {
            until("objects are there", || objects(&server).len() > 3);
            server.server.kill();
        }
        if round == 35 {
            server.server.restart();
        }
    }
    until("all segments are uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (5000, 0));
    let counts = ledger(&objects(&server), 5000).counts();
    Conformance::record_exactly_once(SINK, "rclone", Scenario::RestartedInFlight, counts);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (5000, 0, 0));
}

#[test]
fn an_answer_that_is_lost_leads_to_the_same_object_again() {
    let Some(server) = RcloneS3::start() else { return };
    server.create_bucket(BUCKET);
    let (proxy, address) = (FakeHttp::start(), server.http());
    let lost = std::sync::atomic::AtomicBool::new(false);
    proxy.answer(move |request| {
        let answer = forward(address, request);
        match lost.swap(true, std::sync::atomic::Ordering::Relaxed) {
            false => fapilog_test_servers::FakeAnswer::no_answer(),
            true => answer,
        }
    });
    let spool = tempfile::tempdir().unwrap();
    let settings = s3_settings(proxy.url(""), spool.path());
    let logs = start(&settings);
    log_numbers(&logs, 0..100);
    logs.flush(crate::TIMEOUT).unwrap();
    assert_eq!(shut_down(&logs), (100, 0));
    // The shutdown waits for one attempt, and the next process makes the other.
    let logs = start(&settings);
    until("the segment is uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let statuses: Vec<_> = proxy.requests().iter().map(|request| request.status()).collect();
    assert_eq!(statuses.last(), Some(&Some(200)), "the server ignores If-None-Match");
    let objects = objects(&server);
    let counts = ledger(&objects, 100).counts();
    Conformance::record(
        SINK,
        "rclone",
        Scenario::DuplicatesSuppressed,
        counts.delivered,
        counts.duplicated,
        counts.lost,
    );
    assert_eq!((counts.delivered, counts.duplicated, counts.lost, objects.len()), (100, 0, 0, 1));
}
