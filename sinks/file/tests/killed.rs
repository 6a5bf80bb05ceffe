//! A process that is killed at any moment leaves a file of whole records, but for the last one, and no hole.
#![cfg(feature = "gzip")]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;
mod numbered;

use std::{
    fs,
    io::Read,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use fapilog_engine::container::Container;
use fapilog_sink_file::{Compression, File, FileEngine};
use lines::{MessageLines, TIMEOUT, Way, builder, directory, log_line, rotated, shut_down, until, ways};
use numbered::{LINE_BYTES, NumberedLines, numbered_line};

const ROTATES: &str = "FAPILOG_KILLED_TEST_ROTATES";
const PATH: &str = "FAPILOG_KILLED_TEST_PATH";
const ENGINE: &str = "FAPILOG_KILLED_TEST_ENGINE";

/// Processes that are killed, for each engine.
const ROUNDS: u64 = 20;

/// Most bytes that a process has written when it is killed.
const BYTES_MAX: u64 = 24 << 20;

/// No test in itself: the work of the process that is killed.
#[test]
fn the_child() {
    let (Ok(path), Ok(engine)) = (std::env::var(PATH), std::env::var(ENGINE)) else { return };
    let engine = if engine == "io_uring" { FileEngine::IoUring } else { FileEngine::Blocking };
    let builder = builder().message_max_chars(LINE_BYTES).ring_capacity_bytes(4 << 20);
    let sink = File::new(&path, || MessageLines).engine(engine);
    if std::env::var(ROTATES).is_ok() {
        let container = builder.sink("file", rotating(sink)).start().unwrap();
        return log_acknowledged(&container, Path::new(&path));
    }
    let container = builder.sink("file", sink).start().unwrap();
    let log = container.logger("test");
    // More than is ever waited for: a child without a parent ends.
    (0..10 * BYTES_MAX / LINE_BYTES as u64).for_each(|number| log_line(&log, &numbered_line(number)));
}

/// The length of a file that is rotated.
const FILE_BYTES: u64 = 1 << 20;

fn rotating(sink: File) -> File {
    sink.rotate_bytes(FILE_BYTES).block_bytes(64 << 10).compress(Compression::Gzip { level: 1 })
}

/// Logs lines, and writes down the number of those that a flush has reported as delivered.
fn log_acknowledged(container: &Container, path: &Path) {
    let log = container.logger("test");
    let acknowledged = fs::File::create(path.with_extension("acknowledged")).unwrap();
    for number in 0..10 * BYTES_MAX / LINE_BYTES as u64 {
        log_line(&log, &numbered_line(number));
        if number % 16 == 15 {
            container.flush(TIMEOUT).unwrap();
            acknowledged.write_all_at(format!("{:012}", number + 1).as_bytes(), 0).unwrap();
        }
    }
}

fn child(path: &Path, engine: FileEngine) -> Child {
    command(path, engine).spawn().unwrap()
}

fn command(path: &Path, engine: FileEngine) -> Command {
    let engine = if engine == FileEngine::IoUring { "io_uring" } else { "pwrite" };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "the_child", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .env(ENGINE, engine)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The length of the file at which the process of this round is killed: the rounds are spread over all lengths.
fn length_of_round(round: u64) -> u64 {
    round.wrapping_mul(0x9e37_79b9_7f4a_7c15) % BYTES_MAX
}

fn is_killed(path: &Path, way: Way, round: u64) {
    let wanted = length_of_round(round);
    let mut child = child(path, way.engine);
    until("the file is long enough", || fs::metadata(path).is_ok_and(|found| found.len() > wanted));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL), "it ended before");
    let mut numbered = NumberedLines::default();
    numbered.read(&fs::read(path).unwrap());
    numbered.assert_begun();
    fs::remove_file(path).unwrap();
}

#[test]
fn a_killed_process_leaves_whole_records_and_no_hole() {
    let directory = directory();
    for way in ways().into_iter().filter(|way| way.direct) {
        (0..ROUNDS).for_each(|round| is_killed(&directory.path().join("killed.log"), way, round));
    }
}

/// The rotated files, each once: a plain file whose compressed twin is there counts by the latter.
fn rotated_once(path: &Path) -> Vec<PathBuf> {
    let mut files = rotated(path);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "log" || extension == "gz"));
    let twins: Vec<PathBuf> = files.iter().map(|file| PathBuf::from(format!("{}.gz", file.display()))).collect();
    files.iter().zip(twins).filter(|(_, twin)| !files.contains(twin)).map(|(file, _)| file.clone()).collect()
}

fn read(file: &Path) -> Vec<u8> {
    let content = fs::read(file).unwrap();
    if file.extension().is_none_or(|extension| extension != "gz") {
        return content;
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&content[..]).read_to_end(&mut plain).unwrap();
    plain
}

/// The lines of all files, one by one. The last one may have only begun.
fn lines_of_all(path: &Path) -> NumberedLines {
    let mut numbered = NumberedLines::default();
    let live = path.exists().then(|| path.to_owned());
    rotated_once(path).into_iter().chain(live).for_each(|file| numbered.read(&read(&file)));
    numbered.assert_begun();
    numbered
}

fn is_killed_while_rotating(path: &Path, way: Way, round: u64) {
    let acknowledged = path.with_extension("acknowledged");
    let files = 1 + round % 7;
    let mut child = command(path, way.engine).env(ROTATES, "").spawn().unwrap();
    until("there are files", || rotated_once(path).len() as u64 >= files);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL), "it ended before");
    let wanted: u64 = fs::read_to_string(&acknowledged).unwrap().parse().unwrap();
    let found = lines_of_all(path).count;
    assert!(found >= wanted, "{wanted} lines are acknowledged, and {found} are there");
    fs::remove_file(&acknowledged).unwrap();

    let sink = rotating(File::new(path, || MessageLines));
    let container = builder().message_max_chars(LINE_BYTES).sink("file", sink).start().unwrap();
    let is_cleaned = || {
        let files = rotated(path);
        files.iter().all(|file| file.extension().is_some_and(|extension| extension == "gz"))
    };
    until("the next start has compressed all files, and removed the plain ones", is_cleaned);
    shut_down(&container);
    let hidden = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!hidden.into_iter().any(|name| name.to_str().unwrap().starts_with('.')), "a part file is left");
    assert_eq!(lines_of_all(path).count, found);
}

#[test]
fn a_process_that_is_killed_while_it_rotates_and_compresses_has_each_acknowledged_record_once() {
    for way in ways().into_iter().filter(|way| way.direct) {
        for round in 0..ROUNDS / 2 {
            let directory = directory();
            is_killed_while_rotating(&directory.path().join("killed.log"), way, round);
        }
    }
}
