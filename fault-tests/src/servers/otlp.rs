//! The sink `otlp`, and a fake of a collector, with protobuf.

use std::sync::Arc;

use fapilog_otlp::{Otlp, OtlpSettings};
use fapilog_test_servers::FakeAnswer;

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    arrivals::EventArrivals,
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake},
};

/// The front of the attribute `number`: the tag and the length of its key, the key, the tag of its value (`KeyValue` of OTLP).
const ATTRIBUTE: &[u8] = b"\x0a\x06number\x12";

/// The tag of `AnyValue.int_value`.
const INT_VALUE: u8 = 0x18;

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "otlp",
    promise: DeliveryPromise::AtLeastOnce,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        fake::start(sink, move |request| {
            assert_eq!((request.method.as_str(), request.path()), ("POST", "/v1/logs"));
            assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
            count(&request.body, &arrivals);
            FakeAnswer::ok().header("content-type", "application/x-protobuf")
        })
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |_, out| http_answer("200 OK", b"", out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = OtlpSettings::default();
    settings.url = url.to_owned();
    settings.environment = false;
    Ok(Arc::new(Otlp::new(&settings)?))
}

fn count(body: &[u8], arrivals: &EventArrivals) {
    for place in memchr::memmem::find_iter(body, ATTRIBUTE) {
        let value = body.get(place + ATTRIBUTE.len()..).unwrap_or_default();
        if let [_, INT_VALUE, number @ ..] = value {
            arrivals.count(varint(number));
        }
    }
}

/// The number at the front of bytes.
fn varint(bytes: &[u8]) -> usize {
    let mut number = 0;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * place);
        if *byte < 0x80 {
            break;
        }
    }
    number
}
