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
    BLOCK_BYTES, TIMEOUT, Way, assert_holds, diagnostics, directory, log_bytes, shut_down, sink, started, until, ways,
};
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
        assert_eq!(diagnostics.matches(self.path.to_str().unwrap()).count(), 1, "{diagnostics}");
    }

    fn log(&self, bytes: usize) -> Vec<u8> {
        let logged = log_bytes(&self.container.logger("test"), bytes);
        let _ = self.container.flush(TIMEOUT);
        logged
    }
}

#[test]
fn a_removed_file_is_reported_and_its_events_are_lost() {
    for way in ways() {
        let subject = subject(way, 100_000);
        let delivered = subject.container.accounts().sinks[0].delivered;
        fs::remove_file(&subject.path).unwrap();
        subject.reports("was removed");
        subject.log(100_000);
        let accounts = shut_down(&subject.container);
        assert_eq!(accounts.sinks[0].delivered, delivered);
        assert_eq!(accounts.sinks[0].lost.of(LossReason::SinkFailed), accounts.submitted - delivered);
        assert!(!subject.path.exists());
    }
}

#[test]
fn events_that_are_logged_right_after_a_removal_are_lost_too() {
    for way in ways() {
        let subject = subject(way, 10_000);
        let delivered = subject.container.accounts().sinks[0].delivered;
        fs::remove_file(&subject.path).unwrap();
        subject.log(3 * BLOCK_BYTES);
        let accounts = shut_down(&subject.container);
        assert_eq!(accounts.sinks[0].delivered, delivered);
        assert!(diagnostics(&subject.container).contains("was removed"));
    }
}

#[test]
fn a_moved_file_is_reported_and_gets_the_events() {
    for way in ways() {
        let mut subject = subject(way, 100_000);
        let moved = subject.directory.path().join("moved.log");
        fs::rename(&subject.path, &moved).unwrap();
        subject.reports("was moved");
        let more = subject.log(2 * BLOCK_BYTES);
        subject.content.extend(more);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&moved, &subject.content);
        assert!(!subject.path.exists());
    }
}

#[test]
fn a_replaced_file_is_reported_and_the_old_one_gets_the_events() {
    for way in ways() {
        let mut subject = subject(way, 100_000);
        let moved = subject.directory.path().join("moved.log");
        fs::rename(&subject.path, &moved).unwrap();
        fs::write(&subject.path, "new").unwrap();
        subject.reports("was replaced");
        let more = subject.log(1000);
        subject.content.extend(more);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&moved, &subject.content);
        assert_holds(&subject.path, b"new");
    }
}

fn truncate(path: &Path, length: usize) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length as u64).unwrap();
}

#[test]
fn a_truncated_file_is_reported_and_writing_goes_on_at_its_end() {
    for way in ways() {
        for length in [0, 4096, 70_001] {
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
    }
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
fn bytes_that_another_program_appends_are_reported_and_overwritten() {
    for way in ways() {
        let mut subject = subject(way, 100_000);
        OpenOptions::new().append(true).open(&subject.path).unwrap().write_all(b"other\n").unwrap();
        subject.reports("from 100000 to 100006 bytes");
        let more = subject.log(2 * BLOCK_BYTES);
        subject.content.extend(more);
        assert_eq!(shut_down(&subject.container).lost_total(), 0);
        assert_holds(&subject.path, &subject.content);
    }
}
