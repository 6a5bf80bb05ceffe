//! The sink `splunk`, and a fake of the HTTP event collector, without acknowledgements of indexers.

use std::sync::Arc;

use fapilog::format;
use fapilog_splunk::{Splunk, SplunkSettings};
use fapilog_test_servers::FakeAnswer;

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake, secret},
};

const SUCCESS: &str = r#"{"text":"Success","code":0}"#;

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "splunk",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            assert_eq!((request.method.as_str(), request.path()), ("POST", "/services/collector/event"));
            let token = request.header("authorization").unwrap_or_default();
            assert!(token.starts_with("Splunk "), "a request without a token");
            arrivals.count_json(&request.body);
            FakeAnswer::json(SUCCESS)
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("200 OK", SUCCESS.as_bytes(), out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = SplunkSettings::default();
    settings.url = url.to_owned();
    settings.token = Some(secret("B5A79AAD-D822-46CC-80D1-819F80D7BFB0"));
    Ok(Arc::new(Splunk::new(&settings, format::Json::new)?))
}
