//! moto: S3's API with create-only writes and object lock.

use std::time::Duration;

use fapilog_object_store::{
    ObjectCompression, ObjectEncryption, ObjectEncryptionSettings, ObjectLockMode, ObjectLockSettings,
};
use fapilog_test_servers::{Conformance, FakeAnswer, FakeHttp, Scenario, http_request, servers::Moto};

use crate::{
    BUCKET, StoredObject, between, forward, ledger, log_numbers, s3_settings, segments, shut_down, start, until,
};

const SINK: &str = "object_store";

fn get(moto: &Moto, target: &str) -> Vec<u8> {
    let reply = http_request(moto.http(), "GET", target, &[("Authorization", Moto::AUTHORIZATION)], &[]).unwrap();
    assert_eq!(reply.status, 200, "{target}: {}", String::from_utf8_lossy(&reply.body));
    reply.body
}

/// The head of an answer, with the names of headers in lower case.
fn head(moto: &Moto, target: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(moto.http()).unwrap();
    let authorization = Moto::AUTHORIZATION;
    let request = format!(
        "HEAD {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n",
        moto.http()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = |line: &str| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}\r\n", name.to_ascii_lowercase()),
        None => format!("{line}\r\n"),
    };
    answer.lines().map(line).collect()
}

fn objects(moto: &Moto) -> Vec<StoredObject> {
    let list = String::from_utf8(get(moto, &format!("/{BUCKET}?list-type=2"))).unwrap();
    let object = |name: &str| StoredObject { name: name.to_owned(), body: get(moto, &format!("/{BUCKET}/{name}")) };
    between(&list, "<Key>", "</Key>").into_iter().map(object).collect()
}

#[test]
fn each_event_is_once_in_an_object_of_any_compression() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket(BUCKET);
    let mut before = 0;
    for (compression, scenario) in [
        (ObjectCompression::None, Scenario::Happy),
        (ObjectCompression::Gzip, Scenario::Compressed),
        (ObjectCompression::Zstd, Scenario::Compressed),
    ] {
        let spool = tempfile::tempdir().unwrap();
        let mut settings = s3_settings(format!("http://{}", moto.http()), spool.path());
        settings.compression = compression;
        settings.name = format!("{compression}/{{date}}/{{id}}.jsonl");
        let logs = start(&settings);
        log_numbers(&logs, 0..2000);
        assert_eq!(shut_down(&logs), (2000, 0));
        let objects: Vec<_> =
            objects(&moto).into_iter().filter(|object| object.name.starts_with(compression.name())).collect();
        let counts = ledger(&objects, 2000).counts();
        Conformance::record(SINK, "moto", scenario, counts.delivered, counts.duplicated, counts.lost);
        assert_eq!((counts.delivered, counts.duplicated, counts.lost), (2000, 0, 0));
        assert_eq!(objects.len(), 1);
        let in_order: Vec<u64> = (0..2000).collect();
        assert_eq!(objects[0].numbers(), in_order);
        assert_eq!(segments(spool.path()), Vec::<std::path::PathBuf>::new());
        before += 1;
    }
    assert_eq!(before, 3);
}

#[test]
fn an_answer_that_is_lost_leads_to_no_second_object() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket(BUCKET);
    let (proxy, address) = (FakeHttp::start(), moto.http());
    let attempts = std::sync::atomic::AtomicUsize::new(0);
    proxy.answer(move |request| {
        let answer = forward(address, request);
        // The first answer of each object is lost behind the server.
        match attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 {
            0 => FakeAnswer::no_answer(),
            _ => answer,
        }
    });
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(proxy.url(""), spool.path());
    settings.segment.max_events = Some(100);
    let logs = start(&settings);
    for round in 0..5 {
        log_numbers(&logs, round * 100..(round + 1) * 100);
        logs.flush(crate::TIMEOUT).unwrap();
        until("the segment is uploaded", || segments(spool.path()).is_empty());
    }
    assert_eq!(shut_down(&logs), (500, 0));
    let objects = objects(&moto);
    let counts = ledger(&objects, 500).counts();
    Conformance::record(SINK, "moto", Scenario::DuplicatesSuppressed, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost), (500, 0, 0));
    assert_eq!(objects.len(), 5);
    let sink = &logs.accounts().sinks[0];
    assert_eq!((sink.counter("objects_already_stored"), sink.counter("objects_uploaded")), (5, 5), "{sink:?}");
}

#[test]
fn an_object_above_the_length_of_a_part_is_uploaded_in_parts() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket(BUCKET);
    let (proxy, address) = (FakeHttp::start(), moto.http());
    let ends = std::sync::atomic::AtomicUsize::new(0);
    proxy.answer(move |request| {
        let answer = forward(address, request);
        let is_end = request.method == "POST" && request.target.contains("uploadId=");
        // The answers to the first end of an upload are lost: the client sends it once more by a connection of its own.
        let is_lost = is_end && ends.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
        if is_lost { FakeAnswer::no_answer() } else { answer }
    });
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(proxy.url(""), spool.path());
    (settings.compression, settings.part_bytes) = (ObjectCompression::None, 5 << 20);
    settings.segment.max_events = Some(1500);
    let logs = start(&settings);
    let (log, filler) = (logs.logger("orders"), "x".repeat(8000));
    for number in 0..1500_u64 {
        fapilog::info!(log, "order filled", number = number, filler = filler.as_str());
        if number % 20 == 19 {
            logs.flush(crate::TIMEOUT).unwrap();
        }
    }
    let deadline = std::time::Instant::now() + crate::TIMEOUT;
    while !segments(spool.path()).is_empty() {
        assert!(std::time::Instant::now() < deadline, "{:?} {:?}", logs.accounts(), logs.diagnostics());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(shut_down(&logs), (1500, 0));
    let objects = objects(&moto);
    let counts = ledger(&objects, 1500).counts();
    Conformance::record(SINK, "moto", Scenario::OverTheLimit, counts.delivered, counts.duplicated, counts.lost);
    assert_eq!((counts.delivered, counts.duplicated, counts.lost, objects.len()), (1500, 0, 0, 1));
    assert!(objects[0].body.len() > 10 << 20, "{}", objects[0].body.len());
    let requests = proxy.requests();
    let parts = requests.iter().filter(|request| request.target.contains("partNumber=")).count();
    assert_eq!(parts, 6, "two uploads of three parts");
    let ends: Vec<_> =
        requests.iter().filter(|request| request.method == "POST" && request.target.contains("uploadId=")).collect();
    assert!(ends.len() == 3 && ends.iter().all(|end| end.header("if-none-match") == Some("*")), "{ends:?}");
    for request in requests.iter().filter(|request| request.target.contains("partNumber=1&")) {
        assert_eq!(request.raw_body.len(), 5 << 20);
    }
}

#[test]
fn objects_are_locked_encrypted_and_of_a_class() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket_with_lock(BUCKET);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(format!("http://{}", moto.http()), spool.path());
    let mut lock = ObjectLockSettings::new(ObjectLockMode::Compliance, 30);
    lock.legal_hold = true;
    settings.lock = Some(lock);
    let mut encryption = ObjectEncryptionSettings::default();
    encryption.kind = ObjectEncryption::Kms;
    encryption.kms_key = Some("alias/logs".to_owned());
    settings.encryption = Some(encryption);
    settings.storage_class = Some("STANDARD_IA".to_owned());
    let logs = start(&settings);
    log_numbers(&logs, 0..10);
    assert_eq!(shut_down(&logs), (10, 0));
    let objects = objects(&moto);
    assert_eq!(objects.len(), 1);
    let name = &objects[0].name;
    let head = head(&moto, &format!("/{BUCKET}/{name}"));
    let header = |name: &str| between(&head, &format!("{name}: "), "\r\n").first().map(|value| (*value).to_owned());
    assert_eq!(header("x-amz-object-lock-mode").as_deref(), Some("COMPLIANCE"), "{head}");
    let until = header("x-amz-object-lock-retain-until-date").unwrap();
    assert!(until.starts_with("20") && until.contains('T'), "{until}");
    assert_eq!(header("x-amz-object-lock-legal-hold").as_deref(), Some("ON"), "{head}");
    assert_eq!(header("x-amz-server-side-encryption").as_deref(), Some("aws:kms"), "{head}");
    assert_eq!(header("x-amz-server-side-encryption-aws-kms-key-id").as_deref(), Some("alias/logs"), "{head}");
    let list = String::from_utf8(get(&moto, &format!("/{BUCKET}?list-type=2"))).unwrap();
    assert_eq!(between(&list, "<StorageClass>", "</StorageClass>"), ["STANDARD_IA"]);
}

#[test]
fn locked_objects_in_parts_have_the_headers_at_the_start_alone() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket_with_lock(BUCKET);
    let (proxy, address) = (FakeHttp::start(), moto.http());
    proxy.answer(move |request| forward(address, request));
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(proxy.url(""), spool.path());
    (settings.compression, settings.part_bytes) = (ObjectCompression::None, 5 << 20);
    settings.lock = Some(ObjectLockSettings::new(ObjectLockMode::Governance, 1));
    let logs = start(&settings);
    let (log, filler) = (logs.logger("orders"), "x".repeat(8000));
    for number in 0..800_u64 {
        fapilog::info!(log, "order filled", number = number, filler = filler.as_str());
        if number % 20 == 19 {
            logs.flush(crate::TIMEOUT).unwrap();
        }
    }
    assert_eq!(shut_down(&logs), (800, 0));
    let objects = objects(&moto);
    assert_eq!(ledger(&objects, 800).counts().delivered, 800);
    // The server keeps the retention of an object in one request only.
    for request in proxy.requests() {
        let is_start = request.method == "POST" && request.target.contains("uploads");
        assert_eq!(request.header("x-amz-object-lock-mode").is_some(), is_start, "{}", request.target);
        let is_part = request.target.contains("partNumber=");
        assert_eq!(request.header("x-amz-checksum-sha256").is_some(), is_part, "{}", request.target);
    }
}

#[test]
fn a_segment_is_closed_by_its_age() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket(BUCKET);
    let spool = tempfile::tempdir().unwrap();
    let mut settings = s3_settings(format!("http://{}", moto.http()), spool.path());
    settings.segment.max_age = Duration::from_millis(100);
    let logs = start(&settings);
    log_numbers(&logs, 0..10);
    until("the object is there", || objects(&moto).len() == 1);
    log_numbers(&logs, 10..20);
    until("the second one is there", || objects(&moto).len() == 2);
    assert_eq!(shut_down(&logs), (20, 0));
    let counts = ledger(&objects(&moto), 20).counts();
    assert_eq!((counts.delivered, counts.duplicated), (20, 0));
}
