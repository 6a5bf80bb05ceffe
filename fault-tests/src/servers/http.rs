//! The sink `http`, and a server that takes each request.

use std::sync::Arc;

use fapilog::format;
use fapilog_sink_http::{Http, HttpSinkSettings};
use fapilog_test_servers::FakeAnswer;

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake},
};

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "http",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            arrivals.count_json(&request.body);
            FakeAnswer::ok()
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("200 OK", b"", out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = HttpSinkSettings::default();
    settings.url = format!("{url}/logs");
    Ok(Arc::new(Http::new(settings, format::Json::new)?))
}
