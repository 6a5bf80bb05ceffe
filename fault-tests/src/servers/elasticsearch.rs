//! The sink `elasticsearch`, and a fake of the bulk API that stores a document of an id once.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fapilog::format;
use fapilog_elasticsearch::{Elasticsearch, ElasticsearchSettings};
use fapilog_test_servers::{FakeAnswer, FakeRequest};

use crate::{
    absorber::{AbsorbingTarget, http_answer},
    arrivals::{EventArrivals, number_in},
    servers::{DeliveryPromise, SinkResult, SoakTarget, fake},
};

const PATH: &str = "/logs-fapilog-default/_bulk";
const CREATE: &[u8] = b"{\"create\":{\"_id\":\"";
const CREATE_END: &[u8] = b"\"}}";
const CREATED: &[u8] = b"{\"create\":{\"status\":201}},";
const CONFLICT: &[u8] = b"{\"create\":{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\"}}},";

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "elasticsearch",
    promise: DeliveryPromise::Idempotent,
    start: |arrivals| {
        let index = SearchIndex::new(Arc::clone(arrivals));
        fake::start(sink, move |request| index.bulk(request))
    },
    absorbing: Some(AbsorbingTarget { sink, answer: |body, out| absorb(body, out) }),
};

fn sink(url: &str) -> SinkResult {
    let mut settings = ElasticsearchSettings::default();
    settings.url = url.to_owned();
    Ok(Arc::new(Elasticsearch::new(settings, format::Json::new)?))
}

/// The ids of the documents, by the number of the event: a hash each, so that the memory is bounded. 0: the document is not there.
struct SearchIndex {
    hashes: RandomState,
    ids: Vec<AtomicU64>,
    arrivals: Arc<EventArrivals>,
}

impl SearchIndex {
    fn new(arrivals: Arc<EventArrivals>) -> Self {
        let ids = (0..arrivals.len()).map(|_| AtomicU64::new(0)).collect();
        Self { hashes: RandomState::new(), ids, arrivals }
    }

    /// Panics where a request breaks the rules of the API.
    fn bulk(&self, request: &FakeRequest) -> FakeAnswer {
        assert_eq!((request.method.as_str(), request.path()), ("POST", PATH));
        assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(request.body.last(), Some(&b'\n'), "a request without a line feed at its end");
        let mut items = Vec::new();
        let mut has_conflict = false;
        let mut lines = request.body.split(|byte| *byte == b'\n');
        while let (Some(action), Some(document)) = (lines.next(), lines.next()) {
            let is_new = self.create(action, document);
            has_conflict |= !is_new;
            items.extend_from_slice(if is_new { CREATED } else { CONFLICT });
        }
        items.pop();
        let items = String::from_utf8_lossy(&items);
        FakeAnswer::json(format!("{{\"errors\":{has_conflict},\"items\":[{items}]}}"))
    }

    /// Stores a document. `false`: there is one with this id.
    fn create(&self, action: &[u8], document: &[u8]) -> bool {
        let id = action.strip_prefix(CREATE).and_then(|id| id.strip_suffix(CREATE_END)).unwrap_or_default();
        assert!(!id.is_empty(), "an action that is none: {}", String::from_utf8_lossy(action));
        assert!(document.starts_with(b"{\"@timestamp\":"), "a document without its time");
        assert!(memchr::memmem::find(document, id).is_some(), "an id that is not that of the event");
        // Events of the library itself have no number.
        let Some(number) = number_in(document) else { return true };
        let Some(stored) = self.ids.get(number) else { return true };
        let hash = self.hashes.hash_one(id) | 1;
        // Relaxed: the value alone counts; it pairs with itself.
        match stored.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
            Err(of_document) if of_document == hash => false,
            _ => {
                self.arrivals.count(number);
                true
            }
        }
    }
}

/// Answers as if each document were stored.
fn absorb(body: &[u8], out: &mut Vec<u8>) {
    let documents = memchr::memchr_iter(b'\n', body).count() / 2;
    let mut answer = b"{\"errors\":false,\"items\":[".to_vec();
    (0..documents).for_each(|_| answer.extend_from_slice(CREATED));
    answer.pop();
    answer.extend_from_slice(b"]}");
    http_answer("200 OK", &answer, out);
}
