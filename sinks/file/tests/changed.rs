//! Another program removes, moves, truncates or extends the file while it is open: a diagnostic reports it within a second,
//! and the accounts are honest.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fapilog_engine::{accounts::LossReason, container::Container};
use lines::{
    BLOCK_BYTES, TIMEOUT, Way, assert_holds, diagnostics, directory, each_way_at_once, log_bytes, shut_down, sink,
    started, until, ways,
};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

/// A change is reported within a second. The machine may be busy.
const SOON: Duration = Duration::from_secs(5);

/// A file with some content, and the container that writes it.
struct Subject {
    directory: TempDir,
    path: PathBuf,
    container: Container,
    content: Vec<u8>,
}

fn subject(way: Way, bytes: usize) -> Subject {
    let directory = directory();
    let path = directory.path().join("changed.log");
    let container = started(sink(&path, way));
    let content = log_bytes(&container.logger("test"), bytes);
    container.flush(TIMEOUT).unwrap();
    assert_holds(&path, &content);
    Subject { directory, path, container, content }
}

impl Subject {
    /// The diagnostic that has the path and this text, while no event is logged.
    #[track_caller]
    fn reports(&self, text: &str) {
        let start = Instant::now();
        until(text, || diagnostics(&self.container).contains(text));
        assert!(start.elapsed() < SOON, "{text}: after {:?}", start.elapsed());
        let diagnostics = diagnostics(&self.container);
        assert_eq!(diagnostics.matches(text).count(), 1, "{diagnostics}");
    }

    fn log(&self, bytes: usize) -> Vec<u8> {
        let logged = log_bytes(&self.container.logger("test"), bytes);
        let _ = self.container.flush(TIMEOUT);
        logged
    }
}

/// Exchanges two names by one step: between two steps, the sink might open a new file.
fn exchange(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

#[test]
fn a_removed_file_is_reported_and_the_next_events_go_to_a_new_one() {
    each_way_at_once(|way| {
        let subject = subject(way, 100_000);
        fs::remove_file(&subject.path).unwrap();
        subject.reports("was removed");
        let more = subject.log(100_000);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&subject.path, &more);
    });
}

#[test]
fn events_that_are_logged_right_after_a_removal_go_to_a_new_file() {
    for way in ways() {
        let subject = subject(way, 10_000);
        fs::remove_file(&subject.path).unwrap();
        let more = subject.log(3 * BLOCK_BYTES);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&subject.path, &more);
        assert!(diagnostics(&subject.container).contains("was removed"));
    }
}

#[test]
fn a_moved_file_is_reported_and_the_next_events_go_to_a_new_one() {
    each_way_at_once(|way| {
        let subject = subject(way, 100_000);
        let moved = subject.directory.path().join("moved.log");
        fs::rename(&subject.path, &moved).unwrap();
        subject.reports("was moved");
        until("the path is opened anew", || subject.path.exists());
        let more = subject.log(2 * BLOCK_BYTES);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        let (old, new) = (fs::read(&moved).unwrap(), fs::read(&subject.path).unwrap());
        assert!([old, new].concat() == [subject.content, more].concat());
    });
}

#[test]
fn events_that_are_logged_before_the_sink_looks_are_in_the_moved_file() {
    each_way_at_once(|way| {
        let subject = subject(way, 100_000);
        let moved = subject.directory.path().join("moved.log");
        fs::rename(&subject.path, &moved).unwrap();
        let mut expected = subject.content.clone();
        until("the path is opened anew", || {
            expected.extend(subject.log(5000));
            subject.path.exists()
        });
        expected.extend(subject.log(BLOCK_BYTES));
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        let (old, new) = (fs::read(&moved).unwrap(), fs::read(&subject.path).unwrap());
        assert!([old, new].concat() == expected);
    });
}

#[test]
fn where_another_file_has_the_path_events_are_appended_to_it() {
    each_way_at_once(|way| {
        let subject = subject(way, 100_000);
        let moved = subject.directory.path().join("moved.log");
        fs::write(&moved, "a torn line").unwrap();
        exchange(&subject.path, &moved);
        subject.reports("was replaced");
        let torn = b"a torn line\n";
        // Its line is ended a moment before records go to it.
        let mut more = Vec::new();
        until("records go to the file that has the path", || {
            more.extend(subject.log(10));
            fs::read(&subject.path).unwrap().len() > torn.len()
        });
        more.extend(subject.log(1000));
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        let (old, new) = (fs::read(&moved).unwrap(), fs::read(&subject.path).unwrap());
        let new = new.strip_prefix(torn).unwrap();
        assert!(old.starts_with(&subject.content) && new.len() >= 1000);
        assert!([&old, new].concat() == [subject.content, more].concat());
    });
}

#[test]
fn where_a_symlink_or_a_pipe_has_the_path_events_go_on_into_the_moved_file() {
    std::thread::scope(|scope| {
        for kind in ["a symbolic link", "a pipe"] {
            let way = ways()[0];
            scope.spawn(move || go_on_beside(kind, way));
        }
    });
}

fn go_on_beside(kind: &str, way: Way) {
    let mut subject = subject(way, 1000);
    let moved = subject.directory.path().join("moved.log");
    match kind {
        "a pipe" => rustix::fs::mkfifoat(CWD, &moved, 0o600.into()).unwrap(),
        _ => std::os::unix::fs::symlink(&moved, &moved).unwrap(),
    }
    exchange(&subject.path, &moved);
    until(kind, || diagnostics(&subject.container).contains(kind));
    let more = subject.log(1000);
    subject.content.extend(more);
    assert_holds(&moved, &subject.content);
    fs::remove_file(&subject.path).unwrap();
    // The new file is there a moment before records go to it.
    let mut last = Vec::new();
    until("the path is opened anew", || {
        last = subject.log(10);
        fs::metadata(&subject.path).is_ok_and(|file| file.len() > 0)
    });
    last.extend(subject.log(1000));
    assert_eq!(shut_down(&subject.container).lost_total(), 0);
    assert_holds(&subject.path, &last);
}

#[test]
fn events_wait_while_the_directory_is_gone_and_go_to_a_new_file_in_the_next_one() {
    each_way_at_once(|way| {
        let subject = subject(way, 1000);
        let directory = subject.directory.path().to_owned();
        fs::remove_dir_all(&directory).unwrap();
        let log = subject.container.logger("test");
        let more = log_bytes(&log, 1000);
        subject.reports("was removed");
        until("the attempt fails", || diagnostics(&subject.container).contains("no such directory"));
        fs::create_dir(&directory).unwrap();
        subject.container.flush(TIMEOUT / 10).unwrap_or_else(|_| panic!("{}", diagnostics(&subject.container)));
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&subject.path, &more);
    });
}

#[test]
fn at_shutdown_events_of_a_directory_that_is_gone_are_lost_without_a_wait() {
    let subject = subject(ways()[0], 1000);
    let directory = subject.directory.path().to_owned();
    fs::remove_dir_all(&directory).unwrap();
    log_bytes(&subject.container.logger("test"), 1000);
    let start = Instant::now();
    let accounts = shut_down(&subject.container);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(accounts.sinks[0].lost.of(LossReason::SinkFailed), accounts.submitted - accounts.sinks[0].delivered);
    assert!(accounts.lost_total() > 0);
}

fn truncate(path: &Path, length: usize) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length as u64).unwrap();
}

#[test]
fn a_truncated_file_is_reported_and_writing_goes_on_at_its_end() {
    each_way_at_once(|way| [0, 4096, 70_001].into_iter().for_each(|length| goes_on_behind_a_truncation(way, length)));
}

fn goes_on_behind_a_truncation(way: Way, length: usize) {
    let mut subject = subject(way, 100_000);
    truncate(&subject.path, length);
    subject.reports(&format!("from 100000 to {length} bytes"));
    subject.content.truncate(length);
    let more = subject.log(4 * BLOCK_BYTES + 123);
    subject.content.extend(more);
    assert_holds(&subject.path, &subject.content);
    assert_eq!(shut_down(&subject.container).lost_total(), 0);
    assert_holds(&subject.path, &subject.content);
}

#[test]
fn an_event_right_after_a_truncation_leaves_no_hole() {
    for way in ways() {
        let subject = subject(way, 100_000);
        truncate(&subject.path, 0);
        let more = subject.log(2000);
        assert_holds(&subject.path, &more);
        shut_down(&subject.container);
    }
}

#[test]
fn bytes_that_another_program_appends_are_reported_and_kept() {
    each_way_at_once(|way| {
        let mut subject = subject(way, 100_000);
        OpenOptions::new().append(true).open(&subject.path).unwrap().write_all(b"other\n").unwrap();
        subject.reports("from 100000 to 100006 bytes");
        subject.content.extend_from_slice(b"other\n");
        let more = subject.log(2 * BLOCK_BYTES);
        subject.content.extend(more);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&subject.path, &subject.content);
    });
}

#[test]
fn bytes_that_another_program_appends_right_before_the_shutdown_stay() {
    for way in ways() {
        let subject = subject(way, 1000);
        OpenOptions::new().append(true).open(&subject.path).unwrap().write_all(b"deploy: stopping\n").unwrap();
        shut_down(&subject.container);
        assert_holds(&subject.path, &[subject.content.as_slice(), b"deploy: stopping\n"].concat());
    }
}

#[test]
fn bytes_of_another_program_in_a_new_file_are_not_written_again() {
    for way in ways() {
        let mut subject = subject(way, 100);
        OpenOptions::new().append(true).open(&subject.path).unwrap().write_all(&[b'o'; 3000]).unwrap();
        subject.content.extend_from_slice(&[b'o'; 3000]);
        for _ in 0..3 {
            let more = subject.log(100);
            subject.content.extend(more);
        }
        shut_down(&subject.container);
        assert_holds(&subject.path, &subject.content);
    }
}
