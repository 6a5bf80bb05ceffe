//! The sink `webhook`, and a server that takes each signed request.

use std::sync::Arc;

use fapilog::format;
use fapilog_test_servers::FakeAnswer;
use fapilog_webhook::{Webhook, WebhookSettings};

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake, secret},
};

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "webhook",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            assert!(request.header("webhook-signature").is_some(), "a request without a signature");
            arrivals.count_json(&request.body);
            FakeAnswer::ok()
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("200 OK", b"", out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = WebhookSettings::default();
    settings.url = format!("{url}/hook");
    settings.secrets = vec![secret("a secret of 32 bytes for a test.")];
    Ok(Arc::new(Webhook::new(&settings, format::Json::new)?))
}
