//! Files are rotated by length and by time: each record is in one file, whole, and the files' names sort as the records do.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod mounted;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter, record_end::RecordEnd};
use fapilog_sink_file::{File, FileSync, RotateEvery};
use lines::{
    BLOCK_BYTES, TIMEOUT, assert_all_hold, assert_holds, builder, content_of_all, diagnostics, directory,
    each_way_at_once, log_bytes, rotated, shut_down, sink, started, until, ways,
};

/// The least that a file may be rotated at.
const FILE_BYTES: u64 = 64 << 10;

#[test]
fn files_are_rotated_by_length_and_each_record_is_in_one_of_them() {
    for way in ways() {
        for sync in [FileSync::Never, FileSync::Interval(Duration::from_millis(5)), FileSync::Batch] {
            let directory = directory();
            let path = directory.path().join("length.log");
            let container = started(sink(&path, way).rotate_bytes(FILE_BYTES).sync(sync));
            let expected = log_bytes(&container.logger("test"), 20 * FILE_BYTES as usize);
            let accounts = shut_down(&container);
            assert_eq!((accounts.lost_total(), accounts.sinks[0].errors), (0, 0), "{}", diagnostics(&container));
            assert_all_hold(&path, &expected);
            let files = rotated(&path);
            assert_eq!(accounts.sinks[0].counter("files_rotated"), files.len() as u64);
            assert!(files.len() >= 18, "{way:?}: {} files", files.len());
        }
    }
}

#[test]
fn no_file_is_longer_than_its_most_bytes_and_each_ends_in_a_whole_line() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("whole.log");
        let container = started(sink(&path, way).rotate_bytes(FILE_BYTES + 1234));
        let log = container.logger("test");
        for _ in 0..200 {
            log_bytes(&log, 5000);
            container.flush(TIMEOUT).unwrap();
        }
        shut_down(&container);
        let files = rotated(&path);
        assert!(files.len() >= 14, "{} files", files.len());
        for file in files {
            let content = fs::read(&file).unwrap();
            assert!(content.len() as u64 <= FILE_BYTES + 1234, "{file:?} has {} bytes", content.len());
            assert_eq!(content.last(), Some(&b'\n'));
        }
    }
}

/// Writes each event's second since 1970, and a line feed.
#[derive(Debug)]
struct SecondLines;

impl Formatter for SecondLines {
    fn name(&self) -> &'static str {
        "seconds"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for event in batch.events() {
            out.extend_from_slice(format!("{}\n", event.timestamp().unix_nanos() / 1_000_000_000).as_bytes());
        }
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

fn second_sink(path: &Path) -> File {
    File::new(path, || SecondLines).block_bytes(BLOCK_BYTES).rotate_every(RotateEvery::Interval(Duration::from_secs(1)))
}

fn seconds_in(file: &Path) -> Vec<u64> {
    fs::read_to_string(file).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn the_records_of_a_file_are_all_of_its_own_time() {
    each_way_at_once(|way| {
        let directory = directory();
        let path = directory.path().join("time.log");
        // Payloads wait for longer than a file lives.
        let sink = second_sink(&path).engine(way.engine).direct(way.direct);
        let container = builder().flush_interval(Duration::from_millis(300)).sink("file", sink).start().unwrap();
        let log = container.logger("test");
        let start = Instant::now();
        let mut events = 0;
        while start.elapsed() < Duration::from_millis(2500) {
            lines::log_line(&log, "event");
            events += 1;
            thread::sleep(Duration::from_micros(300));
        }
        assert_eq!(shut_down(&container).delivered_total(), events);
        let files: Vec<Vec<u64>> = rotated(&path).iter().chain([&path]).map(|file| seconds_in(file)).collect();
        assert_eq!(files.iter().map(Vec::len).sum::<usize>() as u64, events);
        assert!((3..=4).contains(&files.len()), "{} files", files.len());
        for (file, next) in files.iter().zip(files.iter().skip(1)) {
            assert!(file.iter().all(|second| *second == file[0]), "a file with two seconds: {file:?}");
            assert!(file[0] < next[0]);
        }
        let names: Vec<_> = rotated(&path).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert!(names[0].to_str().unwrap().ends_with("Z.0001.log"), "{names:?}");
    });
}

#[test]
fn a_file_that_gets_no_further_record_is_rotated_when_its_time_is_over() {
    let directory = directory();
    let path = directory.path().join("idle.log");
    let container = started(second_sink(&path));
    lines::log_line(&container.logger("test"), "event");
    until("the file is rotated", || rotated(&path).len() == 1);
    until("there is a new file", || path.exists());
    assert_eq!(fs::read(&path).unwrap(), b"");
    // An empty file is not rotated.
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(rotated(&path).len(), 1);
    shut_down(&container);
}

#[test]
fn a_file_of_an_earlier_process_is_rotated_when_its_time_is_over() {
    let directory = directory();
    let path = directory.path().join("earlier.log");
    let container = started(second_sink(&path));
    lines::log_line(&container.logger("test"), "event");
    shut_down(&container);
    thread::sleep(Duration::from_secs(1));
    let container = started(second_sink(&path));
    lines::log_line(&container.logger("test"), "event");
    shut_down(&container);
    assert_eq!((rotated(&path).len(), content_of_all(&path).len()), (1, 22));
}

#[test]
fn a_file_of_an_earlier_process_that_is_too_long_is_rotated_before_the_first_record() {
    let directory = directory();
    let path = directory.path().join("long.log");
    let old = [b'o'; FILE_BYTES as usize];
    fs::write(&path, [&old[..], b"\n"].concat()).unwrap();
    let container = started(sink(&path, ways()[0]).rotate_bytes(FILE_BYTES));
    let new = log_bytes(&container.logger("test"), 100);
    shut_down(&container);
    assert_eq!(fs::metadata(&rotated(&path)[0]).unwrap().len(), FILE_BYTES + 1);
    assert_holds(&path, &new);
}

#[test]
fn a_name_that_another_file_has_is_not_used() {
    let directory = directory();
    let path = directory.path().join("names.log");
    let container = started(sink(&path, ways()[0]).rotate_bytes(FILE_BYTES));
    let log = container.logger("test");
    let mut expected = log_bytes(&log, FILE_BYTES as usize);
    container.flush(TIMEOUT).unwrap();
    expected.extend(log_bytes(&log, 100));
    container.flush(TIMEOUT).unwrap();
    let first = rotated(&path)[0].clone();
    // A directory of the name that comes next.
    let next = first.to_str().unwrap().replace(".0001.", ".0002.");
    fs::create_dir(&next).unwrap();
    for _ in 0..3 {
        expected.extend(log_bytes(&log, FILE_BYTES as usize));
        container.flush(TIMEOUT).unwrap();
    }
    shut_down(&container);
    fs::remove_dir(&next).unwrap();
    assert_all_hold(&path, &expected);
}

#[test]
fn old_files_are_removed_and_the_newest_ones_stay() {
    let directory = directory();
    let path = directory.path().join("few.log");
    fs::write(directory.path().join("few.log.1"), "another's").unwrap();
    let container = started(sink(&path, ways()[0]).rotate_bytes(FILE_BYTES).retain_files(3));
    let expected = log_bytes(&container.logger("test"), 20 * FILE_BYTES as usize);
    container.flush(TIMEOUT).unwrap();
    let is_few = || rotated(&path).iter().filter(|file| !file.ends_with("few.log.1")).count() == 3;
    until("files are removed", is_few);
    let accounts = shut_down(&container).sinks.remove(0);
    assert_eq!(fs::read(directory.path().join("few.log.1")).unwrap(), b"another's");
    fs::remove_file(directory.path().join("few.log.1")).unwrap();
    let content = content_of_all(&path);
    assert!(expected.ends_with(&content) && content.len() as u64 > 3 * FILE_BYTES / 2);
    assert_eq!(accounts.counter("files_removed"), accounts.counter("files_rotated") - 3);
    assert_eq!(accounts.counter("bytes_removed"), (expected.len() - content.len()) as u64);
}

#[cfg(feature = "gzip")]
fn gunzip(path: &Path) -> Vec<u8> {
    use std::io::Read;

    let mut content = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut content).unwrap();
    content
}

#[cfg(feature = "gzip")]
#[test]
fn rotated_files_are_compressed() {
    for way in ways() {
        let directory = directory();
        let path = directory.path().join("small.log");
        let sink = sink(&path, way)
            .rotate_bytes(FILE_BYTES)
            .compress(fapilog_sink_file::Compression::Gzip { level: 1 })
            .mode(0o600);
        let container = started(sink);
        let expected = log_bytes(&container.logger("test"), 10 * FILE_BYTES as usize);
        container.flush(TIMEOUT).unwrap();
        until("all are compressed", || {
            let files = rotated(&path);
            files.len() >= 9 && files.iter().all(|file| file.extension().unwrap() == "gz")
        });
        let accounts = shut_down(&container);
        let files = rotated(&path);
        assert_eq!(accounts.sinks[0].counter("files_compressed"), files.len() as u64);
        let mut content: Vec<u8> = files.iter().flat_map(|file| gunzip(file)).collect();
        content.extend(fs::read(&path).unwrap());
        assert!(content == expected);
        assert!(files.iter().all(|file| fs::metadata(file).unwrap().mode() & 0o777 == 0o600));
    }
}

#[cfg(feature = "gzip")]
#[test]
fn files_that_an_earlier_process_has_not_compressed_are_compressed_at_the_start() {
    let directory = directory();
    let path = directory.path().join("late.log");
    let name = directory.path().join("late.2026-01-02T03-04-05Z.0001.log");
    fs::write(&name, "an earlier line\n").unwrap();
    fs::write(directory.path().join(".late.2026-01-02T03-04-05Z.0001.log.gz.part"), "half").unwrap();
    let container = started(sink(&path, ways()[0]).compress(fapilog_sink_file::Compression::Gzip { level: 6 }));
    until("it is compressed", || rotated(&path).iter().any(|file| file.extension().unwrap() == "gz"));
    until("the plain file is gone", || !name.exists());
    shut_down(&container);
    assert_eq!(gunzip(&rotated(&path)[0]), b"an earlier line\n");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn a_new_file_has_the_mode_of_the_settings() {
    let directory = directory();
    let path = directory.path().join("mode.log");
    let container = started(sink(&path, ways()[0]).rotate_bytes(FILE_BYTES).mode(0o604));
    log_bytes(&container.logger("test"), 3 * FILE_BYTES as usize);
    shut_down(&container);
    assert!(rotated(&path).len() > 1);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o604);
}

#[test]
fn the_link_names_the_file_that_is_written_to() {
    let directory = directory();
    let path = directory.path().join("of-{pid}.log");
    let container = started(sink(&path, ways()[0]).rotate_bytes(FILE_BYTES).current_link("current.log"));
    log_bytes(&container.logger("test"), 3 * FILE_BYTES as usize);
    container.flush(TIMEOUT).unwrap();
    let live = format!("of-{}.log", std::process::id());
    assert_eq!(fs::read_link(directory.path().join("current.log")).unwrap(), Path::new(&live));
    assert_holds(&directory.path().join("current.log"), &fs::read(directory.path().join(live)).unwrap());
    shut_down(&container);
}

#[test]
fn directories_are_made_where_the_settings_have_that() {
    let directory = directory();
    let path = directory.path().join("a/b/made.log");
    let refused = builder().sink("file", sink(&path, ways()[0])).start();
    assert!(refused.is_err());
    let container = started(sink(&path, ways()[0]).create_directories(true).directory_mode(0o705));
    let expected = log_bytes(&container.logger("test"), 100);
    container.flush(TIMEOUT).unwrap();
    assert_holds(&path, &expected);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o705);
    fs::remove_dir_all(directory.path().join("a")).unwrap();
    let more = log_bytes(&container.logger("test"), 100);
    assert_eq!(shut_down(&container).lost_total(), 0, "{}", diagnostics(&container));
    assert_holds(&path, &more);
}

/// A file system with a single inode left: a new file cannot be made.
#[test]
fn records_go_on_into_the_file_that_cannot_be_rotated() {
    let Some(mounted) = mounted::with_inodes(2) else { return };
    let path = mounted.path.join("single.log");
    let container = started(sink(&path, ways()[0]).rotate_bytes(FILE_BYTES));
    let expected = log_bytes(&container.logger("test"), 4 * FILE_BYTES as usize);
    container.flush(TIMEOUT).unwrap();
    assert!(
        diagnostics(&container).contains("is not rotated; the next attempt is in 1s"),
        "{}",
        diagnostics(&container)
    );
    assert_eq!(shut_down(&container).lost_total(), 0);
    assert_all_hold(&path, &expected);
    assert_eq!(rotated(&path).len(), 0);
}
