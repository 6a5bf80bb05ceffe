//! Azurite: Azure Blob Storage, with signatures checked.

use fapilog::settings::SecretRef;
use fapilog_object_store::{ObjectCompression, ObjectStoreSettings, StoreKind};
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario, http_request, servers::Azurite};

use crate::{BUCKET, StoredObject, between, forward, ledger, log_numbers, segments, shut_down, start, until};

const SINK: &str = "object_store";
const VERSION: (&str, &str) = ("x-ms-version", "2021-08-06");

fn settings(url: String, spool: &std::path::Path) -> ObjectStoreSettings {
    let mut settings = ObjectStoreSettings::new(BUCKET, spool);
    settings.store = StoreKind::Azure;
    settings.endpoint = Some(format!("{url}/{}", Azurite::ACCOUNT));
    settings.account = Some(Azurite::ACCOUNT.to_owned());
    settings.credentials.account_key = Some(SecretRef::bytes(Azurite::KEY.as_bytes().to_vec()));
    settings.retry_max = std::time::Duration::from_millis(20);
    settings
}

fn get(server: &Azurite, target: &str) -> Vec<u8> {
    let target = format!("/{}/{BUCKET}{target}", Azurite::ACCOUNT);
    let reply = http_request(server.http(), "GET", &target, &[VERSION], &[]).unwrap();
    assert_eq!(reply.status, 200, "{target}: {}", String::from_utf8_lossy(&reply.body));
    reply.body
}

fn objects(server: &Azurite) -> Vec<StoredObject> {
    let list = String::from_utf8(get(server, "?restype=container&comp=list")).unwrap();
    let object = |name: &str| StoredObject { name: name.to_owned(), body: get(server, &format!("/{name}")) };
    between(&list, "<Name>", "</Name>").into_iter().map(object).collect()
}

#[test]
fn each_event_is_once_in_a_blob() {
    let Some(server) = Azurite::start() else { return };
    server.create_container(BUCKET);
    for (compression, scenario, blobs) in
        [(ObjectCompression::None, Scenario::Happy, 1), (ObjectCompression::Zstd, Scenario::Compressed, 2)]
    {
        let before = objects(&server);
        let spool = tempfile::tempdir().unwrap();
        let mut settings = settings(format!("http://{}", server.http()), spool.path());
        settings.compression = compression;
        let logs = start(&settings);
        log_numbers(&logs, 0..1000);
        assert_eq!(shut_down(&logs), (1000, 0));
        let all = objects(&server);
        assert_eq!(all.len(), blobs, "{:?}", logs.diagnostics());
        let new: Vec<_> = all.into_iter().filter(|object| !before.contains(object)).collect();
        let counts = ledger(&new, 1000).counts();
        Conformance::record(SINK, "azurite", scenario, counts.delivered, counts.duplicated, counts.lost);
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    }
}

#[test]
fn an_answer_that_is_lost_leads_to_no_second_blob() {
    let Some(server) = Azurite::start() else { return };
    server.create_container(BUCKET);
    let (proxy, address) = (FakeHttp::start(), server.http());
    let attempts = std::sync::atomic::AtomicUsize::new(0);
    proxy.answer(move |request| {
        let answer = forward(address, request);
        match attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 {
            0 => FakeAnswer::no_answer(),
            _ => answer,
        }
    });
    let spool = tempfile::tempdir().unwrap();
    let mut settings = settings(proxy.url(""), spool.path());
    settings.segment.max_events = Some(100);
    let logs = start(&settings);
    for round in 0..3 {
        log_numbers(&logs, round * 100..(round + 1) * 100);
        logs.flush(crate::TIMEOUT).unwrap();
        until("the segment is uploaded", || segments(spool.path()).is_empty());
    }
    assert_eq!(shut_down(&logs), (300, 0));
    let statuses: Vec<_> = proxy.requests().iter().map(|request| request.status()).collect();
    assert_eq!(statuses[1], Some(409), "{statuses:?}");
    let objects = objects(&server);
    let counts = ledger(&objects, 300).counts();
    Conformance::record(
        SINK,
        "azurite",
        Scenario::DuplicatesSuppressed,
        counts.delivered,
        counts.duplicated,
        counts.lost,
    );
    assert_eq!((counts.delivered, counts.duplicated, counts.lost, objects.len()), (300, 0, 0, 3));
}

#[test]
fn a_blob_above_the_length_of_a_part_is_uploaded_in_blocks() {
    let Some(server) = Azurite::start() else { return };
    server.create_container(BUCKET);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = settings(format!("http://{}", server.http()), spool.path());
    (settings.compression, settings.part_bytes) = (ObjectCompression::None, 5 << 20);
    let logs = start(&settings);
    let (log, filler) = (logs.logger("orders"), "x".repeat(8000));
    for number in 0..800_u64 {
        fapilog::info!(log, "order filled", number = number, filler = filler.as_str());
        if number % 20 == 19 {
            logs.flush(crate::TIMEOUT).unwrap();
        }
    }
    assert_eq!(shut_down(&logs), (800, 0));
    let objects = objects(&server);
    let counts = ledger(&objects, 800).counts();
    Conformance::record(SINK, "azurite", Scenario::OverTheLimit, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost, objects.len()), (800, 0, 0, 1));
}

#[test]
fn no_event_is_lost_when_the_server_is_restarted_in_flight() {
    let Some(mut server) = Azurite::start() else { return };
    server.create_container(BUCKET);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = settings(format!("http://{}", server.http()), spool.path());
    settings.segment.max_events = Some(100);
    let logs = start(&settings);
    for round in 0..20 {
        log_numbers(&logs, round * 100..(round + 1) * 100);
        logs.flush(crate::TIMEOUT).unwrap();
        if round == 8 {
            until("a segment is uploaded", || segments(spool.path()).len() < 5);
            // Killed, it has no container any more: it writes its directory now and then.
            server.server.stop();
        }
        if round == 14 {
            server.server.restart();
        }
    }
    until("all segments are uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (2000, 0));
    let counts = ledger(&objects(&server), 2000).counts();
    Conformance::record_exactly_once(SINK, "azurite", Scenario::RestartedInFlight, counts);
}
