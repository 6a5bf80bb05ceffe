//! The sink against object stores: which events are in which objects, the spool, and settings. The crates `zstd` and `flate2` read the objects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod azure;
mod failures;
mod gcs;
mod killed;
mod moto;
mod rclone;
mod settings;
mod spool;

use std::{
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor},
    format, info,
    settings::SecretRef,
};
use fapilog_object_store::{ObjectStoreSettings, ObjectStoreSink};
use fapilog_test_servers::{EventLedger, FakeAnswer, FakeHttp, FakeRequest};

/// Longer than anything that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(30);

const BUCKET: &str = "logs";

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).level(Level::Trace)
}

/// Settings for S3's API at this URL.
fn s3_settings(url: String, spool: &Path) -> ObjectStoreSettings {
    let mut settings = ObjectStoreSettings::new(BUCKET, spool);
    settings.endpoint = Some(url);
    settings.credentials.access_key_id = Some("test-access-key".to_owned());
    settings.credentials.secret_access_key = Some(SecretRef::bytes(b"test-secret-key".to_vec()));
    settings.retry_max = Duration::from_millis(20);
    settings
}

fn start(settings: &ObjectStoreSettings) -> Container {
    let sink = ObjectStoreSink::new(settings, format::Json::new).unwrap();
    builder().sink("object_store", sink).start().unwrap()
}

fn log_numbers(logs: &Container, numbers: std::ops::Range<u64>) {
    let log = logs.logger("orders");
    for number in numbers {
        info!(log, "order filled", number = number);
    }
}

/// Shuts the container down, and checks the law. Returns the events that were delivered, and those that were lost.
fn shut_down(logs: &Container) -> (u64, u64) {
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    (accounts.sinks[0].delivered, accounts.lost_total())
}

/// Waits until it is so.
fn until(condition: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in {TIMEOUT:?}: {condition}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An object as the store has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct StoredObject {
    name: String,
    body: Vec<u8>,
}

impl StoredObject {
    /// The content, by the compression that the name has.
    fn text(&self) -> String {
        let mut text = Vec::new();
        match self.name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("zst") => text = zstd::decode_all(&*self.body).unwrap(),
            Some("gz") => drop(flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut text).unwrap()),
            _ => text.clone_from(&self.body),
        }
        String::from_utf8(text).unwrap()
    }

    /// The numbers of its events, in their order.
    fn numbers(&self) -> Vec<u64> {
        self.text().lines().map(number).collect()
    }
}

/// The field `number` of a line.
fn number(line: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let number = value.pointer("/context/number").or_else(|| value.get("number"));
    number.and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("no number: {line}"))
}

/// The numbers of all events of the objects, against those that were logged.
fn ledger(objects: &[StoredObject], logged: u64) -> EventLedger {
    let mut ledger = EventLedger::new();
    ledger.submit_all((0..logged).map(|number| number.to_string()));
    objects.iter().for_each(|object| ledger.receive_all(object.numbers().iter().map(ToString::to_string)));
    ledger
}

/// The texts between two others.
fn between<'a>(text: &'a str, front: &str, behind: &str) -> Vec<&'a str> {
    text.split(front).skip(1).filter_map(|part| part.split(behind).next()).collect()
}

/// The segments in a spool.
fn segments(spool: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(spool).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "segment")).collect();
    files.sort();
    files
}

/// Passes a request on to a server as it is, with the host that was signed.
fn forward(address: std::net::SocketAddr, request: &FakeRequest) -> FakeAnswer {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", request.method, request.target);
    for (name, value) in request.headers.iter().filter(|(name, _)| name != "connection") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), &request.raw_body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let body = answer[end + 4..].to_vec();
    let mut forwarded = FakeAnswer::new(head[9..12].parse().unwrap());
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        if ["etag", "x-ms-error-code"].contains(&name.to_ascii_lowercase().as_str()) {
            forwarded = forwarded.header(name, value);
        }
    }
    match head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        // Nothing but the tag and the code of such an answer is read.
        true => forwarded,
        false => forwarded.body(body),
    }
}

/// A fake store that takes each object once, and has those that it took.
fn fake_store() -> FakeHttp {
    let store = FakeHttp::start();
    let names = std::sync::Mutex::new(std::collections::BTreeSet::new());
    store.answer(move |request| match names.lock().unwrap().insert(request.path().to_owned()) {
        true => FakeAnswer::ok().header("ETag", "\"e\""),
        false => FakeAnswer::new(412).body("<Error><Code>PreconditionFailed</Code></Error>"),
    });
    store
}

/// The objects of the requests that a fake store took.
fn taken(store: &FakeHttp) -> Vec<StoredObject> {
    let object = |request: &std::sync::Arc<FakeRequest>| StoredObject {
        name: request.path().trim_start_matches("/logs/").to_owned(),
        body: request.raw_body.clone(),
    };
    store.accepted().iter().map(object).collect()
}
