//! The program as a user meets it: figures, exit statuses, and files that are gone afterwards.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first broken promise"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// In the order of the documentation.
const KEYS: [&str; 23] = [
    "events_submitted",
    "events_delivered",
    "events_filtered",
    "events_lost",
    "files_rotated",
    "files_compressed",
    "files_removed",
    "events_removed",
    "seconds",
    "events_per_second",
    "bytes_written",
    "bytes_per_second",
    "bytes_per_event",
    "device_bytes_per_second",
    "device_ratio",
    "default_events_per_second",
    "default_ratio",
    "verified",
    "executor",
    "writer",
    "call_ns",
    "turn_ns",
    "machine",
];

const NANOS_KEYS: [&str; 7] = ["p50", "p75", "p90", "p95", "p99", "p99_9", "max"];
const MACHINE_KEYS: [&str; 4] = ["cpu", "cores", "kernel", "filesystem"];

/// Words, separated by spaces.
fn bench(words: &str) -> Output {
    let words = words.split_whitespace();
    Command::new(env!("CARGO_BIN_EXE_bench-harness")).args(words).output().unwrap()
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs it in a directory of its own, and returns its figures and exit status.
fn figures(words: &str) -> (Value, i32) {
    let out = directory();
    let (value, status) = figures_in(out.path(), words);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "something is left behind");
    (value, status)
}

fn figures_in(out: &Path, words: &str) -> (Value, i32) {
    let output = bench(&format!("{words} --out {} --json -", out.display()));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    // Standard output holds the figures and nothing else.
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|problem| panic!("{problem}: {error}"));
    assert_keys(&value, &KEYS);
    assert_keys(&value["machine"], &MACHINE_KEYS);
    for key in ["call_ns", "turn_ns"].iter().filter(|key| !value[key].is_null()) {
        assert_keys(&value[key], &NANOS_KEYS);
    }
    (value, output.status.code().unwrap())
}

/// It has these keys, and no others.
#[track_caller]
fn assert_keys(value: &Value, wanted: &[&str]) {
    let keys: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, wanted.iter().copied().collect());
}

/// The figures that apply: the others must be null. The machine always applies.
#[track_caller]
fn assert_only_these_apply(figures: &Value, wanted: &[&str]) {
    for key in KEYS {
        assert_eq!(!figures[key].is_null(), wanted.contains(&key) || key == "machine", "{key}: {figures}");
    }
}

fn assert_all_there(figures: &Value, events: u64) {
    assert_eq!(figures["events_submitted"], events);
    assert_eq!(figures["events_delivered"], events);
    assert_eq!(figures["events_filtered"], 0);
    assert_eq!(figures["events_lost"], 0);
}

#[test]
fn a_run_delivers_every_event_and_checks_it() {
    let (figures, status) = figures("--events 2000");
    assert_all_there(&figures, 2000);
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
    assert!(figures["bytes_written"].as_u64().unwrap() > 2000 * 100);
    assert!(figures["machine"]["cores"].as_u64().unwrap() > 0 && figures["machine"]["filesystem"].is_string());
    assert_only_these_apply(&figures, &[&KEYS[..13], &["verified", "executor", "writer"]].concat());
}

#[test]
fn every_workload_sink_and_pipeline_is_checked() {
    for words in [
        "run --events 3000 --workload string --producers 3",
        "run --events 3000 --workload mixed --producers 2 --pipeline default",
        "run --events 3000 --workload mixed --sink memory",
        "run --events 3000 --workload primitives --pipeline default --executor thread --engine blocking",
        "run --events 3000 --workload mixed --direct false --block-bytes 65536 --blocks-in-flight 1",
    ] {
        let (figures, status) = figures(words);
        assert_all_there(&figures, 3000);
        assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)), "{words}");
    }
}

#[test]
fn a_run_for_a_time_counts_what_it_logged() {
    let (figures, status) = figures("run --seconds 0.05 --sink null");
    assert_eq!(status, 0);
    assert!(figures["events_delivered"].as_u64().unwrap() > 0);
    assert!(figures["verified"].is_null() && figures["bytes_written"].is_null());
}

#[test]
fn drops_under_drop_newest_are_accounted_for() {
    let (figures, status) = figures("run --events 60000 --producers 2 --overflow drop-newest");
    let count = |key: &str| figures[key].as_u64().unwrap();
    assert_eq!(status, 0);
    assert_eq!(count("events_submitted"), 60_000);
    assert_eq!(count("events_delivered") + count("events_lost"), 60_000);
    assert_eq!(figures["verified"], true);
}

#[test]
fn an_unchecked_run_is_reported_as_such() {
    let (figures, status) = figures("run --events 100 --no-verify");
    assert_eq!((status, &figures["verified"]), (0, &Value::Null));
}

#[test]
fn the_executor_and_the_writer_are_named() {
    let (figures, _) = figures("run --events 100 --executor thread --engine blocking --direct false");
    assert_eq!(figures["executor"], "thread");
    let writer = figures["writer"].as_str().unwrap();
    assert!(!writer.contains("io_uring") && writer.contains("buffered"), "{writer}");
}

#[test]
fn each_executor_is_the_one_asked_for() {
    for executor in ["thread", "glommio"] {
        let out = directory();
        let words = format!("run --events 2000 --executor {executor}");
        let output = bench(&format!("{words} --out {}", out.path().display()));
        let error = String::from_utf8_lossy(&output.stderr);
        if executor == "glommio" && error.contains("cannot start the log") {
            eprintln!("not tested on glommio: {error}");
            continue;
        }
        let (figures, status) = figures(&words);
        assert_all_there(&figures, 2000);
        assert_eq!((status, &figures["executor"]), (0, &executor.into()));
    }
}

#[test]
fn a_rate_that_nobody_reaches_is_status_1() {
    let (figures, status) = figures("run --events 100 --at-least 1000000000000");
    assert_eq!((status, &figures["verified"]), (1, &Value::Bool(true)));
}

#[test]
fn a_rate_that_anybody_reaches_is_status_0() {
    let (figures, status) = figures("run --events 100 --at-least 1");
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
}

/// A destination with one small block, and producers that hardly wait for it.
#[test]
fn a_loss_under_block_is_status_1_and_what_is_left_is_checked() {
    let slow = "--engine blocking --direct false --block-bytes 65536 --blocks-in-flight 1";
    let words = format!("run --events 100000 --producers 4 --workload mixed --block-timeout 0.000001 {slow}");
    let (figures, status) = figures(&words);
    let count = |key: &str| figures[key].as_u64().unwrap();
    assert!(count("events_lost") > 0, "{figures}");
    assert_eq!(count("events_delivered") + count("events_lost"), 100_000);
    assert_eq!((status, &figures["verified"]), (1, &Value::Bool(true)));
}

#[test]
fn a_loss_under_block_is_reported_with_its_reason() {
    let out = directory();
    let words = "run --events 100000 --producers 4 --block-timeout 0.000001 --sink null";
    let output = bench(&format!("{words} --out {}", out.path().display()));
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("events were lost under --overflow block") && error.contains("ring_full"), "{error}");
}

#[test]
fn a_device_is_measured_without_a_log() {
    let (figures, status) = figures("device");
    assert_eq!(status, 0);
    assert!(figures["device_bytes_per_second"].as_f64().unwrap() > 0.0);
    assert_only_these_apply(&figures, &["device_bytes_per_second", "writer"]);
}

#[test]
fn a_run_beside_its_device_reports_how_much_of_it_was_used() {
    let (figures, status) = figures("run --with-device --events 2000");
    assert_all_there(&figures, 2000);
    assert_eq!(status, 0);
    let number = |key: &str| figures[key].as_f64().unwrap();
    let ratio = number("bytes_per_second") / number("device_bytes_per_second");
    assert!((number("device_ratio") - ratio).abs() < 1e-9 && ratio > 0.0, "{figures}");
}

#[test]
fn a_run_of_the_hardened_pipeline_measures_the_default_one_beside_it() {
    for workload in ["primitives", "string", "mixed"] {
        let (figures, status) =
            figures(&format!("run --pipeline hardened --sink null --workload {workload} --events 2000"));
        assert_all_there(&figures, 2000);
        assert_eq!(status, 0, "{workload}");
        let number = |key: &str| figures[key].as_f64().unwrap();
        let ratio = number("events_per_second") / number("default_events_per_second");
        assert!((number("default_ratio") - ratio).abs() < 1e-9 && ratio > 0.0, "{figures}");
    }
    let (figures, status) = figures("run --pipeline hardened --workload mixed --events 2000");
    assert_all_there(&figures, 2000);
    assert_eq!((status, &figures["verified"]), (0, &serde_json::Value::Bool(true)));
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for words in [
        "--no-such-flag",
        "run --events 1 --seconds 1",
        "run --producers 0",
        "run --workload nothing",
        "device --block-bytes 1000",
        "replay",
        "replay /nowhere/at/all.log",
        "fly",
    ] {
        let output = bench(words);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let out = directory();
    let file = out.path().join("file");
    fs::write(&file, "").unwrap();
    let output = bench(&format!("run --events 1 --out {}", file.join("below").display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("below"));
}

#[test]
fn more_than_the_disk_holds_is_refused_before_the_start() {
    let out = directory();
    let output = bench(&format!("run --events 1000000000000000 --out {}", out.path().display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bytes free"));
}

#[test]
fn rotation_needs_files() {
    let output = bench("run --events 1 --sink null --rotate-bytes 65536");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("--rotate-bytes") && error.contains("--sink is null"), "{error}");
}

#[test]
fn an_error_of_rotation_names_the_option_the_value_and_what_is_allowed() {
    for (words, parts) in [
        ("--rotate-bytes 5", ["'5'", "--rotate-bytes", "from 65536 to 1099511627776"]),
        ("--rotate-interval 0.5", ["'0.5'", "--rotate-interval", "from 1 to 3600"]),
        ("--rotate-bytes 65536 --compress lz4", ["'lz4'", "--compress", "none, zstd, gzip"]),
        ("--rotate-bytes 65536 --retain-files 0", ["0", "--retain-files", "1.."]),
        ("--rotate-bytes 65536 --retain-bytes 0", ["0", "--retain-bytes", "1.."]),
        ("--compress gzip", ["required", "--rotate-bytes", "--rotate-interval"]),
    ] {
        let output = bench(&format!("run --events 1 {words}"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

/// Files of 1 MiB with these options: the files that stay have the events that the removed ones do not have. The run is longer
/// and longer until a file is compressed meanwhile, if any is to be. With retention, files may live for too short a time for that.
fn check_files(words: &str) {
    let is_compressed = !words.contains("--compress none");
    let is_removed = words.contains("--retain");
    let mut runs = [0.5, 1.0, 2.0, 4.0, 8.0].iter().map(|seconds| {
        let words = format!("run --seconds {seconds} --rotate-bytes 1048576 {words}");
        let (figures, status) = figures(&words);
        assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)), "{words}: {figures}");
        assert_all_there(&figures, figures["events_submitted"].as_u64().unwrap());
        figures
    });
    let has_compressed = |figures: &Value| figures["files_compressed"] != 0;
    let figures = runs.find(|figures| !is_compressed || is_removed || has_compressed(figures)).unwrap();
    let count = |key: &str| figures[key].as_u64().unwrap();
    assert!(is_compressed || !has_compressed(&figures), "{words}: {figures}");
    assert_eq!(
        (count("files_removed") > 0, count("events_removed") > 0),
        (is_removed, is_removed),
        "{words}: {figures}"
    );
    assert!(count("files_rotated") >= count("files_removed") / 2 && count("files_rotated") > 5, "{words}: {figures}");
    assert!(count("events_removed") < count("events_delivered"), "{words}: {figures}");
}

#[test]
fn every_event_is_in_a_file_or_was_removed_with_the_first_ones() {
    for compress in ["none", "zstd", "gzip"] {
        for retain in ["", "--retain-files 3", "--retain-bytes 2500000"] {
            check_files(&format!("--compress {compress} {retain}"));
        }
    }
}

#[test]
fn each_shard_has_files_of_its_own() {
    check_files("--compress none --shards 2 --producers 4");
    check_files("--compress zstd --shards 2 --producers 4 --retain-files 2");
}

#[test]
fn all_shards_have_one_file_on_request() {
    check_files("--compress none --shards 2 --one-file true --producers 4");
    check_files("--compress zstd --shards 2 --one-file true --producers 4 --retain-files 2");
}

#[test]
fn a_file_is_rotated_by_time() {
    let (figures, status) = figures("run --seconds 2.5 --rotate-interval 1 --producers 1 --engine blocking");
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
    assert!((2..=3).contains(&figures["files_rotated"].as_u64().unwrap()), "{figures}");
}

#[test]
fn each_turn_of_the_drain_is_timed() {
    let (figures, status) = figures("run --events 60000 --turn-times --rotate-bytes 1048576");
    assert_all_there(&figures, 60_000);
    assert_eq!((status, &figures["executor"]), (0, &"manual".into()));
    let nanos = NANOS_KEYS.map(|key| figures["turn_ns"][key].as_f64().unwrap());
    // A turn with a batch of events takes more than these; a run of a minute takes less.
    assert!(nanos.is_sorted() && nanos[0] > 100.0 && nanos[6] > 5e3 && nanos[6] < 60e9, "{nanos:?}");
}

#[test]
fn a_person_reads_a_table_and_a_program_a_file() {
    let out = directory();
    let json = out.path().join("figures.json");
    let output = bench(&format!("run --events 100 --out {} --json {}", out.path().display(), json.display()));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("events delivered") && table.contains("io_uring") | table.contains("pwrite"), "{table}");
    let figures: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_all_there(&figures, 100);
}

#[test]
fn a_file_that_is_kept_holds_the_events() {
    let out = directory();
    let (figures, _) = figures_in(out.path(), "run --events 50 --keep");
    let files: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let text = fs::read_to_string(&files[0]).unwrap();
    assert_eq!(text.lines().count(), 50);
    assert_eq!(figures["bytes_written"], text.len());
}

#[test]
fn latencies_grow_from_percentile_to_percentile() {
    let (figures, status) = figures("latency --bursts 20 --workload string --sink file");
    let nanos = NANOS_KEYS.map(|key| figures["call_ns"][key].as_f64().unwrap());
    assert!(nanos.is_sorted() && nanos[0] > 0.0, "{nanos:?}");
    assert_eq!((status, &figures["verified"]), (0, &Value::Bool(true)));
    // The bursts set the pace: there is no rate.
    assert!(figures["events_per_second"].is_null());
    assert_eq!(figures["events_lost"], 0);
}
