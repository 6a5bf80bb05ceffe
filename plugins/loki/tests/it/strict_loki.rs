//! A fake of Loki that enforces the limits of its documentation, with their defaults.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use fapilog_test_servers::{FakeAnswer, FakeHttp, FakeRequest};
use prost::Message;

/// A label or a field of structured metadata, by name.
pub(crate) type Pairs = BTreeMap<String, String>;

#[derive(Clone, PartialEq, prost::Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<PushedStream>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushedStream {
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<PushedEntry>,
    #[prost(uint64, tag = "3")]
    hash: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushedEntry {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<PushedTime>,
    #[prost(string, tag = "2")]
    line: String,
    #[prost(message, repeated, tag = "3")]
    structured_metadata: Vec<PushedPair>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushedTime {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PushedPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// An entry, with all that it is stored by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StoredEntry {
    pub(crate) tenant: String,
    pub(crate) labels: Pairs,
    pub(crate) unix_nanos: i128,
    pub(crate) line: String,
    pub(crate) metadata: Pairs,
}

/// The limits of the fake.
#[derive(Debug, Clone)]
pub(crate) struct StrictLimits {
    /// `max_line_size`.
    pub(crate) line_bytes: usize,
    /// Whether requests must name a tenant (`auth_enabled`).
    pub(crate) has_tenants: bool,
}

impl Default for StrictLimits {
    fn default() -> Self {
        Self { line_bytes: 256 << 10, has_tenants: false }
    }
}

#[derive(Debug, Default)]
struct LokiStore {
    entries: BTreeSet<StoredEntry>,
    keys: BTreeSet<(String, Pairs, i128, String)>,
    duplicates: usize,
    streams_max: usize,
}

/// The fake. Its answers are those of Loki.
#[derive(Debug, Clone, Default)]
pub(crate) struct StrictLoki {
    limits: StrictLimits,
    store: Arc<Mutex<LokiStore>>,
}

impl StrictLoki {
    /// Answers the requests of a server.
    pub(crate) fn on(server: &FakeHttp, limits: StrictLimits) -> Self {
        let loki = Self { limits, store: Arc::default() };
        let answers = loki.clone();
        server.answer(move |request| answers.answer(request));
        loki
    }

    /// The entries that are stored, by tenant, labels and time.
    pub(crate) fn entries(&self) -> Vec<StoredEntry> {
        self.store.lock().unwrap().entries.iter().cloned().collect()
    }

    /// The entries that were stored before: of the same stream, time and line.
    pub(crate) fn duplicates(&self) -> usize {
        self.store.lock().unwrap().duplicates
    }

    /// The most streams of a request.
    pub(crate) fn streams_max(&self) -> usize {
        self.store.lock().unwrap().streams_max
    }

    pub(crate) fn answer(&self, request: &FakeRequest) -> FakeAnswer {
        assert_eq!((request.method.as_str(), request.path()), ("POST", "/loki/api/v1/push"));
        let tenant = request.header("x-scope-orgid").unwrap_or_default();
        if self.limits.has_tenants && tenant.is_empty() {
            return FakeAnswer::new(401).body("no org id");
        }
        assert!(!tenant.contains('|') && tenant.len() <= 150, "{tenant}");
        let entries = match request.header("content-type") {
            Some("application/x-protobuf") => entries_of_protobuf(request, tenant),
            Some("application/json") => entries_of_json(request, tenant),
            other => panic!("Loki does not read {other:?}"),
        };
        assert!(!entries.is_empty(), "at least one stream is required");
        let mut store = self.store.lock().unwrap();
        let streams: BTreeSet<_> = entries.iter().map(|entry| &entry.labels).collect();
        store.streams_max = store.streams_max.max(streams.len());
        let mut errors = Vec::new();
        for entry in entries {
            match self.check(&entry) {
                Ok(()) => store.keep(entry),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { FakeAnswer::new(204) } else { FakeAnswer::new(400).body(errors.join("\n")) }
    }

    fn check(&self, entry: &StoredEntry) -> Result<(), String> {
        let StoredEntry { labels, line, metadata, .. } = entry;
        if labels.len() > 15 {
            return Err(format!("entry for stream '{labels:?}' has {} label names; limit 15", labels.len()));
        }
        for (name, value) in labels {
            if name.len() > 1024 {
                return Err(format!("stream '{labels:?}' has label name too long: '{name}'"));
            }
            if value.len() > 2048 {
                return Err(format!("stream '{labels:?}' has label value too long: '{value}'"));
            }
        }
        if line.len() > self.limits.line_bytes {
            return Err(format!(
                "Max entry size '{}' bytes exceeded for stream '{labels:?}' while adding an entry with length '{}' bytes",
                self.limits.line_bytes,
                line.len()
            ));
        }
        let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > 64 << 10 {
            return Err(format!("stream '{labels:?}' has structured metadata too large: '{bytes}' bytes"));
        }
        if metadata.len() > 128 {
            return Err(format!("stream '{labels:?}' has too many structured metadata labels: '{}'", metadata.len()));
        }
        Ok(())
    }
}

impl LokiStore {
    fn keep(&mut self, entry: StoredEntry) {
        let key = (entry.tenant.clone(), entry.labels.clone(), entry.unix_nanos, entry.line.clone());
        if self.keys.insert(key) {
            self.entries.insert(entry);
        } else {
            self.duplicates += 1;
        }
    }
}

fn entries_of_protobuf(request: &FakeRequest, tenant: &str) -> Vec<StoredEntry> {
    assert_eq!(request.header("content-encoding"), None);
    let push = PushRequest::decode(request.unsnapped().as_slice()).unwrap();
    let mut entries = Vec::new();
    for stream in push.streams {
        assert_eq!(stream.hash, 0);
        let labels = read_labels(&stream.labels);
        let mut stored = Vec::new();
        for entry in stream.entries {
            let time = entry.timestamp.unwrap();
            assert!((0..1_000_000_000).contains(&time.nanos));
            let metadata = pairs(entry.structured_metadata.into_iter().map(|pair| (pair.name, pair.value)));
            stored.push(StoredEntry {
                tenant: tenant.to_owned(),
                labels: labels.clone(),
                unix_nanos: i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos),
                line: entry.line,
                metadata,
            });
        }
        check_stream(&stored);
        entries.extend(stored);
    }
    entries
}

fn entries_of_json(request: &FakeRequest, tenant: &str) -> Vec<StoredEntry> {
    let mut entries = Vec::new();
    for stream in request.json()["streams"].as_array().unwrap() {
        let labels = object(&stream["stream"]);
        labels.keys().for_each(|name| check_name(name));
        let entry = |value: &serde_json::Value| StoredEntry {
            tenant: tenant.to_owned(),
            labels: labels.clone(),
            unix_nanos: value[0].as_str().unwrap().parse().unwrap(),
            line: value[1].as_str().unwrap().to_owned(),
            metadata: value.get(2).map(object).unwrap_or_default(),
        };
        let stored: Vec<_> = stream["values"].as_array().unwrap().iter().map(entry).collect();
        check_stream(&stored);
        entries.extend(stored);
    }
    entries
}

/// Loki takes entries in any order, and is quickest where they are in order.
#[track_caller]
fn check_stream(entries: &[StoredEntry]) {
    assert!(
        !entries.is_empty() && !entries[0].labels.is_empty(),
        "error at least one label pair is required per stream"
    );
    assert!(entries.is_sorted_by_key(|entry| entry.unix_nanos), "out of order");
}

fn object(value: &serde_json::Value) -> Pairs {
    pairs(value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())))
}

#[track_caller]
fn pairs(pairs: impl Iterator<Item = (String, String)>) -> Pairs {
    let mut map = Pairs::new();
    for (name, value) in pairs {
        check_name(&name);
        assert!(!value.is_empty(), "{name} has no value");
        assert!(map.insert(name.clone(), value).is_none(), "{name} is there twice");
    }
    map
}

#[track_caller]
fn check_name(name: &str) {
    let is_front = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    assert!(is_front && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{name:?} is no name");
}

/// Reads labels, as in `{a="b", c="d"}`.
fn read_labels(text: &str) -> Pairs {
    let mut tail = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap();
    let mut labels = Vec::new();
    while !tail.is_empty() {
        let (name, behind) = tail.split_once("=\"").unwrap();
        let (value, behind) = read_string(behind);
        labels.push((name.to_owned(), value));
        tail = behind.strip_prefix(',').unwrap_or(behind);
        assert!(tail != behind || tail.is_empty(), "{text}");
    }
    pairs(labels.into_iter())
}

/// Reads a string of Go behind its first quote, and returns what is behind it.
fn read_string(text: &str) -> (String, &str) {
    let mut value = Vec::new();
    let mut bytes = text.bytes().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b'"' => return (String::from_utf8(value).unwrap(), &text[place + 1..]),
            b'\\' => match bytes.next().unwrap().1 {
                b'n' => value.push(b'\n'),
                b'x' => {
                    let (start, _) = bytes.next().unwrap();
                    bytes.next();
                    value.push(u8::from_str_radix(&text[start..start + 2], 16).unwrap());
                }
                other @ (b'"' | b'\\') => value.push(other),
                other => panic!("Go has no escape {other}"),
            },
            0..0x20 => panic!("a control character in {text:?}"),
            _ => value.push(byte),
        }
    }
    panic!("no end of {text:?}");
}
