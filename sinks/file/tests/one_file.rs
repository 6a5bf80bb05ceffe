//! A single file for two shards: each event is in it once, in the order of its producer, whatever the files go through.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod mounted;
#[path = "../../testing/refusing.rs"]
mod refusing;
mod two_shards;

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_engine::{
    accounts::LossReason,
    container::SinkOptions,
    error::{ChangeError, FlushError, ShutdownError, StartError},
    executor::Executor,
};
use fapilog_plugin::{
    error::PluginError,
    event::Batch,
    formatter::Formatter,
    record_end::RecordEnd,
    sink::{Sink, SinkContext, SinkError, SinkFactory},
};
use fapilog_record::value::ValueRef;
use fapilog_sink_file::{File, FileEngine, FileSync, RotateEvery};
use lines::{
    BLOCK_BYTES, TIMEOUT, Way, assert_holds, balanced, builder, content_of_all, diagnostics, directory,
    each_way_at_once, rotated, sink, until, ways,
};
use refusing::refuse;
use two_shards::{
    PRODUCERS, assert_each_once, assert_is_prefix, lines_of, log_numbered, run_producers, started_shards,
};

/// The least that a file may be rotated at.
const FILE_BYTES: u64 = 64 << 10;

#[test]
fn each_event_of_four_producers_is_in_the_file_once_and_in_order() {
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Interval(Duration::from_millis(5)), FileSync::Batch] {
            let directory = directory();
            let path = directory.path().join("once.log");
            let container = started_shards(sink(&path, way).one_file(true).sync(sync));
            let events = run_producers(&container, 3000);
            let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
            assert_eq!((accounts.delivered_total(), accounts.lost_total()), (events, 0), "{}", diagnostics(&container));
            assert_eq!(accounts.sinks[0].bytes, fs::metadata(&path).unwrap().len());
            assert_each_once(&fs::read_to_string(&path).unwrap(), 3000);
            assert!(rotated(&path).is_empty(), "{way:?}");
        }
    }
}

#[test]
fn shards_on_glommio_have_one_file_too() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("glommio.log");
        let file = sink(&path, way).one_file(true);
        let container = match builder().executor(Executor::Glommio).shards(2).sink("file", file).start() {
            Err(error @ StartError::Glommio { .. }) => {
                eprintln!("NOT TESTED on glommio: {error:?}");
                return;
            }
            started => started.unwrap(),
        };
        run_producers(&container, 3000);
        let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
        assert_eq!(accounts.lost_total(), 0, "{}", diagnostics(&container));
        assert_each_once(&fs::read_to_string(&path).unwrap(), 3000);
    }
}

/// The text of the rotated files and of the file itself.
fn text_of_all(path: &Path) -> String {
    String::from_utf8(content_of_all(path)).unwrap()
}

#[test]
fn files_of_two_shards_are_rotated_by_length_and_none_is_too_long() {
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Batch] {
            let directory = directory();
            let path = directory.path().join("length.log");
            let container = started_shards(sink(&path, way).one_file(true).rotate_bytes(FILE_BYTES).sync(sync));
            let events = run_producers(&container, 3000);
            let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
            assert_eq!((accounts.delivered_total(), accounts.lost_total()), (events, 0), "{}", diagnostics(&container));
            assert_each_once(&text_of_all(&path), 3000);
            let files = rotated(&path);
            assert_eq!(accounts.sinks[0].counter("files_rotated"), files.len() as u64);
            assert!(files.len() >= 19, "{} files", files.len());
            for file in files {
                let content = fs::read(&file).unwrap();
                assert!(content.len() as u64 <= FILE_BYTES && content.ends_with(b"\n"), "{file:?}: {}", content.len());
            }
        }
    }
}

/// Writes each event's second since 1970, and its message.
#[derive(Debug)]
struct TimedLines;

impl Formatter for TimedLines {
    fn name(&self) -> &'static str {
        "timed"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            let ValueRef::Text(text) = event.message() else { continue };
            out.extend_from_slice(format!("{text} {}\n", event.timestamp().unix_nanos() / 1_000_000_000).as_bytes());
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

#[test]
fn files_of_two_shards_are_rotated_by_time() {
    each_way_at_once(|way| {
        let directory = directory();
        let path = directory.path().join("time.log");
        let sink = File::new(&path, || TimedLines).block_bytes(BLOCK_BYTES).engine(way.engine).direct(way.direct);
        let sink = sink.one_file(true).rotate_every(RotateEvery::Interval(Duration::from_secs(1)));
        let container = started_shards(sink);
        let lines_each = std::thread::scope(|scope| {
            let logged = (0..PRODUCERS).map(|producer| {
                let log = container.logger("test");
                // Each producer has a pace of its own, so that payloads of both shards cross the boundaries.
                let pace = Duration::from_micros(500 + 700 * producer as u64);
                scope.spawn(move || {
                    let start = Instant::now();
                    let mut number = 0;
                    while start.elapsed() < Duration::from_millis(2500) {
                        log_numbered(&log, producer, number..number + 1);
                        number += 1;
                        std::thread::sleep(pace);
                    }
                    number
                })
            });
            logged.collect::<Vec<_>>().into_iter().map(|logged| logged.join().unwrap()).collect::<Vec<_>>()
        });
        let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
        assert_eq!(accounts.delivered_total(), lines_each.iter().sum::<u64>());
        let text = text_of_all(&path);
        for (producer, lines) in lines_each.into_iter().enumerate() {
            assert_eq!(lines_of(&text, producer), (0..lines).collect::<Vec<_>>(), "{way:?}");
        }
        let files: Vec<String> =
            rotated(&path).iter().chain([&path]).map(|file| fs::read_to_string(file).unwrap()).collect();
        assert!(files.len() >= 3, "{} files", files.len());
        let mut newest_before = 0;
        for file in files {
            let seconds = file.lines().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
            let newest = seconds.clone().max().unwrap();
            // On a busy machine, a shard may hand over its last records of a second late.
            assert!(newest > newest_before && seconds.clone().all(|second| second + 1 >= newest), "{way:?}");
            newest_before = newest;
        }
    });
}

#[cfg(feature = "gzip")]
#[test]
fn compressed_and_removed_files_are_accounted_for() {
    use std::{io::Read, path::PathBuf};

    let directory = directory();
    let path = directory.path().join("kept.log");
    let sink = sink(&path, ways()[0]).one_file(true).rotate_bytes(FILE_BYTES).retain_files(4);
    let container = started_shards(sink.compress(fapilog_sink_file::Compression::Gzip { level: 1 }));
    run_producers(&container, 3000);
    container.flush(TIMEOUT).unwrap();
    let is_compressed = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "gz");
    until("all that stay are compressed", || {
        let files = rotated(&path);
        files.len() == 4 && files.iter().all(is_compressed)
    });
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap()).sinks.remove(0);
    // A plain file and its compressed twin that are removed in the same moment count as two.
    let (removed, rotated_files) = (accounts.counter("files_removed"), accounts.counter("files_rotated"));
    assert!(removed + 4 >= rotated_files && removed <= rotated_files, "{removed} of {rotated_files}");
    let mut text = String::new();
    for file in rotated(&path) {
        flate2::read::GzDecoder::new(fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    }
    text.push_str(&fs::read_to_string(&path).unwrap());
    for producer in 0..PRODUCERS {
        let numbers = lines_of(&text, producer);
        assert!(numbers.iter().zip(numbers.iter().skip(1)).all(|(one, next)| one + 1 == *next));
        assert!(numbers.last().is_none_or(|last| *last == 2999), "the newest lines stay");
    }
}

#[test]
fn a_request_rotates_once_for_all_shards() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("asked.log");
        let container = started_shards(sink(&path, way).one_file(true));
        run_producers(&container, 500);
        container.flush(TIMEOUT).unwrap();
        container.rotate(TIMEOUT).unwrap();
        assert_each_once(&fs::read_to_string(&rotated(&path)[0]).unwrap(), 500);
        assert_holds(&path, b"");
        let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
        assert_eq!((accounts.sinks[0].counter("files_rotated"), accounts.sinks[0].errors), (1, 0));
    }
}

#[test]
fn a_flush_makes_the_events_of_both_shards_durable_or_fails() {
    let directory = directory();
    let hour = Duration::from_secs(3600);
    for (name, sync) in [("interval", FileSync::Interval(hour)), ("batch", FileSync::Batch), ("never", FileSync::Never)]
    {
        for way in ways() {
            let path = directory.path().join(format!("{name}.log"));
            let container = started_shards(sink(&path, way).one_file(true).sync(sync));
            run_producers(&container, 300);
            container.flush(TIMEOUT).unwrap();
            assert_each_once(&fs::read_to_string(&path).unwrap(), 300);
            container.shutdown(TIMEOUT).unwrap();
            fs::remove_file(&path).unwrap();
        }
    }
    refuse(libc::SYS_fdatasync, libc::EIO);
    let path = directory.path().join("refused.log");
    let way = Way { engine: FileEngine::Blocking, direct: true };
    let container = started_shards(sink(&path, way).one_file(true).sync(FileSync::Interval(hour)));
    let events = run_producers(&container, 300);
    // A sync that fails leaves records in doubt that are being written: their events would be lost.
    until("all are delivered", || container.accounts().delivered_total() == events);
    let flushed = container.flush(TIMEOUT);
    assert!(matches!(flushed, Err(FlushError::Failed { .. })), "{flushed:?}, {}", diagnostics(&container));
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    assert_eq!(accounts.delivered_total(), events);
    assert_each_once(&text_of_all(&path), 300);
}

#[test]
fn with_a_sync_for_each_batch_events_of_a_failed_sync_are_lost_and_reported() {
    refuse(libc::SYS_fdatasync, libc::EIO);
    let directory = directory();
    let way = Way { engine: FileEngine::Blocking, direct: true };
    let path = directory.path().join("doubt.log");
    let container = started_shards(sink(&path, way).one_file(true).sync(FileSync::Batch));
    let events = run_producers(&container, 300);
    let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
    assert_eq!(accounts.delivered_total(), 0);
    assert!(accounts.sinks[0].lost.of(LossReason::SinkFailed) >= events);
}

fn is_locked<T>(started: Result<T, StartError>) -> bool {
    matches!(started, Err(StartError::Sink { cause: SinkError::Locked { .. }, .. }))
}

#[test]
fn a_second_container_on_the_file_is_refused_until_the_first_one_has_ended() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("locked.log");
        let file = Arc::new(sink(&path, way).one_file(true));
        let second = |sink: Arc<File>| builder().shards(2).sink("second", sink).start();
        let container = builder().shards(2).sink("file", Arc::clone(&file)).start().unwrap();
        assert!(is_locked(second(Arc::clone(&file))) && is_locked(second(Arc::new(sink(&path, way)))));
        run_producers(&container, 10);
        balanced(container.shutdown(TIMEOUT).unwrap());
        assert_each_once(&fs::read_to_string(&path).unwrap(), 10);
        // The very factory serves again.
        let container = second(file).unwrap();
        assert_eq!(balanced(container.shutdown(TIMEOUT).unwrap()).lost_total(), 0);
    }
}

#[test]
fn a_sink_is_added_and_removed_while_two_shards_log() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("added.log");
        let container = started_shards(sink(&directory.path().join("always.log"), way).one_file(true));
        for round in 1..=2 {
            container.add_sink("added", sink(&path, way).one_file(true), SinkOptions::new()).unwrap();
            run_producers(&container, 100);
            // Events that a shard has not taken yet come behind the removal.
            container.flush(TIMEOUT).unwrap();
            container.remove_plugin("added").unwrap();
            run_producers(&container, 100);
            container.flush(TIMEOUT).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), round * 100 * PRODUCERS);
        }
        assert_eq!(balanced(container.shutdown(TIMEOUT).unwrap()).lost_total(), 0);
    }
}

/// A file sink that the second shard cannot make.
struct FailsOnSecond(File);

impl SinkFactory for FailsOnSecond {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        if context.shard.index == 1 { Err(SinkError::Other("planted".into())) } else { self.0.make(context) }
    }
}

#[test]
fn a_sink_that_one_shard_cannot_make_leaves_no_lock_and_no_open_file() {
    let directory = directory();
    let path = directory.path().join("half.log");
    let half = || FailsOnSecond(sink(&path, ways()[0]).one_file(true));
    assert!(builder().shards(2).sink("half", half()).start().is_err());
    let container = started_shards(sink(&directory.path().join("always.log"), ways()[0]));
    let added = container.add_sink("half", half(), SinkOptions::new());
    assert!(matches!(added, Err(ChangeError::Sink { .. })), "{added:?}");
    container.shutdown(TIMEOUT).unwrap();
    assert_eq!(descriptors_of(&path), 0);
    let container = started_shards(sink(&path, ways()[0]).one_file(true));
    run_producers(&container, 10);
    balanced(container.shutdown(TIMEOUT).unwrap());
    assert_each_once(&fs::read_to_string(&path).unwrap(), 10);
}

/// The descriptors of this process on the file.
fn descriptors_of(path: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    open.filter(|open| open == path).count()
}

#[test]
fn a_shard_without_events_delays_no_other() {
    let directory = directory();
    let path = directory.path().join("single.log");
    let container = started_shards(sink(&path, ways()[0]).one_file(true));
    let log = container.logger("test");
    log_numbered(&log, 0, 0..1);
    until("the event is in the file", || fs::read_to_string(&path).is_ok_and(|text| lines_of(&text, 0) == [0]));
    container.rotate(TIMEOUT).unwrap();
    assert_eq!(rotated(&path).len(), 1);
    container.shutdown(TIMEOUT).unwrap();
}

#[test]
fn with_one_shard_the_option_has_no_effect() {
    let directory = directory();
    let path = directory.path().join("alone.log");
    let container = builder().sink("file", sink(&path, ways()[0]).one_file(true)).start().unwrap();
    run_producers(&container, 10);
    balanced(container.shutdown(TIMEOUT).unwrap());
    assert_each_once(&fs::read_to_string(&path).unwrap(), 10);
}

/// A full disk in memory: the accounts of both shards have exactly the lines of the file.
#[test]
fn a_full_disk_ends_the_file_with_a_record_and_the_accounts_of_both_shards_are_exact() {
    let Some(mounted) = mounted::in_memory(1 << 20) else { return };
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Batch] {
            let path = mounted.path.join("full.log");
            let sink = sink(&path, way).one_file(true).sync(sync);
            let container = builder().shards(2).ring_capacity_bytes(4 << 20).sink("file", sink).start().unwrap();
            run_producers(&container, 4000);
            let is_stuck = || diagnostics(&container).contains("cannot write, will retry: No space left");
            until("the disk is full", is_stuck);
            let error = container.shutdown(Duration::from_millis(200)).unwrap_err();
            let ShutdownError::Deadline { accounts, .. } = error else { unreachable!("{error}") };
            let accounts = balanced(*accounts);
            let bytes = accounts.sinks[0].bytes;
            until("the file is cut", || fs::metadata(&path).is_ok_and(|found| found.len() == bytes));
            assert_is_prefix(&fs::read_to_string(&path).unwrap(), accounts.sinks[0].delivered);
            assert!(accounts.sinks[0].delivered > 1000 && accounts.sinks[0].lost.total() > 0, "{accounts}");
            fs::remove_file(&path).unwrap();
        }
    }
}

#[test]
fn a_full_disk_that_gets_room_drops_nothing() {
    let Some(mounted) = mounted::in_memory(1 << 20) else { return };
    for way in ways() {
        let (path, ballast) = (mounted.path.join("resumes.log"), mounted.path.join("ballast"));
        fs::write(&ballast, vec![0; 700_000]).unwrap();
        let container = started_shards(sink(&path, way).one_file(true));
        let logged = std::thread::scope(|scope| {
            let logged = scope.spawn(|| run_producers(&container, 1500));
            until("the disk is full", || diagnostics(&container).contains("cannot write, will retry: No space left"));
            fs::remove_file(&ballast).unwrap();
            logged.join().unwrap()
        });
        let accounts = balanced(container.shutdown(TIMEOUT).unwrap());
        assert_eq!((accounts.delivered_total(), accounts.lost_total()), (logged, 0), "{accounts}");
        assert!(accounts.sinks[0].retries > 0, "{accounts}");
        assert_each_once(&fs::read_to_string(&path).unwrap(), 1500);
        fs::remove_file(&path).unwrap();
    }
}
