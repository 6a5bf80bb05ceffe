//! The sink `datadog`, and a fake with the limit of the API on the entries of a request.

use std::sync::Arc;

use fapilog_datadog::{Datadog, DatadogSettings};
use fapilog_test_servers::FakeAnswer;

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake, secret},
};

/// "Send logs" of the logs API v2.
const ENTRIES_MAX: u64 = 1000;

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "datadog",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            assert_eq!((request.method.as_str(), request.path()), ("POST", "/api/v2/logs"));
            assert!(request.header("dd-api-key").is_some(), "a request without a key");
            let entries = arrivals.count_json(&request.body);
            assert!(entries <= ENTRIES_MAX, "a request of {entries} entries");
            FakeAnswer::new(202).body("{}")
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("202 Accepted", b"{}", out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = DatadogSettings::default();
    settings.url = format!("{url}/api/v2/logs");
    settings.api_key = Some(secret("0123456789abcdef0123456789abcdef"));
    Ok(Arc::new(Datadog::new(&settings)?))
}
