//! A reader that follows a file at full speed sees each record once, whole and in order, and never a NUL.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod numbered;

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use lines::{BLOCK_BYTES, MessageLines, TIMEOUT, Way, builder, directory, log_line, shut_down, ways};
use numbered::{LINE_BYTES, NumberedLines, numbered_line};

/// Most bytes that the reader takes at once.
const CHUNK_BYTES: usize = 4 << 20;

/// Reads the file up to its length, again and again, until it has that many bytes.
fn follow(path: &Path, total: u64, is_over: &AtomicBool) {
    let file = File::open(path).unwrap();
    let (mut seen, mut numbered, mut chunk) = (0, NumberedLines::default(), vec![0; CHUNK_BYTES]);
    let mut last_growth = Instant::now();
    while seen < total {
        let length = file.metadata().unwrap().len();
        while seen < length {
            let wanted = chunk.len().min(usize::try_from(length - seen).unwrap());
            let part = chunk.get_mut(..wanted).unwrap();
            file.read_exact_at(part, seen).unwrap();
            numbered.read(part);
            seen += wanted as u64;
            last_growth = Instant::now();
        }
        assert!(!is_over.load(Ordering::Relaxed) || last_growth.elapsed() < TIMEOUT, "only {seen} of {total} bytes");
    }
    numbered.assert_whole();
}

/// Logs that many bytes while a reader follows.
fn is_followed(way: Way, block_bytes: usize, megabytes: u64) {
    let directory = directory();
    let path = directory.path().join("followed.log");
    let sink = fapilog_sink_file::File::new(&path, || MessageLines);
    let sink = sink.engine(way.engine).direct(way.direct).block_bytes(block_bytes);
    let container =
        builder().message_max_chars(LINE_BYTES).ring_capacity_bytes(4 << 20).sink("file", sink).start().unwrap();
    let log = container.logger("test");
    let count = (megabytes << 20) / LINE_BYTES as u64;
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| follow(&path, count * LINE_BYTES as u64, &is_over));
        (0..count).for_each(|number| log_line(&log, &numbered_line(number)));
        shut_down(&container);
        is_over.store(true, Ordering::Relaxed);
    });
    eprintln!("{megabytes} MiB in {:?}, {way:?}", start.elapsed());
}

#[test]
fn a_reader_at_full_speed_sees_every_record_once_and_no_nul() {
    for way in ways() {
        is_followed(way, 1 << 20, if way.direct { 300 } else { 100 });
    }
}

#[test]
fn a_reader_at_full_speed_sees_every_record_once_and_no_nul_in_small_blocks_too() {
    for way in ways() {
        is_followed(way, BLOCK_BYTES, 50);
    }
}
