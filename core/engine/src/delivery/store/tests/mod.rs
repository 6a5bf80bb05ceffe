//! Tests of the store as a whole.

mod adoption;
mod any_sequence;
mod bounds;
mod close;
mod damage;
mod dead_letters;
mod full_disk;
mod killed;
mod removed;
mod round_trip;

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use fapilog_plugin::{
    diagnostics::Diagnostics,
    event::InstanceId,
    factory::ShardInfo,
    sink::{Payload, PayloadId, Reporter, SinkContext, SinkError},
    threads::lock,
};
use fapilog_record::timestamp::Timestamp;
use tempfile::TempDir;

use super::{
    delivery_store::DeliveryStore,
    error::StoreError,
    options::SpillOptions,
    stored_payload::{DeliveryStoreAnswer, StoredPayload},
};

/// Far longer than any step of a test takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Takes the reports of a store.
#[derive(Debug, Default)]
struct Reports(Mutex<Vec<String>>);

impl Diagnostics for Reports {
    fn report(&self, about: &str, text: String) {
        assert_eq!(about, SINK);
        lock(&self.0).push(text);
    }
}

const SINK: &str = "loki";

/// A directory, and the reports of all stores in it.
struct StoreBench {
    root: TempDir,
    shard: ShardInfo,
    bytes_max: u64,
    segment_bytes: u64,
    reports: Arc<Reports>,
}

impl StoreBench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let shard = ShardInfo::new(0, 1);
        Self { root, shard, bytes_max: 1 << 30, segment_bytes: 16 << 20, reports: Arc::default() }
    }

    /// Segments of this many bytes.
    fn with_segments(segment_bytes: u64) -> Self {
        Self { segment_bytes, ..Self::new() }
    }

    fn options(&self) -> SpillOptions {
        SpillOptions::new(self.root.path()).bytes_max(self.bytes_max).segment_bytes(self.segment_bytes)
    }

    fn reporter(&self) -> Reporter {
        let reports: Arc<dyn Diagnostics> = Arc::clone(&self.reports) as _;
        SinkContext::new(self.shard, SINK, &reports).reporter()
    }

    fn try_open(&self) -> Result<DeliveryStore, SinkError> {
        DeliveryStore::open(Some(self.options()), None, SINK, self.shard, self.reporter())
    }

    /// A store, and the payloads that it has found.
    #[track_caller]
    fn reopen(&self) -> (DeliveryStore, u64) {
        let mut store = self.try_open().unwrap();
        match answer(&mut store) {
            DeliveryStoreAnswer::Recovered { payloads, .. } => (store, payloads),
            other => panic!("{other:?}"),
        }
    }

    /// A store that finds nothing.
    #[track_caller]
    fn open(&self) -> DeliveryStore {
        let (store, payloads) = self.reopen();
        assert_eq!(payloads, 0);
        store
    }

    /// The directory of a shard.
    fn directory(&self, shard: usize) -> PathBuf {
        self.root.path().join(format!("{SINK}-{shard}"))
    }

    /// The segments of the first shard, in order.
    fn segments(&self) -> Vec<PathBuf> {
        segments(&self.directory(0))
    }

    fn reports(&self) -> Vec<String> {
        lock(&self.reports.0).clone()
    }

    /// The single report.
    #[track_caller]
    fn report(&self) -> String {
        let reports = self.reports();
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports[0].clone()
    }
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<PathBuf> = names(directory).into_iter().map(|name| directory.join(name)).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "spill"));
    segments
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the next answer.
#[track_caller]
fn answer(store: &mut DeliveryStore) -> DeliveryStoreAnswer {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Poll::Ready(answer) = store.poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "no answer in time");
        thread::park_timeout(left);
    }
}

/// A payload without marked ends.
fn payload(number: u64, records: &[u8]) -> StoredPayload {
    let mut payload = Payload::in_buffer(b"front".to_vec(), 0);
    payload.buffer().extend_from_slice(records);
    payload.set_id(id(number));
    let oldest = Some(Timestamp::from_unix_nanos(1_000_000 + number));
    StoredPayload { payload, events: number + 1, oldest }
}

fn id(number: u64) -> PayloadId {
    PayloadId::new(InstanceId::from_bits(0x1234_5678_9abc), 3, number)
}

/// A payload of this many bytes.
fn of_bytes(number: u64, bytes: usize) -> StoredPayload {
    payload(number, &vec![b'a' + (number % 26) as u8; bytes])
}

#[track_caller]
fn append(store: &mut DeliveryStore, payload: StoredPayload) {
    store.append(payload);
    let answer = answer(store);
    assert!(matches!(answer, DeliveryStoreAnswer::Appended), "{answer:?}");
}

/// Appends payloads of these numbers, each with `bytes` bytes.
#[track_caller]
fn append_all(store: &mut DeliveryStore, numbers: impl IntoIterator<Item = u64>, bytes: usize) {
    numbers.into_iter().for_each(|number| append(store, of_bytes(number, bytes)));
}

#[track_caller]
fn refusal(store: &mut DeliveryStore, payload: StoredPayload) -> StoreError {
    let number = payload.payload.id().sequence;
    store.append(payload);
    match answer(store) {
        DeliveryStoreAnswer::Refused { payload, error } => {
            assert_eq!(payload.payload.id().sequence, number);
            error
        }
        other => panic!("{other:?}"),
    }
}

/// The next payload; `None` behind the last one.
#[track_caller]
fn read(store: &mut DeliveryStore) -> Option<StoredPayload> {
    store.read_next();
    match answer(store) {
        DeliveryStoreAnswer::Read(payload) => payload,
        other => panic!("{other:?}"),
    }
}

fn number_of(payload: &StoredPayload) -> u64 {
    payload.payload.id().sequence
}

/// Reads and acknowledges this many payloads. Returns their numbers.
#[track_caller]
fn take(store: &mut DeliveryStore, count: usize) -> Vec<u64> {
    let taken = (0..count).map_while(|_| {
        let payload = read(store)?;
        store.acknowledge();
        Some(number_of(&payload))
    });
    taken.collect()
}

/// Reads and acknowledges all payloads. Returns their numbers.
#[track_caller]
fn take_all(store: &mut DeliveryStore) -> Vec<u64> {
    take(store, usize::MAX)
}

/// Closes the store, which has no answer that was not taken.
#[track_caller]
fn close(mut store: DeliveryStore) {
    let answers = store.close(Instant::now() + TIMEOUT);
    assert!(answers.is_empty(), "{answers:?}");
}

/// Waits until all requests are executed.
#[track_caller]
fn until_idle(store: &mut DeliveryStore) {
    let (done, is_done) = std::sync::mpsc::channel();
    store.work(move || done.send(()).unwrap());
    is_done.recv_timeout(TIMEOUT).unwrap();
}

/// Changes a bit of a byte.
fn damage(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// The bytes of a frame of `of_bytes`.
const fn frame_bytes(bytes: u64) -> u64 {
    8 + 45 + bytes
}

/// The bytes of a segment's header.
const HEADER: u64 = 16;
