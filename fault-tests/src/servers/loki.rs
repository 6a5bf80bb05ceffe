//! The sink `loki`, and a fake of the push API, with protobuf and snappy.

use std::sync::Arc;

use fapilog::format;
use fapilog_loki::{Loki, LokiSettings};
use fapilog_test_servers::FakeAnswer;

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake},
};

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "loki",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            assert_eq!((request.method.as_str(), request.path()), ("POST", "/loki/api/v1/push"));
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            // The line of an entry is the JSON of its event.
            arrivals.count_json(&request.unsnapped());
            FakeAnswer::new(204)
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("204 No Content", b"", out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = LokiSettings::default();
    settings.url = url.to_owned();
    Ok(Arc::new(Loki::new(&settings, format::Json::new)?))
}
