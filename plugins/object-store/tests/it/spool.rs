//! The spool: bounded, shared by no other process, and read again after a restart.

use std::{fs, io::Write, os::unix::fs::PermissionsExt};

use fapilog::{
    format,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_object_store::{ObjectCompression, ObjectStoreSink};
use fapilog_test_servers::{FakeAnswer, FakeHttp};

use crate::{TIMEOUT, builder, fake_store, ledger, log_numbers, s3_settings, segments, shut_down, start, taken, until};

/// A store that nobody answers for.
const NOWHERE: &str = "http://127.0.0.1:9";

#[test]
fn segments_are_uploaded_at_the_next_start_in_order_and_once() {
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(NOWHERE.to_owned(), spool.path());
    settings.segment.max_events = Some(100);
    for process in 0..3 {
        let logs = start(&settings);
        for round in 0..4 {
            let first = process * 400 + round * 100;
            log_numbers(&logs, first..first + 100);
            logs.flush(TIMEOUT).unwrap();
        }
        assert_eq!(shut_down(&logs), (400, 0));
    }
    assert_eq!(segments(spool.path()).len(), 12);
    let store = fake_store();
    settings.endpoint = Some(store.url(""));
    // Another template changes no name that was chosen.
    settings.name = "other/{id}".to_owned();
    settings.compression = ObjectCompression::None;
    let logs = start(&settings);
    until("all segments are uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let objects = taken(&store);
    assert!(objects.iter().all(|object| object.name.starts_with("fapilog/") && object.name.ends_with(".log.zst")));
    let numbers: Vec<u64> = objects.iter().flat_map(crate::StoredObject::numbers).collect();
    assert_eq!(numbers, (0..1200).collect::<Vec<_>>());
}

#[test]
fn a_process_that_ends_between_the_upload_and_the_removal_uploads_no_second_object() {
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(NOWHERE.to_owned(), spool.path());
    let logs = start(&settings);
    log_numbers(&logs, 0..100);
    assert_eq!(shut_down(&logs), (100, 0));
    let segment = segments(spool.path()).remove(0);
    let bytes = fs::read(&segment).unwrap();
    let store = fake_store();
    settings.endpoint = Some(store.url(""));
    for attempt in 1..=3 {
        fs::write(&segment, &bytes).unwrap();
        let logs = start(&settings);
        until("the segment is uploaded", || segments(spool.path()).is_empty());
        assert_eq!(shut_down(&logs), (0, 0));
        assert_eq!((store.requests().len(), taken(&store).len()), (attempt, 1));
    }
    assert_eq!(ledger(&taken(&store), 100).counts().duplicated, 0);
}

#[test]
fn a_torn_tail_is_cut_at_a_record_and_other_files_are_left_alone() {
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(NOWHERE.to_owned(), spool.path());
    let logs = start(&settings);
    for round in 0..10 {
        log_numbers(&logs, round * 10..(round + 1) * 10);
        logs.flush(TIMEOUT).unwrap();
    }
    assert_eq!(shut_down(&logs), (100, 0));
    let whole = segments(spool.path()).remove(0);
    let bytes = fs::read(&whole).unwrap();
    // Zeros behind the end, as a crash of the system leaves; a cut within the last frame; a file without a head; no segment.
    fs::write(&whole, [&bytes[..], &[0; 5000]].concat()).unwrap();
    let mut cut = fs::File::create(spool.path().join("00000000000000000002.segment")).unwrap();
    cut.write_all(&bytes[..bytes.len() - 3]).unwrap();
    fs::write(spool.path().join("00000000000000000003.segment"), b"garbage").unwrap();
    fs::write(spool.path().join("notes.txt"), b"mine").unwrap();
    let store = FakeHttp::start();
    store.answer(|_| FakeAnswer::ok().header("ETag", "\"e\""));
    settings.endpoint = Some(store.url(""));
    let logs = start(&settings);
    until("all segments are uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let objects = taken(&store);
    let numbers = |object: &crate::StoredObject| object.numbers().len();
    assert_eq!((objects.len(), numbers(&objects[0])), (2, 100));
    let left = numbers(&objects[1]);
    assert!(left < 100 && left % 10 == 0, "{left}");
    assert!(spool.path().join("notes.txt").exists());
    assert!(spool.path().join("00000000000000000003.segment.broken").exists());
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("is cut behind") && found.contains("is set aside"), "{found}");
}

#[test]
fn a_full_spool_is_bounded_and_the_loss_is_counted() {
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(NOWHERE.to_owned(), spool.path());
    (settings.segment.max_bytes, settings.spool.max_bytes) = (16 << 10, 128 << 10);
    let sink = ObjectStoreSink::new(&settings, format::Json::new).unwrap();
    let options = SinkOptions::new().delivery(DeliveryPolicy::default().attempts(1));
    let logs = builder().sink_with("object_store", sink, options).start().unwrap();
    for round in 0..50 {
        log_numbers(&logs, round * 100..(round + 1) * 100);
        // The events that are lost make a flush fail.
        let _ = logs.flush(TIMEOUT);
    }
    let (delivered, lost) = shut_down(&logs);
    // Reports of losses are events, too.
    assert!(delivered > 100 && lost > 100 && delivered + lost >= 5000, "{delivered} {lost}");
    let bytes: u64 = segments(spool.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!((100 << 10..=128 << 10).contains(&bytes), "{bytes}");
    let found = format!("{:?}", logs.diagnostics());
    assert!(found.contains("wait for their upload"), "{found}");
    // All that counts as delivered is uploaded.
    let store = fake_store();
    settings.endpoint = Some(store.url(""));
    let logs = start(&settings);
    until("all segments are uploaded", || segments(spool.path()).is_empty());
    assert_eq!(shut_down(&logs), (0, 0));
    let lines: Vec<String> =
        taken(&store).iter().flat_map(|o| o.text().lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let distinct: std::collections::BTreeSet<&String> = lines.iter().collect();
    assert_eq!((lines.len() as u64, distinct.len()), (delivered, lines.len()));
}

#[test]
fn two_sinks_do_not_share_a_spool_and_its_files_are_private() {
    let spool = tempfile::tempdir().unwrap();
    let directory = spool.path().join("own");
    let settings = s3_settings(NOWHERE.to_owned(), &directory);
    let logs = start(&settings);
    log_numbers(&logs, 0..1);
    logs.flush(TIMEOUT).unwrap();
    let sink = ObjectStoreSink::new(&settings, format::Json::new).unwrap();
    let error = builder().sink("object_store", sink).start().unwrap_err();
    let mut text = format!("{error:?}");
    text.push_str(&error.to_string());
    assert!(text.contains("Locked") || text.contains("another sink"), "{text}");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&directory), mode(&segments(&directory)[0])), (0o700, 0o600));
    assert_eq!(shut_down(&logs), (1, 0));
}

#[test]
fn a_link_in_place_of_a_segment_is_refused() {
    let (spool, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::os::unix::fs::symlink(elsewhere.path(), spool.path().join("00000000000000000001.segment")).unwrap();
    let settings = s3_settings(NOWHERE.to_owned(), spool.path());
    let sink = ObjectStoreSink::new(&settings, format::Json::new).unwrap();
    assert!(builder().sink("object_store", sink).start().is_err());
}

#[test]
fn a_segment_that_is_changed_while_it_waits_is_set_aside() {
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(NOWHERE.to_owned(), spool.path());
    settings.segment.max_events = Some(1);
    let store = FakeHttp::start();
    store.answer(|_| FakeAnswer::new(503));
    settings.endpoint = Some(store.url(""));
    let logs = start(&settings);
    log_numbers(&logs, 0..1);
    store.wait_for(1, TIMEOUT);
    let segment = segments(spool.path()).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segment, bytes).unwrap();
    until("the segment is set aside", || logs.accounts().sinks[0].counter("segments_broken") == 1);
    store.answer(|_| FakeAnswer::ok().header("ETag", "\"e\""));
    log_numbers(&logs, 1..2);
    until("the next one is uploaded", || logs.accounts().sinks[0].counter("objects_uploaded") == 1);
    assert_eq!(shut_down(&logs), (2, 0));
}

#[test]
fn shards_share_the_spool() {
    let spool = tempfile::tempdir().unwrap();
    let store = fake_store();
    let mut settings = s3_settings(store.url(""), spool.path());
    settings.spool.sync = false;
    let sink = ObjectStoreSink::new(&settings, format::Json::new).unwrap();
    let logs = builder().shards(3).sink("object_store", sink).start().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let logs = &logs;
            scope.spawn(move || log_numbers(logs, thread * 100..(thread + 1) * 100));
        }
    });
    assert_eq!(shut_down(&logs), (600, 0));
    let counts = ledger(&taken(&store), 600).counts();
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (600, 0, 0));
}
