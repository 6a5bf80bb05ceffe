use std::{collections::BTreeSet, fs, io::Write};

use super::*;
use crate::{cli::WorkloadName, workload::expect_of};

const INSTANCE: &str = "4fk2m09q7vh1";
const STAMP: &str = "{\"timestamp\":\"2026-01-31T23:59:59.123456789Z";

/// The lines of events `numbers` of a producer, which the library has numbered one higher.
fn lines(workload: WorkloadName, producer: u32, numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    let mut expected = ExpectedLine::new(INSTANCE);
    let line = |n: u64| {
        let id = EventIdText { producer: u64::from(producer) + 1, sequence: n + 1 };
        expected.begin(producer, id, "");
        expect_of(workload)(&mut expected, n);
        format!("{STAMP}{}", String::from_utf8(expected.bytes().to_vec()).unwrap())
    };
    numbers.into_iter().map(line).collect()
}

fn primitives(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    lines(WorkloadName::Primitives, 0, numbers)
}

/// The claim of a producer that has logged so many primitives, all of them delivered.
fn claim(logged: u64) -> LogClaim {
    LogClaim {
        expect: expect_of(WorkloadName::Primitives),
        instance: INSTANCE.to_owned(),
        producers: vec![ProducerClaim { logged, added: String::new() }],
        delivered: logged,
        own: 0,
        missing: 0,
        is_beginning_removed: false,
    }
}

fn check(lines: &[String], claim: &LogClaim) -> Result<Checked, Finding> {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    verify(text.as_bytes(), claim, |_| {})
}

const LOSS: &str = r#"{"timestamp":"2026-01-31T23:59:59.123456789Z","level":"WARNING","severity":5,"category":"SYSTEM","target":"fapilog","source":"fapilog","event_id":"4fk2m09q7vh1-0-1","message":"2 events lost","metrics":{"ring_full":2}}"#;

#[test]
fn a_log_with_all_events_is_right_byte_for_byte() {
    let checked = check(&primitives(0..5000), &claim(5000)).unwrap();
    assert_eq!((checked.events, checked.differently_written), (5000, 0));
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let right = primitives([0]).remove(0);
    for place in 0..right.len() {
        let mut bytes = right.clone().into_bytes();
        // Every byte of a timestamp may be another digit; anything else in it is wrong.
        bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
        let line = String::from_utf8(bytes).unwrap();
        assert!(check(std::slice::from_ref(&line), &claim(1)).is_err(), "{line}");
    }
}

#[test]
fn a_missing_event_is_found() {
    let mut log = primitives(0..10);
    log.remove(4);
    let found = check(&log, &claim(10)).unwrap_err();
    assert!(matches!(found, Finding::OutOfOrder { line: 5, expected: 4, found: 5, .. }), "{found}");
}

#[test]
fn a_missing_last_event_is_found() {
    let found = check(&primitives(0..9), &claim(10)).unwrap_err();
    assert!(matches!(found, Finding::Missing { logged: 10, found: 9, .. }), "{found}");
}

#[test]
fn an_event_that_comes_twice_is_found() {
    let mut log = primitives(0..10);
    log.insert(5, log[4].clone());
    assert!(matches!(check(&log, &claim(10)), Err(Finding::OutOfOrder { line: 6, .. })));
}

#[test]
fn two_events_in_the_wrong_order_are_found() {
    let mut log = primitives(0..10);
    log.swap(3, 4);
    assert!(matches!(check(&log, &claim(10)), Err(Finding::OutOfOrder { line: 4, .. })));
}

#[test]
fn an_event_that_nobody_logged_is_found() {
    assert!(check(&primitives(0..11), &claim(10)).is_err());
    let stranger = lines(WorkloadName::Primitives, 7, [0]);
    assert!(matches!(check(&stranger, &claim(1)), Err(Finding::NotLogged { line: 1, .. })));
}

#[test]
fn half_a_line_at_the_end_is_found() {
    let text = primitives(0..2).join("\n");
    let found = verify(text.as_bytes(), &claim(2), |_| {}).unwrap_err();
    assert!(matches!(found, Finding::Unfinished { line: 2 }), "{found}");
}

#[test]
fn bytes_between_lines_are_found() {
    let mut log = primitives(0..3);
    log.insert(1, String::new());
    assert!(matches!(check(&log, &claim(3)), Err(Finding::NotJson { line: 2, .. })));
    log[1] = "\0\0\0".to_owned();
    assert!(matches!(check(&log, &claim(3)), Err(Finding::NotJson { line: 2, .. })));
}

#[test]
fn keys_may_come_in_another_order() {
    let mut log = primitives(0..3);
    log[1] = log[1].replace("\"level\":\"INFO\",\"severity\":3", "\"severity\":3,\"level\":\"INFO\"");
    assert_eq!(check(&log, &claim(3)).unwrap().differently_written, 1);
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    for (once, twice) in [
        ("\"severity\":3", "\"severity\":3,\"severity\":3"),
        ("\"n\":1,", "\"n\":1,\"n\":1,"),
        ("\"severity\":3", "\"severity\":3,\"unheard_of\":3"),
    ] {
        let mut log = primitives(0..2);
        log[1] = log[1].replace(once, twice);
        assert!(matches!(check(&log, &claim(2)), Err(Finding::NotJson { line: 2, .. })));
    }
}

#[test]
fn an_id_that_goes_back_is_found() {
    let mut log = primitives(0..2);
    log[1] = log[1].replace("-1-2\"", "-1-1\"");
    assert!(matches!(check(&log, &claim(2)), Err(Finding::IdOutOfOrder { line: 2, .. })));
}

fn two_producers(log: &[String]) -> Result<Checked, Finding> {
    let producers = vec![ProducerClaim { logged: 3, added: String::new() }; 2];
    check(log, &LogClaim { producers, delivered: 6, ..claim(0) })
}

#[test]
fn each_producer_has_an_order_of_its_own() {
    let (one, other) = (primitives(0..3), lines(WorkloadName::Primitives, 1, 0..3));
    let mixed: Vec<String> = [&one[0], &other[0], &other[1], &one[1], &other[2], &one[2]].map(String::clone).into();
    assert_eq!(two_producers(&mixed).unwrap().events, 6);
}

#[test]
fn two_producers_under_one_number_are_found() {
    let mut log = primitives(0..3);
    let renumbered = |line: &String| line.replace(&format!("{INSTANCE}-2-"), &format!("{INSTANCE}-1-"));
    log.extend(lines(WorkloadName::Primitives, 1, 0..3).iter().map(renumbered));
    assert!(matches!(two_producers(&log), Err(Finding::SharedId { id: 1 })));
}

#[test]
fn where_events_are_lost_and_counted_the_others_must_be_there_in_order() {
    let mut log = primitives([0, 1, 4, 5]);
    let lossy = LogClaim { delivered: 4, missing: 2, ..claim(6) };
    check(&log, &lossy).unwrap();
    assert!(check(&log, &LogClaim { delivered: 5, missing: 1, ..claim(6) }).is_err());
    log.swap(1, 2);
    assert!(check(&log, &lossy).is_err());
}

/// The claim where the first files were removed.
fn removed(logged: u64) -> LogClaim {
    LogClaim { is_beginning_removed: true, ..claim(logged) }
}

#[test]
fn a_beginning_that_was_removed_is_counted() {
    for (first, missing) in [(0, 0), (4, 4), (10, 10)] {
        assert_eq!(check(&primitives(first..10), &removed(10)).unwrap().removed, missing);
    }
    assert!(check(&primitives(4..10), &claim(10)).is_err());
}

#[test]
fn another_gap_than_the_beginning_is_found_where_files_were_removed() {
    for log in [primitives([4, 5, 7, 8, 9]), primitives(4..9), primitives([4, 5, 5, 6, 7, 8, 9])] {
        assert!(check(&log, &removed(10)).is_err());
    }
}

#[test]
fn where_events_are_lost_and_files_removed_no_more_are_absent_behind_the_beginning() {
    let lossy = LogClaim { delivered: 8, missing: 2, ..removed(10) };
    for (log, removed) in [(primitives([4, 6, 7, 9]), 4), (primitives([4, 5, 6, 7, 8, 9]), 2)] {
        assert_eq!(check(&log, &lossy).unwrap().removed, removed);
    }
    assert!(check(&primitives([4, 6, 9]), &lossy).is_err());
}

#[test]
fn internal_events_may_have_been_in_removed_files() {
    let log = primitives(5..6);
    check(&log, &LogClaim { own: 1, ..removed(6) }).unwrap();
    assert!(check(&log, &LogClaim { own: 1, ..claim(6) }).is_err());
}

#[test]
fn internal_events_are_counted_apart() {
    let mut log = primitives([0, 1, 4, 5]);
    log.push(LOSS.to_owned());
    let lossy = LogClaim { delivered: 4, missing: 2, own: 1, ..claim(6) };
    check(&log, &lossy).unwrap();
    assert!(check(&log, &LogClaim { own: 0, ..lossy }).is_err());
}

#[test]
fn every_workload_is_expected_in_strict_json() {
    for workload in [WorkloadName::Primitives, WorkloadName::String, WorkloadName::Mixed] {
        let log = lines(workload, 0, 0..512);
        let mut messages = BTreeSet::new();
        for (line, number) in log.iter().zip(1..) {
            messages.insert(Record::parse(number, line.as_bytes()).unwrap().message.into_owned());
        }
        let claim = LogClaim { expect: expect_of(workload), ..claim(512) };
        assert_eq!(check(&log, &claim).unwrap().differently_written, 0);
        assert!(workload != WorkloadName::Mixed || messages.len() > 9, "{messages:?}");
    }
}

/// The formats of files, by the ends of their names.
const FORMATS: [&str; 3] = ["", ".gz", ".zst"];

/// The content of a file of this format.
fn encoded(lines: &[String], format: &str) -> Vec<u8> {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    match format {
        ".gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        ".zst" => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        _ => text.into_bytes(),
    }
}

/// Checks a log of 300 events: the first 200 in two rotated files, of which the first has this content.
fn check_rotated(first: &[u8], format: &str, claim: &LogClaim) -> Result<Checked, Finding> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: String, content: &[u8]| fs::write(directory.path().join(name), content).unwrap();
    write(format!("run-7.2026-11-30T02-13-06Z.0001.log{format}"), first);
    write(format!("run-7.2026-11-30T02-13-06Z.0002.log{format}"), &encoded(&primitives(100..200), format));
    write("run-7.log".to_owned(), &encoded(&primitives(200..300), ""));
    let files = WrittenFiles::list(&directory.path().join("run-7.log")).unwrap();
    verify_files(&files, claim, |_| {})
}

#[test]
fn events_go_on_from_file_to_file() {
    let log = primitives(0..300);
    let bytes: usize = log.iter().map(|line| line.len() + 1).sum();
    for format in FORMATS {
        let checked = check_rotated(&encoded(&primitives(0..100), format), format, &claim(300)).unwrap();
        assert_eq!((checked.events, checked.bytes, checked.removed), (300, bytes as u64, 0));
        let checked = check_rotated(&encoded(&primitives(50..100), format), format, &removed(300)).unwrap();
        assert_eq!((checked.events, checked.removed), (250, 50));
    }
}

#[test]
fn a_gap_between_two_files_is_found_though_files_were_removed() {
    for format in FORMATS {
        for wrong in [primitives(50..99), primitives(50..101)] {
            let found = check_rotated(&encoded(&wrong, format), format, &removed(300)).unwrap_err().to_string();
            assert!(found.starts_with("run-7.2026-11-30T02-13-06Z.0002.log"), "{found}");
        }
    }
}

#[test]
fn a_torn_file_is_found_in_each_format() {
    for format in FORMATS {
        let whole = encoded(&primitives(0..100), format);
        let found = check_rotated(&whole[..whole.len() - 9], format, &claim(300)).unwrap_err().to_string();
        assert!(found.starts_with("run-7.2026-11-30T02-13-06Z.0001.log"), "{found}");
    }
}
