//! The cost of a trail at 256 MB/s: 2 million events of 128 bytes a second.
//!
//! `cargo bench -p fapilog-audit-trail`: the time of the processor, in percent of a core, for the hashes, the tree and the signatures alone, and
//! for the whole sink beside plain writes and syncs of the same bytes. The first argument is a directory for files, in place of the system's
//! directory for temporary files.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a program that reports to its user"
)]

use std::{
    fs::File,
    hint::black_box,
    os::unix::fs::FileExt,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use fapilog::{format, settings::SecretRef};
use fapilog_audit_trail::{
    format::{BlockBody, Checkpoint, EntryBody, TrailEntry, TrailExtension, block_digest},
    keys::{ChainKey, SigningKey},
    sink::AuditTrail,
    tree::{TreeFrontier, leaf_hash},
};
use fapilog_plugin::{
    diagnostics::Diagnostics,
    factory::ShardInfo,
    sink::{Payload, SinkContext, SinkFactory},
};
use rustix::time::{ClockId, clock_gettime};

/// Two million events of 128 bytes.
const SECOND_BYTES: usize = 256_000_000;
const BLOCK_BYTES: usize = 65536;
const PAYLOAD_BYTES: usize = 1 << 20;
const CHECKPOINT_BLOCKS: u64 = 4096;
const ROUNDS: usize = 5;

/// The process's time of the processor, in the program and in the kernel.
fn process_time() -> Duration {
    time_of(ClockId::ProcessCPUTime)
}

/// The thread's time of the processor: what neighbours take is no part of it.
fn thread_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn percent(time: Duration, bytes: usize) -> f64 {
    100.0 * time.as_secs_f64() * SECOND_BYTES as f64 / bytes as f64
}

/// Lines of 128 bytes.
fn lines(bytes: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes + 128);
    while lines.len() < bytes {
        let number = lines.len() / 128;
        lines.extend_from_slice(format!("{{\"number\":{number:>20},\"text\":\"{:<86}\"}}\n", number * 7919).as_bytes());
    }
    lines.truncate(bytes / 128 * 128);
    lines
}

fn report(name: &str, bytes: usize, work: impl Fn()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = thread_time();
        work();
        best = best.min(percent(thread_time() - start, bytes));
    }
    println!("{name:<44} {best:6.2} % of a core");
    best
}

/// All that a trail computes, and nothing that it writes.
fn chain(data: &[u8], signing: &SigningKey) {
    let mut key = ChainKey::from_bytes(&[7; 32]);
    let (mut value, mut tree, mut entry_bytes) = ([0; 32], TreeFrontier::default(), Vec::new());
    for (index, block) in data.chunks(BLOCK_BYTES).enumerate() {
        let records = memchr::memchr_iter(b'\n', block).count() as u32;
        let offset = (index * BLOCK_BYTES) as u64;
        let body = BlockBody { offset, length: block.len() as u32, records, digest: block_digest(block) };
        let entry =
            TrailEntry { sequence: tree.size(), unix_nanos: 1, epoch: key.epoch(), body: EntryBody::Block(body) };
        entry_bytes.clear();
        entry.write(&mut entry_bytes);
        value = key.link(&value, &entry_bytes);
        tree.push(leaf_hash(&entry_bytes));
        if tree.size() % CHECKPOINT_BLOCKS == 0 {
            let extension = TrailExtension { trail_id: [1; 16], segment: 0, epoch: 0, unix_nanos: 0, chain: value };
            let origin = "example.com/bench".to_owned();
            black_box(Checkpoint { origin, size: tree.size(), root: tree.root(), extension }.sign(signing));
            key = key.next();
        }
    }
    black_box((value, tree.root()));
}

#[derive(Debug)]
struct NoReports;

impl Diagnostics for NoReports {
    fn report(&self, _: &str, _: String) {}
}

/// A thread that sleeps until its delivery is done, so that waiting costs nothing.
struct ParkedThread(Thread);

impl Wake for ParkedThread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Delivers payloads through the sink, one after the other.
fn through_sink(data: &[u8], directory: &std::path::Path) -> (Duration, Duration) {
    let key = SigningKey::from_seed("example.com/bench", &[7; 32]).unwrap();
    let sink =
        AuditTrail::new(directory.join("audit.jsonl"), format::Json::new, SecretRef::bytes(key.to_text().as_str()));
    let reports: Arc<dyn Diagnostics> = Arc::new(NoReports);
    let mut sink = sink.make(&SinkContext::new(ShardInfo::new(0, 1), "audit", &reports)).unwrap();
    let payloads: Vec<Payload> = data
        .chunks(PAYLOAD_BYTES)
        .map(|records| {
            let mut payload = Payload::new(PAYLOAD_BYTES);
            payload.buffer().extend_from_slice(records);
            payload
        })
        .collect();
    let (start, cpu) = (Instant::now(), process_time());
    for payload in payloads {
        let mut delivery = sink.deliver(payload);
        let waker = Waker::from(Arc::new(ParkedThread(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match delivery.poll(&mut context) {
                Poll::Ready(result) => break result.unwrap(),
                Poll::Pending => thread::park(),
            }
        }
    }
    drop(sink);
    (process_time() - cpu, start.elapsed())
}

fn plain(data: &[u8], directory: &std::path::Path) -> (Duration, Duration) {
    let file = File::create(directory.join("plain.jsonl")).unwrap();
    let payloads: Vec<Vec<u8>> = data.chunks(PAYLOAD_BYTES).map(<[u8]>::to_vec).collect();
    let (start, cpu) = (Instant::now(), process_time());
    for (index, payload) in payloads.iter().enumerate() {
        file.write_all_at(payload, (index * PAYLOAD_BYTES) as u64).unwrap();
        file.sync_data().unwrap();
    }
    (process_time() - cpu, start.elapsed())
}

fn main() {
    let directory = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let directory = directory.map_or_else(std::env::temp_dir, Into::into);
    let signing = SigningKey::from_seed("example.com/bench", &[7; 32]).unwrap();
    let data = lines(SECOND_BYTES);
    println!("256 MB/s, 2 million events of 128 bytes a second; the best of {ROUNDS} rounds");
    report("BLAKE3 of the blocks", data.len(), || {
        data.chunks(BLOCK_BYTES).for_each(|block| drop(black_box(block_digest(block)).to_vec()));
    });
    // The cost of a tree over the records, in place of one over the entries.
    report("SHA-256 of the blocks, which is not used", data.len(), || {
        data.chunks(BLOCK_BYTES).for_each(|block| drop(black_box(leaf_hash(block)).to_vec()));
    });
    report("count of records", data.len(), || {
        black_box(memchr::memchr_iter(b'\n', &data).count());
    });
    report("chain, tree, signatures and the two above", data.len(), || chain(&data, &signing));

    let (mut best_plain, mut best_sink) = (f64::MAX, f64::MAX);
    for round in 0..ROUNDS {
        // Each is first in every other round: the kernel takes longer for memory that nobody has used of late.
        let files = tempfile::tempdir_in(&directory).unwrap();
        let early = (round % 2 == 1).then(|| through_sink(&data, files.path()));
        let (plain, plain_wall) = plain(&data, files.path());
        let (sink, sink_wall) = early.unwrap_or_else(|| through_sink(&data, files.path()));
        let (plain, sink) = (percent(plain, data.len()), percent(sink, data.len()));
        println!(
            "round {round}: plain write and sync {plain:5.1} % in {:.2} s; sink {sink:5.1} % in {:.2} s",
            plain_wall.as_secs_f64(),
            sink_wall.as_secs_f64(),
        );
        (best_plain, best_sink) = (best_plain.min(plain), best_sink.min(sink));
    }
    println!("the best of each, program and kernel: plain {best_plain:.1} %, sink {best_sink:.1} % of a core");
}
