//! The sink `sentry`, and a fake that takes each envelope: 100 logs at most, as Sentry has it.

use std::sync::Arc;

use fapilog_sentry::{Sentry, SentrySettings};
use fapilog_test_servers::FakeAnswer;

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake, secret},
};

/// The front of the attribute `number` of a log.
const ATTRIBUTE: &[u8] = b"\"number\":{\"value\":";

const LOGS_MAX: u64 = 100;

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "sentry",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            assert_eq!((request.method.as_str(), request.path()), ("POST", "/api/42/envelope/"));
            let logs = arrivals.count_behind(ATTRIBUTE, &request.body);
            assert!(logs <= LOGS_MAX, "an envelope of {logs} logs");
            FakeAnswer::json("{}")
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("200 OK", b"{}", out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = SentrySettings::default();
    settings.dsn = Some(secret(&format!("{}/42", url.replace("://", "://k3y@"))));
    Ok(Arc::new(Sentry::new(&settings)?))
}
