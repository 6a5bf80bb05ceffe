//! fake-gcs-server: Google Cloud Storage, without credentials.

use fapilog_object_store::{ObjectCompression, ObjectStoreSettings, StoreKind};
use fapilog_test_servers::{Conformance, Scenario, http_request, servers::FakeGcs};
use serde_json::Value;

use crate::{BUCKET, StoredObject, ledger, log_numbers, shut_down, start};

const SINK: &str = "object_store";

fn settings(server: &FakeGcs, spool: &std::path::Path) -> ObjectStoreSettings {
    let mut settings = ObjectStoreSettings::new(BUCKET, spool);
    settings.store = StoreKind::Gcs;
    settings.endpoint = Some(format!("http://{}", server.http()));
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
        let mut settings = settings(&server, spool.path());
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
