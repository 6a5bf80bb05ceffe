//! A file sink opens a plain file that no other sink writes, and names each file that it refuses.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    error::Error,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

use fapilog_engine::{container::Container, error::StartError};
use fapilog_plugin::sink::SinkError;
use fapilog_sink_file::{File, FileSync};
use lines::{MessageLines, assert_holds, builder, directory, log_bytes, shut_down};
use rustix::fs::{CWD, FileType, Mode, mknodat};

fn start(path: &Path) -> Result<Container, StartError> {
    builder().sink("file", File::new(path, || MessageLines)).start()
}

/// The error with its sources.
fn text(error: &dyn Error) -> String {
    let source = error.source().map(|source| format!(": {}", text(source))).unwrap_or_default();
    format!("{error}{source}")
}

/// Asserts that the container does not start, and that the error has the path and the reason.
#[track_caller]
fn assert_refused(path: &Path, why: &str) {
    let text = text(&start(path).unwrap_err());
    assert!(text.contains(path.to_str().unwrap()), "{text:?} does not name {path:?}");
    assert!(text.contains(why), "{text:?} has no {why:?}");
}

fn is_locked(path: &Path) -> bool {
    matches!(start(path), Err(StartError::Sink { cause: SinkError::Locked { path: locked }, .. }) if locked == path)
}

#[test]
fn a_symbolic_link_is_refused_and_what_it_points_at_is_left_alone() {
    let directory = directory();
    let (target, link) = (directory.path().join("target"), directory.path().join("link.log"));
    symlink(&target, &link).unwrap();
    assert_refused(&link, "a symbolic link");
    assert!(!target.exists());
    fs::write(&target, "untouched").unwrap();
    assert_refused(&link, "a symbolic link");
    assert_holds(&target, b"untouched");
}

#[test]
fn a_directory_is_refused() {
    let directory = directory();
    assert_refused(directory.path(), "a directory");
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_other_end() {
    let directory = directory();
    let path = directory.path().join("pipe.log");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_refused(&path, "a pipe");
}

#[test]
fn a_device_is_refused() {
    assert_refused(Path::new("/dev/null"), "a device");
}

#[test]
fn a_file_of_the_kernel_is_refused() {
    assert_refused(Path::new("/proc/self/mem"), "a file of the kernel");
}

#[test]
fn a_file_with_several_names_is_refused() {
    let directory = directory();
    let (path, other) = (directory.path().join("one.log"), directory.path().join("other.log"));
    fs::write(&path, "").unwrap();
    fs::hard_link(&path, &other).unwrap();
    assert_refused(&path, "a file with several names");
}

#[test]
fn a_missing_directory_is_named_with_its_remedies() {
    let directory = directory();
    let expected = "there is no such directory; make it, or set create_directories = true";
    assert_refused(&directory.path().join("missing").join("server.log"), expected);
}

#[test]
fn a_file_without_write_permission_is_named_with_the_systems_reason() {
    let directory = directory();
    let path = directory.path().join("unwritable.log");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    // Root may write any file: from now on, this thread and those that it starts access files as the user `nobody`.
    // SAFETY: the call changes the credentials of this thread alone.
    unsafe { libc::setfsuid(65_534) };
    assert_refused(&path, "Permission denied");
}

#[test]
fn a_second_writer_of_the_same_file_is_refused_while_the_first_one_has_it() {
    let directory = directory();
    let path = directory.path().join("shared.log");
    let first = start(&path).unwrap();
    assert_refused(&path, "being written by another sink");
    assert!(is_locked(&path));
    let mut expected = log_bytes(&first.logger("test"), 100);
    shut_down(&first);

    let second = start(&path).unwrap();
    expected.extend(log_bytes(&second.logger("test"), 100));
    shut_down(&second);
    assert_holds(&path, &expected);
}

#[test]
fn a_container_that_does_not_start_leaves_no_file_locked() {
    let directory = directory();
    let path = directory.path().join("good.log");
    let (good, bad) = (File::new(&path, || MessageLines), File::new("/dev/null", || MessageLines));
    assert!(builder().sink("good", good).sink("bad", bad).start().is_err());
    shut_down(&start(&path).unwrap());
}

#[test]
fn all_invalid_settings_are_reported_at_once() {
    let sink = File::new("/", || MessageLines)
        .block_bytes(65_537)
        .blocks_in_flight(0)
        .sync(FileSync::Interval(Duration::ZERO))
        .mode(0o4440);
    let Err(StartError::Settings(error)) = builder().sink("file", sink).start() else { unreachable!("it started") };
    let wrong: Vec<String> =
        error.problems.iter().map(|problem| format!("{} {}", problem.path, problem.value)).collect();
    let all = [
        "sinks.file.path \"/\"",
        "sinks.file.block_bytes 65537",
        "sinks.file.blocks_in_flight 0",
        "sinks.file.sync.interval 0ns",
        "sinks.file.mode 0o4440",
    ];
    assert_eq!(wrong, all);
}

#[test]
fn settings_at_their_limits_are_good() {
    let directory = directory();
    for (block_bytes, blocks, seconds) in [(64 << 10, 64, 1), (16 << 20, 1, 3600)] {
        let path = directory.path().join(format!("{block_bytes}.log"));
        let sink = File::new(&path, || MessageLines).block_bytes(block_bytes).blocks_in_flight(blocks).mode(0o600);
        let container = builder().sink("file", sink.sync(FileSync::Interval(Duration::from_secs(seconds)))).start();
        let container = container.unwrap();
        let expected = log_bytes(&container.logger("test"), 1000);
        shut_down(&container);
        assert_holds(&path, &expected);
    }
}
