//! Log files go through the library and come out as they were.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first broken promise")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

/// A directory with files of these contents.
fn corpus(contents: &[&[u8]]) -> (TempDir, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let write = |(index, bytes): (usize, &&[u8])| {
        let path = directory.path().join(format!("{index}.log"));
        fs::write(&path, bytes).unwrap();
        path
    };
    let paths = contents.iter().enumerate().map(write).collect();
    (directory, paths)
}

fn replay(out: &Path, files: &[PathBuf], words: &str) -> (Value, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-harness"))
        .arg("replay")
        .args(files)
        .args(words.split_whitespace())
        .args(["--json", "-", "--out"])
        .arg(out.join("out"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let figures = serde_json::from_slice(&output.stdout).unwrap_or_else(|problem| panic!("{problem}: {error}"));
    (figures, output.status.code().unwrap())
}

/// Quotes, backslashes, control characters, NUL, carriage returns, empty lines, no end, and bytes that are not UTF-8.
const ODD: &[&[u8]] = &[
    b"plain\nwith \"quotes\" and \\ and \\x41 and \\\\\n\n\r\ncarriage\r\n\ttab\x00nul\x1b[1mescape\x7f\n",
    b"caf\xe9 \\ \\xe9\n\xff\xfe\xfd\n\xe2\x82\nGr\xc3\xbc\xc3\x9fe \xf0\x9f\x99\x82\n{\"json\": \"in json\"}\n",
    b"",
    b"\n\n\n",
    b"no end",
    b"\xed\xa0\x80\x0b\x0c\xc2\x85\xe2\x80\xa8\nlast\r",
];

#[test]
fn odd_lines_come_through_byte_for_byte_by_every_writer() {
    let (directory, files) = corpus(ODD);
    for words in [
        "",
        "--executor thread --engine blocking",
        "--executor thread --engine blocking --direct false",
        "--executor auto --engine auto --direct false",
        "--pipeline default",
    ] {
        let (figures, status) = replay(directory.path(), &files, words);
        assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)), "{words}");
        assert_eq!(figures["events_delivered"], 17, "{words}");
    }
}

#[test]
fn a_corpus_is_repeated() {
    let (directory, files) = corpus(ODD);
    let (figures, status) = replay(directory.path(), &files, "--repeat 100");
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
    assert_eq!(figures["events_delivered"], 1700);
}

#[test]
fn a_line_longer_than_records_usually_are_comes_through_whole() {
    let long: Vec<u8> = (0..300_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let (directory, files) = corpus(&[b"short\n", &long]);
    let (figures, status) = replay(directory.path(), &files, "");
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
}

#[test]
fn a_line_longer_than_any_record_is_refused_before_the_start() {
    let (directory, files) = corpus(&[b"short\n", &[b'a'; 17 << 20]]);
    let output = Command::new(env!("CARGO_BIN_EXE_bench-harness"))
        .arg("replay")
        .args(&files)
        .arg("--out")
        .arg(directory.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("line 1 of") && error.contains("1.log") && error.contains("17825792"), "{error}");
}

#[test]
fn nothing_is_nothing() {
    let (directory, files) = corpus(&[b""]);
    let (figures, status) = replay(directory.path(), &files, "");
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
    assert_eq!(figures["events_delivered"], 0);
    assert!(figures["bytes_per_event"].is_null());
}

#[test]
fn the_output_names_the_origin_of_each_line() {
    let (directory, files) = corpus(&[b"one\ntwo\n", b"three \xff"]);
    replay(directory.path(), &files, "--keep");
    let output = fs::read_dir(directory.path().join("out")).unwrap().next().unwrap().unwrap().path();
    let events: Vec<Value> =
        fs::read_to_string(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[1]["message"], "two");
    assert_eq!(events[1]["context"]["line"], 2);
    assert_eq!(events[1]["tags"]["file"], files[0].to_string_lossy().as_ref());
    assert_eq!(events[2]["message"], "three \\xff");
    assert_eq!(events[2]["not_utf8"][0], "message");
}
