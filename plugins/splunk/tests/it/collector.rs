//! A collector that is as strict as the documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    format::Json,
    info,
    metrics::Accounts,
    settings::SecretRef,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_plugin::sink::SinkFactory;
use fapilog_splunk::{Splunk, SplunkSettings};
use fapilog_test_servers::{
    Conformance, EventCounts, EventLedger, FakeAnswer, FakeHttp, FakeHttpBuilder, FakeRequest, Scenario,
};
use serde_json::{Deserializer, Value, json};

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const TOKEN: &str = "B5A79AAD-D822-46CC-80D1-819F80D7BFB0";
const CHANNEL: &str = "x-splunk-request-channel";

/// When an acknowledgement is true.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AckPlan {
    /// The token has none.
    Disabled,
    /// At this query.
    AtQuery(u64),
    Never,
}

/// The state of a collector, and its rules.
#[derive(Debug)]
pub(crate) struct Collector {
    acks: AckPlan,
    indexes: &'static [&'static str],
    /// The longest request, in bytes.
    pub(crate) content_max: usize,
    state: Mutex<CollectorState>,
}

#[derive(Debug, Default)]
struct CollectorState {
    /// The queries of each id, by channel.
    queries: BTreeMap<String, Vec<u64>>,
    /// The events that are taken.
    taken: Vec<Value>,
    lines: Vec<String>,
    channels: BTreeSet<String>,
}

impl Collector {
    pub(crate) fn new(acks: AckPlan) -> Self {
        Self { acks, indexes: &["main", "web"], content_max: 1_000_000, state: Mutex::default() }
    }

    pub(crate) fn taken(&self) -> Vec<Value> {
        self.state.lock().unwrap().taken.clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap().lines.clone()
    }

    pub(crate) fn channels(&self) -> usize {
        self.state.lock().unwrap().channels.len()
    }

    /// The number of queries of all acknowledgements.
    pub(crate) fn queries(&self) -> u64 {
        self.state.lock().unwrap().queries.values().flatten().sum()
    }

    /// The numbers in the events that are taken, in order of their arrival.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.taken().iter().map(|object| object["event"]["context"]["number"].as_u64().unwrap()).collect()
    }

    pub(crate) fn answer(&self, request: &FakeRequest) -> FakeAnswer {
        assert_eq!(request.method, "POST");
        match request.header("authorization") {
            None => return refusal(401, 2, "Token is required"),
            Some(value) if !value.starts_with("Splunk ") => return refusal(401, 3, "Invalid authorization"),
            Some(value) if value != format!("Splunk {TOKEN}") => return refusal(403, 4, "Invalid token"),
            Some(_) => {}
        }
        match request.path() {
            "/services/collector/event" => self.events(request),
            "/services/collector/raw" => self.raw(request),
            "/services/collector/ack" => self.query(request),
            path => panic!("there is no endpoint {path}"),
        }
    }

    fn events(&self, request: &FakeRequest) -> FakeAnswer {
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.query(), "");
        if request.body.len() > self.content_max {
            return FakeAnswer::new(413);
        }
        let mut events = Vec::new();
        for (number, object) in Deserializer::from_slice(&request.body).into_iter::<Value>().enumerate() {
            let refuse = |code, text| {
                FakeAnswer::json(json!({ "text": text, "code": code, "invalid-event-number": number }).to_string())
                    .status(400)
            };
            let Ok(object) = object else { return refuse(6, "Invalid data format") };
            match self.check(&object) {
                Ok(()) => events.push(object),
                Err((code, text)) => return refuse(code, text),
            }
        }
        if events.is_empty() {
            return refusal(400, 5, "No data");
        }
        self.take(request, |state| state.taken.extend(events))
    }

    fn check(&self, object: &Value) -> Result<(), (u32, &'static str)> {
        let Some(members) = object.as_object() else { return Err((6, "Invalid data format")) };
        for (key, value) in members {
            let is_valid = match key.as_str() {
                "time" => value.is_f64(),
                "host" | "source" | "sourcetype" | "index" => value.is_string(),
                "fields" => value.as_object().is_some_and(|fields| fields.values().all(Value::is_string)),
                "event" => true,
                _ => false,
            };
            if !is_valid {
                return Err(if key == "fields" {
                    (15, "Error in handling indexed fields")
                } else {
                    (6, "Invalid data format")
                });
            }
        }
        match object.get("event") {
            None => return Err((12, "Event field is required")),
            Some(event) if event == "" => return Err((13, "Event field cannot be blank")),
            Some(_) => {}
        }
        match object.get("index").and_then(Value::as_str) {
            Some(index) if !self.indexes.contains(&index) => Err((7, "Incorrect index")),
            _ => Ok(()),
        }
    }

    fn raw(&self, request: &FakeRequest) -> FakeAnswer {
        let lines: Vec<_> = request.text().lines().map(str::to_owned).collect();
        assert!(request.text().ends_with('\n'));
        self.take(request, |state| state.lines.extend(lines))
    }

    /// Takes a request: with acknowledgements, it needs a channel, and gets an id.
    fn take(&self, request: &FakeRequest, keep: impl FnOnce(&mut CollectorState)) -> FakeAnswer {
        let mut state = self.state.lock().unwrap();
        if matches!(self.acks, AckPlan::Disabled) {
            keep(&mut state);
            return FakeAnswer::json(r#"{"text":"Success","code":0}"#);
        }
        let channel = match channel_of(request) {
            Ok(channel) => channel,
            Err(refusal) => return *refusal,
        };
        keep(&mut state);
        state.channels.insert(channel.clone());
        let ids = state.queries.entry(channel).or_default();
        ids.push(0);
        FakeAnswer::json(json!({ "text": "Success", "code": 0, "ackId": ids.len() - 1 }).to_string())
    }

    fn query(&self, request: &FakeRequest) -> FakeAnswer {
        if matches!(self.acks, AckPlan::Disabled) {
            return refusal(400, 14, "ACK is disabled");
        }
        assert_eq!(request.header("content-encoding"), None);
        let channel = match channel_of(request) {
            Ok(channel) => channel,
            Err(refusal) => return *refusal,
        };
        assert_eq!(request.query(), format!("channel={channel}"));
        let mut state = self.state.lock().unwrap();
        let queries = state.queries.get_mut(&channel).unwrap();
        let mut acks = serde_json::Map::new();
        for id in request.json()["acks"].as_array().unwrap() {
            let id = id.as_u64().unwrap();
            let asked = &mut queries[usize::try_from(id).unwrap()];
            *asked += 1;
            // The collector forgets an acknowledgement that it has given.
            let is_true = matches!(self.acks, AckPlan::AtQuery(query) if *asked == query);
            acks.insert(id.to_string(), is_true.into());
        }
        FakeAnswer::json(json!({ "acks": acks }).to_string())
    }
}

fn channel_of(request: &FakeRequest) -> Result<String, Box<FakeAnswer>> {
    let channel = request.header(CHANNEL).ok_or_else(|| Box::new(refusal(400, 10, "Data channel is missing")))?;
    let is_guid = channel.len() == 36
        && channel.char_indices().all(|(place, c)| match place {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    if is_guid { Ok(channel.to_owned()) } else { Err(Box::new(refusal(400, 11, "Invalid data channel"))) }
}

pub(crate) fn refusal(status: u16, code: u32, text: &str) -> FakeAnswer {
    FakeAnswer::json(json!({ "text": text, "code": code }).to_string()).status(status)
}

/// A server of this collector.
pub(crate) fn serve(collector: &Arc<Collector>, builder: FakeHttpBuilder) -> FakeHttp {
    let collector = Arc::clone(collector);
    builder.answer(move |request| collector.answer(request)).start()
}

pub(crate) fn server(acks: AckPlan) -> (FakeHttp, Arc<Collector>) {
    let collector = Arc::new(Collector::new(acks));
    (serve(&collector, FakeHttp::builder()), collector)
}

pub(crate) fn settings(server: &FakeHttp) -> SplunkSettings {
    let mut settings = SplunkSettings::default();
    settings.url = server.url("");
    settings.token = Some(SecretRef::bytes(TOKEN.as_bytes().to_vec()));
    settings.host = Some("web-1".to_owned());
    settings.ack_timeout = TIMEOUT;
    settings.ack_interval = Duration::from_millis(2);
    settings
}

/// The policy of the sink, with many attempts and short waits.
fn patient(policy: DeliveryPolicy) -> DeliveryPolicy {
    let milli = Duration::from_millis(1);
    policy.attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(100, 20 * milli, 20 * milli)
}

pub(crate) fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT })
}

pub(crate) fn started(settings: &SplunkSettings) -> Container {
    let sink = Splunk::new(settings, Json::new).unwrap();
    let options = SinkOptions::new().delivery(patient(sink.delivery()));
    builder().sink_with("splunk", sink, options).start().unwrap()
}

/// How often each of the events with these numbers was taken.
pub(crate) fn counts(numbers: std::ops::Range<u64>, taken: impl IntoIterator<Item = u64>) -> EventCounts {
    let mut ledger = EventLedger::new();
    ledger.submit_all(numbers.map(|number| number.to_string()));
    ledger.receive_all(taken.into_iter().map(|number| number.to_string()));
    ledger.counts()
}

/// Records that each event was taken once.
#[track_caller]
pub(crate) fn record_each_once(scenario: Scenario, counts: EventCounts) {
    assert_eq!((counts.duplicated, counts.lost), (0, 0), "{counts:?}");
    Conformance::record("splunk", "fake", scenario, counts.delivered, counts.duplicated, counts.lost);
}

pub(crate) fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("shop");
    for number in numbers {
        info!(log, "number {number}", number);
    }
}

#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}
