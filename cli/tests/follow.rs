//! `tail -f` over rotations, by the file sink and by other programs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
    time::Duration,
};

use fapilog::{
    Container, format, info,
    sink::{self, Compression},
};
use program::{Running, run};

const TIMEOUT: Duration = Duration::from_secs(30);

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn followed(path: &Path, arguments: &[&str]) -> Running {
    let path = path.to_str().unwrap();
    Running::start(&[&["tail", "-f", path, "-o", "raw"], arguments].concat())
}

#[test]
fn lines_that_come_are_written_once_their_end_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\ntwo\nthr").unwrap();
    let tail = followed(&path, &["-n", "1"]);
    assert_eq!(tail.lines(1), ["two"]);
    append(&path, "ee\nfour\n");
    assert_eq!(tail.lines(2), ["three", "four"]);
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_then_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\n").unwrap();
    let mut old = OpenOptions::new().append(true).open(&path).unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(1), ["one"]);
    fs::rename(&path, directory.path().join("server.log.1")).unwrap();
    fs::write(&path, "three\n").unwrap();
    // The writer has a line in flight.
    old.write_all(b"two\n").unwrap();
    assert_eq!(tail.lines(2), ["two", "three"]);
}

#[test]
fn a_truncated_file_is_read_from_its_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\ntwo\n").unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(2), ["one", "two"]);
    fs::copy(&path, directory.path().join("server.log.1")).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, "3\n");
    assert_eq!(tail.lines(1), ["3"]);
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    let tail = followed(&path, &[]);
    let waits = format!("fapilog: {}: there is no such file; it is waited for", path.display());
    assert_eq!(tail.lines(1), [waits]);
    append(&path, "one\n");
    let appeared = format!("fapilog: {}: there is a file now; it is followed", path.display());
    assert_eq!(sorted(tail.lines(2)), [appeared, "one".to_owned()]);
}

/// Standard error and standard output are in no order.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[test]
fn a_file_that_is_removed_is_reported_and_another_one_of_its_name_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    let message = |text: &str| format!("fapilog: {}: {text}", path.display());
    fs::write(&path, "one\n").unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(1), ["one"]);
    for round in ["two", "three"] {
        fs::remove_file(&path).unwrap();
        assert_eq!(tail.lines(1), [message("the file was removed or renamed; a new one is waited for")]);
        fs::write(&path, format!("{round}\n")).unwrap();
        assert_eq!(sorted(tail.lines(2)), [message("there is a file now; it is followed"), round.to_owned()]);
    }
}

#[test]
fn lines_of_a_file_that_is_removed_are_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\n").unwrap();
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(1), ["one"]);
    fs::remove_file(&path).unwrap();
    assert!(tail.lines(1)[0].ends_with("a new one is waited for"));
    writer.write_all(b"two\n").unwrap();
    assert_eq!(tail.lines(1), ["two"]);
}

#[test]
fn a_name_that_is_no_file_for_a_while_is_reported_once_and_followed_later() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    let message = |text: &str| format!("fapilog: {}: {text}", path.display());
    fs::write(&path, "one\n").unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(1), ["one"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let unreadable = message("is a directory; another attempt follows");
    let first = tail.lines(1).remove(0);
    // A look between the two finds no file.
    assert!(
        first == unreadable || first == message("the file was removed or renamed; a new one is waited for"),
        "{first}"
    );
    if first != unreadable {
        assert_eq!(tail.lines(1), [unreadable]);
    }
    fs::remove_dir(&path).unwrap();
    fs::write(directory.path().join("new"), "two\n").unwrap();
    fs::rename(directory.path().join("new"), &path).unwrap();
    let mut lines = tail.lines(2);
    if lines.iter().any(|line| line.ends_with("waited for")) {
        lines.extend(tail.lines(1));
    }
    assert!(
        lines.contains(&"two".to_owned()) && lines.contains(&message("there is a file now; it is followed")),
        "{lines:?}"
    );
}

#[test]
fn a_link_is_followed_to_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let [one, two, link] = ["one.log", "two.log", "current.log"].map(|name| directory.path().join(name));
    fs::write(&one, "one\n").unwrap();
    fs::write(&two, "two\n").unwrap();
    std::os::unix::fs::symlink(&one, &link).unwrap();
    let tail = followed(&link, &[]);
    assert_eq!(tail.lines(1), ["one"]);
    std::os::unix::fs::symlink(&two, directory.path().join("next")).unwrap();
    fs::rename(directory.path().join("next"), &link).unwrap();
    assert_eq!(tail.lines(1), ["two"]);
}

#[test]
fn a_directory_is_an_error_once_and_the_other_files_are_followed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\n").unwrap();
    let parent = directory.path().to_str().unwrap();
    let tail = Running::start(&["tail", "-f", parent, path.to_str().unwrap(), "-o", "raw"]);
    assert_eq!(sorted(tail.lines(2)), [format!("fapilog: {parent}: is a directory"), "one".to_owned()]);
    append(&path, "two\n");
    assert_eq!(tail.lines(1), ["two"]);
    let alone = run(&["tail", "-f", parent]);
    assert_eq!((alone.code, alone.err), (Some(1), format!("fapilog: {parent}: is a directory\n")));
}

#[test]
fn pipes_and_compressed_files_are_read_once() {
    let ran = program::run_with(b"1\n2\n3\n", &["tail", "-f", "-n", "2", "/dev/stdin"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "2\n3\n", ""));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log.zst");
    fs::write(&path, zstd::encode_all(b"1\n2\n".as_slice(), 3).unwrap()).unwrap();
    let ran = run(&["tail", "-f", "-n", "1", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "2\n"));
    assert_eq!(ran.err, format!("fapilog: {}: a compressed or encrypted file is not followed\n", path.display()));
}

#[test]
fn files_that_were_rotated_between_two_looks_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\n").unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(1), ["one"]);
    // A single step for the follower: the files in between never have the live name.
    fs::rename(&path, directory.path().join("server.2026-11-30T10-00-00Z.0001.log")).unwrap();
    fs::write(directory.path().join("server.2026-11-30T10-00-01Z.0001.log"), "two\n").unwrap();
    fs::write(directory.path().join("server.2026-11-30T10-00-01Z.0002.log"), "three\n").unwrap();
    fs::write(&path, "four\n").unwrap();
    assert_eq!(tail.lines(3), ["two", "three", "four"]);
}

#[test]
fn every_line_comes_once_over_rotations_that_number_the_files_anew() {
    let directory = tempfile::tempdir().unwrap();
    let numbered = |number: usize| directory.path().join(format!("server.log.{number}"));
    let path = directory.path().join("server.log");
    fs::write(&path, "0\n").unwrap();
    let tail = followed(&path, &[]);
    assert_eq!(tail.lines(1), ["0"]);
    for rotation in 1..=4_usize {
        // As logrotate does with `create`: every name shifts by one.
        (1..rotation).rev().for_each(|number| fs::rename(numbered(number), numbered(number + 1)).unwrap());
        fs::rename(&path, numbered(1)).unwrap();
        fs::write(&path, format!("{rotation}\n")).unwrap();
        assert_eq!(tail.lines(1), [rotation.to_string()]);
    }
    append(&path, "end\n");
    assert_eq!(tail.lines(1), ["end"]);
}

#[test]
fn every_event_comes_once_over_rotations_of_the_file_sink() {
    const EVENTS: u64 = 300;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    let file = sink::File::new(&path, format::Json::new).compress(Compression::gzip());
    let logs = Container::builder().sink("file", file).start().unwrap();
    let log = logs.logger("service");
    info!(log, "first", number = EVENTS);
    logs.flush(TIMEOUT).unwrap();
    let path = path.to_str().unwrap();
    let tail = Running::start(&["tail", "-f", path, "-o", "csv", "--fields", "number", "--where", "number"]);
    assert_eq!(tail.lines(2), ["number".to_owned(), EVENTS.to_string()]);
    for number in 0..EVENTS {
        info!(log, "event", number);
        if number % 60 == 59 {
            logs.rotate(TIMEOUT).unwrap();
        }
    }
    let accounts = logs.shutdown(TIMEOUT).unwrap();
    assert_eq!((accounts.submitted, accounts.delivered_total()), (EVENTS + 1, EVENTS + 1));
    let lines = tail.lines(usize::try_from(EVENTS).unwrap());
    let numbers: Vec<u64> = lines.iter().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers, (0..EVENTS).collect::<Vec<_>>());
    // All files together have each event, too.
    let all = run(&["cat", "--rotated", path, "-o", "csv", "--fields", "number", "--where", "number"]);
    assert_eq!(all.out.lines().skip(2).collect::<Vec<_>>(), lines);
}

#[test]
fn filters_hold_for_lines_that_come() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "").unwrap();
    let tail = followed(&path, &["--level", "error.."]);
    append(&path, "plain\n{\"level\":\"INFO\"}\n{\"level\":\"ERROR\"}\n");
    assert_eq!(tail.lines(1), ["{\"level\":\"ERROR\"}"]);
}

#[test]
fn a_follower_ends_when_the_reader_of_its_output_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("server.log");
    fs::write(&path, "one\n").unwrap();
    let mut child = program::fapilog(&["tail", "-f", path.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // Nothing is written to the file: the follower finds out by itself.
    let ran = child.wait_with_output().unwrap();
    assert_eq!((ran.status.code(), ran.stderr.as_slice()), (Some(141), &[][..]));
}
