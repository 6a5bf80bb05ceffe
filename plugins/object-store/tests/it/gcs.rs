//! fake-gcs-server: Google Cloud Storage, without credentials.

use fapilog_object_store::{ObjectCompression, ObjectStoreSettings, StoreKind};
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario, http_request, servers::FakeGcs};
use serde_json::Value;

use crate::{BUCKET, StoredObject, ledger, log_numbers, segments, shut_down, start, until};

const SINK: &str = "object_store";

/// A proxy, because the server takes an upload of the XML API only where the URL is a signed one, and answers it without a tag. `lost` answers
/// are lost behind the server.
fn proxy(server: &FakeGcs, lost: usize) -> FakeHttp {
    let (proxy, address) = (FakeHttp::start(), server.http());
    let uploads = std::sync::atomic::AtomicUsize::new(0);
    proxy.answer(move |request| {
        assert_eq!(request.header("x-goog-if-generation-match"), Some("0"));
        let target = format!("{}?X-Goog-Algorithm=GOOG4-RSA-SHA256", request.target);
        let reply = http_request(address, &request.method, &target, &[], &request.raw_body).unwrap();
        let is_lost = uploads.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < lost;
        if is_lost {
            FakeAnswer::no_answer()
        } else {
            FakeAnswer::new(reply.status).header("ETag", "\"e\"").body(reply.body)
        }
    });
    proxy
}

fn settings(proxy: &FakeHttp, spool: &std::path::Path) -> ObjectStoreSettings {
    let mut settings = ObjectStoreSettings::new(BUCKET, spool);
    settings.store = StoreKind::Gcs;
    settings.endpoint = Some(proxy.url(""));
    settings.credentials.anonymous = true;
    settings.retry_max = std::time::Duration::from_millis(20);
    settings
}

fn objects(server: &FakeGcs) -> Vec<StoredObject> {
    let list = http_request(server.http(), "GET", &format!("/storage/v1/b/{BUCKET}/o"), &[], &[]).unwrap().json();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let object = |item: &Value| {
        let name = item["name"].as_str().unwrap().to_owned();
        let target = format!("/storage/v1/b/{BUCKET}/o/{}?alt=media", name.replace('/', "%2F"));
        StoredObject { name, body: http_request(server.http(), "GET", &target, &[], &[]).unwrap().body }
    };
    items.iter().map(object).collect()
}

#[test]
fn each_event_is_once_in_an_object() {
    let Some(server) = FakeGcs::start() else { return };
    server.create_bucket(BUCKET);
    for (compression, scenario) in
        [(ObjectCompression::None, Scenario::Happy), (ObjectCompression::Zstd, Scenario::Compressed)]
    {
        let before = objects(&server);
        let spool = tempfile::tempdir().unwrap();
        let proxy = proxy(&server, 0);
        let mut settings = settings(&proxy, spool.path());
        settings.compression = compression;
        let logs = start(&settings);
        log_numbers(&logs, 0..1000);
        assert_eq!(shut_down(&logs), (1000, 0));
        let new: Vec<_> = objects(&server).into_iter().filter(|object| !before.contains(object)).collect();
        assert_eq!(new.len(), 1, "{:?}", logs.diagnostics());
        let counts = ledger(&new, 1000).counts();
        Conformance::record(SINK, "fake-gcs-server", scenario, counts.delivered, counts.duplicated, counts.lost);
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (1000, 0, 0));
    }
}

#[test]
fn an_answer_that_is_lost_leads_to_no_second_object() {
    let Some(server) = FakeGcs::start() else { return };
    server.create_bucket(BUCKET);
    let proxy = proxy(&server, 2);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = settings(&proxy, spool.path());
    settings.segment.max_events = Some(100);
    let logs = start(&settings);
    log_numbers(&logs, 0..100);
    logs.flush(crate::TIMEOUT).unwrap();
    until("the segment is uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (100, 0));
    assert_eq!(proxy.requests().len(), 3);
    let objects = objects(&server);
    let counts = ledger(&objects, 100).counts();
    let scenario = Scenario::DuplicatesSuppressed;
    Conformance::record(SINK, "fake-gcs-server", scenario, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost, objects.len()), (100, 0, 0, 1));
}
