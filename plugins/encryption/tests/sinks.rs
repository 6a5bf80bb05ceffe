//! Encrypted records in sinks: files with their rotations, memory, spill and dead letters.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fapilog::{
    Container,
    container::{ContainerBuilder, Executor, Overflow},
    event::Batch,
    format, info,
    metrics::{Accounts, LossReason},
    sink::{
        self, DeadLetterOptions, Delivery, DeliveryPolicy, FileEngine, OnFull, Payload, Sink, SinkContext, SinkError,
        SinkFactory, SinkOptions, SpillOptions,
    },
};
use fapilog_encryption::{DecryptError, Decryptor, Encrypted, Encryption, FrameCompression, Identity, KeyStore};
use fapilog_plugin::{error::PluginError, formatter::Formatter, threads::inherited};
use support::{TIMEOUT, decrypt, holds, keys, pair, records};

const PLANTED: &str = "4111 1111 1111 1111";

fn builder() -> ContainerBuilder {
    Container::builder().executor(Executor::Thread).overflow(Overflow::Block { timeout: TIMEOUT }).batch_events_max(16)
}

/// Logs so many events with a planted text and their number.
fn log_numbers(container: &Container, numbers: std::ops::Range<u64>) {
    let log = container.logger("orders");
    for number in numbers {
        info!(log, "paid by {card}", card = PLANTED, number);
    }
}

#[track_caller]
fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

/// The numbers of the events in lines of JSON.
fn numbers(lines: &[u8]) -> Vec<u64> {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["context"]["number"].as_u64();
    lines.filter_map(number).collect()
}

/// All files of a directory, by name.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found = BTreeMap::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn a_memory_sink_holds_ciphertext_only() {
    let (identity, encryption) = pair();
    let (sink, kept) = sink::Memory::new(move || encryption.around(format::Json::new()));
    let container = builder().sink("memory", sink).start().unwrap();
    log_numbers(&container, 0..100);
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), 100);
    assert!(!holds(&kept.bytes(), "4111") && !holds(&kept.bytes(), "paid"));
    assert_eq!(numbers(&records(&kept.bytes(), keys(&identity))), (0..100).collect::<Vec<_>>());
}

/// Writes into a file that is rotated, and checks each file on its own.
#[track_caller]
fn check_rotated_files(shards: usize, engine: FileEngine, direct: bool, one_file: bool) {
    const FILE_BYTES: u64 = 160 << 10;
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let identity = Identity::generate().unwrap();
    // Without compression, so that many bytes are written.
    let options = Encryption::builder().recipient(identity.recipient()).compression(FrameCompression::None);
    let encryption = options.build().unwrap();
    let file = sink::File::new(directory.path().join("app.log"), move || encryption.around(format::Json::new()))
        .engine(engine)
        .direct(direct)
        .one_file(one_file)
        .block_bytes(64 << 10)
        .rotate_bytes(FILE_BYTES);
    let container = builder().shards(shards).sink("file", file).start().unwrap();
    // A thread belongs to the shard of the CPU that it begins on.
    let cpus = inherited::cpus_now().unwrap();
    std::thread::scope(|scope| {
        for (thread, cpu) in (0..4).zip(cpus.iter().cycle()) {
            let container = &container;
            scope.spawn(move || {
                assert!(inherited::pin_to(*cpu));
                log_numbers(container, thread * 1000..thread * 1000 + 1000);
            });
        }
    });
    let used_shards: BTreeSet<usize> = cpus.iter().take(4).map(|cpu| cpu % shards).collect();
    let accounts = shut_down(&container);
    assert_eq!(accounts.delivered_total(), 4000, "{accounts}");
    let (mut all, mut data_keys) = (Vec::new(), BTreeSet::new());
    let files = files(directory.path());
    assert!(files.len() > 2, "{:?}", files.keys());
    for (path, bytes) in files {
        assert!(!holds(&bytes, "4111"), "{}", path.display());
        let read = decrypt(&bytes, keys(&identity));
        assert!(read.iter().all(Result::is_ok), "{}: a file has whole frames only", path.display());
        assert!(bytes.len() as u64 <= FILE_BYTES, "{} has {}", path.display(), bytes.len());
        data_keys.extend(read.into_iter().flatten().map(|frame| frame.data_key));
        all.extend(numbers(&records(&bytes, keys(&identity))));
    }
    assert_eq!(data_keys.len(), used_shards.len(), "each shard has a data key");
    all.sort_unstable();
    assert_eq!(all, (0..4000).collect::<Vec<_>>());
}

#[test]
fn rotated_files_have_whole_frames_and_each_event_once() {
    for (engine, direct) in [(FileEngine::Auto, true), (FileEngine::Blocking, false)] {
        check_rotated_files(1, engine, direct, false);
    }
}

#[test]
fn files_of_two_shards_have_whole_frames_and_each_event_once() {
    check_rotated_files(2, FileEngine::Auto, true, false);
}

#[test]
fn two_shards_that_share_a_file_leave_whole_frames_and_each_event_once() {
    for (engine, direct) in [(FileEngine::Auto, true), (FileEngine::Blocking, false)] {
        check_rotated_files(2, engine, direct, true);
    }
}

#[test]
fn a_file_that_a_crash_has_torn_is_continued_and_only_the_torn_frame_is_lost() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("app.log");
    let (identity, encryption) = pair();
    let run = |range: std::ops::Range<u64>| {
        let encryption = encryption.clone();
        let file = sink::File::new(&path, move || encryption.around(format::Json::new()));
        let container = builder().sink("file", file).start().unwrap();
        log_numbers(&container, range.clone());
        assert_eq!(shut_down(&container).delivered_total(), range.end - range.start);
    };
    run(0..32);
    let whole = fs::read(&path).unwrap();
    let frames: Vec<_> = Decryptor::new(&*whole, keys(&identity)).map(Result::unwrap).collect();
    let last = frames.last().unwrap();
    let kept = numbers(&records(whole.get(..last.offset as usize).unwrap(), keys(&identity)));
    for torn in [1, 8, 30, 100, last.frame_bytes - 2] {
        fs::write(&path, &whole).unwrap();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(last.offset + torn).unwrap();
        run(100..110);
        let bytes = fs::read(&path).unwrap();
        let errors: Vec<_> = decrypt(&bytes, keys(&identity)).into_iter().filter_map(Result::err).collect();
        assert!(errors.iter().all(|error| error.offset() == last.offset), "{torn}: {errors:?}");
        assert_eq!(errors.len(), 1, "{torn}: {errors:?}");
        assert_eq!(numbers(&records(&bytes, keys(&identity))), [kept.clone(), (100..110).collect()].concat());
    }
}

#[test]
fn the_law_holds_where_a_deadline_cuts_the_last_payload() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("app.log");
    let (identity, encryption) = pair();
    let file = sink::File::new(&path, move || encryption.around(format::Json::new())).block_bytes(64 << 10);
    let container = builder().sink("file", file).start().unwrap();
    log_numbers(&container, 0..5000);
    let _ = container.shutdown(Duration::ZERO);
    let accounts = container.accounts();
    accounts.check().unwrap();
    // Whole frames of a payload that was cut are in the file, and count as not delivered.
    let written = numbers(&records(&fs::read(&path).unwrap(), keys(&identity))).len() as u64;
    assert!(written >= accounts.delivered_total(), "{written} {accounts}");
}

/// A destination that keeps payloads, or is down.
#[derive(Clone)]
struct NetworkDestination {
    encryption: Encryption,
    is_up: Arc<AtomicBool>,
    is_rejecting: bool,
    kept: Arc<std::sync::Mutex<Vec<u8>>>,
}

impl NetworkDestination {
    fn new(encryption: &Encryption, is_up: bool) -> Self {
        let is_up = Arc::new(AtomicBool::new(is_up));
        Self { encryption: encryption.clone(), is_up, is_rejecting: false, kept: Arc::default() }
    }
}

impl SinkFactory for NetworkDestination {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        let formatter = self.encryption.around(format::Json::new());
        Ok(Box::new(NetworkClient { formatter, destination: self.clone() }))
    }

    fn delivery(&self) -> DeliveryPolicy {
        DeliveryPolicy::default()
    }
}

struct NetworkClient {
    formatter: Encrypted,
    destination: NetworkDestination,
}

impl Sink for NetworkClient {
    fn writer(&self) -> String {
        "test".to_owned()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(4 << 10))
    }

    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        self.formatter.format(batch, payload.buffer())
    }

    fn deliver(&mut self, payload: Payload) -> Delivery {
        let NetworkDestination { is_up, is_rejecting, kept, .. } = &self.destination;
        if *is_rejecting {
            return Delivery::done(Err(SinkError::permanent("too old")));
        }
        if !is_up.load(Ordering::SeqCst) {
            return Delivery::done(Err(SinkError::retryable("it is down")));
        }
        kept.lock().unwrap().extend_from_slice(payload.records());
        Delivery::done(Ok(()))
    }
}

#[test]
fn payloads_that_wait_on_disk_are_ciphertext_and_read_back_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (identity, encryption) = pair();
    let start = |is_up| {
        let network = NetworkDestination::new(&encryption, is_up);
        let options =
            SinkOptions::new().on_full(OnFull::Spill).spill(SpillOptions::new(directory.path().join("spill")));
        (network.clone(), builder().sink_with("network", network, options).start().unwrap())
    };
    let (_, container) = start(false);
    log_numbers(&container, 0..200);
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 200, "{accounts}");
    let on_disk = files(directory.path());
    assert!(on_disk.values().any(|bytes| holds(bytes, "fapienc")), "frames are on disk");
    assert!(on_disk.values().all(|bytes| !holds(bytes, "4111")));
    let (network, container) = start(true);
    let deadline = std::time::Instant::now() + TIMEOUT;
    while container.metrics().deliveries.iter().map(|sink| sink.recovered.delivered).sum::<u64>() < 200 {
        assert!(std::time::Instant::now() < deadline, "{:?}", container.metrics().deliveries);
        std::thread::sleep(Duration::from_millis(1));
    }
    shut_down(&container);
    let lines = records(&network.kept.lock().unwrap(), keys(&identity));
    assert_eq!(numbers(&lines), (0..200).collect::<Vec<_>>());
}

#[test]
fn dead_letters_hold_ciphertext_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dead.jsonl");
    let (identity, encryption) = pair();
    let network = NetworkDestination { is_rejecting: true, ..NetworkDestination::new(&encryption, true) };
    let options = SinkOptions::new().dead_letters(DeadLetterOptions::new(&path));
    let container = builder().sink_with("network", network, options).start().unwrap();
    log_numbers(&container, 0..10);
    let accounts = shut_down(&container);
    let lost: u64 = accounts.sinks.iter().map(|sink| sink.lost.of(LossReason::DeadLettered)).sum();
    assert!(lost >= 10, "{accounts}");
    let letters = fs::read_to_string(&path).unwrap();
    assert!(!letters.contains("4111"));
    let mut bytes = Vec::new();
    for line in letters.lines() {
        let letter: serde_json::Value = serde_json::from_str(line).unwrap();
        for record in letter["records_base64"].as_array().unwrap() {
            bytes.extend(data_encoding::BASE64.decode(record.as_str().unwrap().as_bytes()).unwrap());
        }
    }
    assert_eq!(numbers(&records(&bytes, keys(&identity))), (0..10).collect::<Vec<_>>());
}

#[test]
fn without_its_key_store_nothing_is_written_and_the_events_count_as_lost() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let identity = Identity::generate().unwrap();
    let store = KeyStore::open(directory.path().join("keys")).unwrap();
    let encryption = Encryption::builder().recipient(identity.recipient()).shred_by_day(store.clone()).build().unwrap();
    fs::remove_dir(store.directory()).unwrap();
    let path = directory.path().join("app.log");
    let file = {
        let encryption = encryption.clone();
        sink::File::new(&path, move || encryption.around(format::Json::new()))
    };
    let container = builder().sink("file", file).start().unwrap();
    log_numbers(&container, 0..20);
    let accounts = shut_down(&container);
    assert_eq!((accounts.delivered_total(), fs::read(&path).unwrap().len()), (0, 0), "{accounts}");
    assert!(accounts.lost_total() >= 20, "{accounts}");
    let failures = encryption.failures();
    assert!(failures.events >= 1);
    let reason = failures.last.unwrap();
    assert!(reason.starts_with("cannot look at "), "{reason}");
    let of_sink: u64 = accounts.sinks.iter().map(|sink| sink.lost.of(LossReason::SinkFailed)).sum();
    assert_eq!((of_sink, accounts.lost_total()), (of_sink, of_sink), "no batch counts as a panic: {accounts}");
    let diagnostics = container.diagnostics();
    assert!(diagnostics.iter().any(|diagnostic| diagnostic.text.contains("keys: No such file")), "{diagnostics:?}");
}

#[test]
fn plaintext_in_front_of_frames_is_left_alone_by_the_sink_and_reported_by_the_reader() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("app.log");
    fs::write(&path, "{\"message\":\"of before\"}\n").unwrap();
    let (identity, encryption) = pair();
    let file = sink::File::new(&path, move || encryption.around(format::Json::new()));
    let container = builder().sink("file", file).start().unwrap();
    log_numbers(&container, 0..3);
    shut_down(&container);
    let bytes = fs::read(&path).unwrap();
    let read = decrypt(&bytes, keys(&identity));
    assert!(matches!(read.first(), Some(Err(DecryptError::NotEncrypted { offset: 0, bytes: 24 }))), "{read:?}");
    assert_eq!(numbers(&records(&bytes, keys(&identity))), [0, 1, 2]);
}
