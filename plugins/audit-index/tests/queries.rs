//! Queries over trails that the sink has written.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use fapilog::{audit, format, plugin::PluginError};
use fapilog_audit_index::{error::IndexError, index::AuditIndex, query::AuditQuery, record::RecordFields};
use fapilog_audit_trail::{
    proof::RecordSelector,
    verify::{DamageKind, VerifyError},
};
use support::{Fixture, TIMEOUT, all, log_actions, pattern, shut_down};

/// Damage of the trail, with its kind and its entry.
#[track_caller]
fn damage(result: Result<impl std::fmt::Debug, IndexError>) -> (DamageKind, u64) {
    match result.unwrap_err() {
        IndexError::Trail(VerifyError::Damage(damage)) => (damage.kind, damage.offset),
        error => panic!("{error}"),
    }
}

/// A change of a record in its place: of the same length.
fn replace_in_place(bytes: &mut Vec<u8>, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let text = String::from_utf8(std::mem::take(bytes)).unwrap();
    assert!(text.contains(from));
    *bytes = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn every_filter_finds_the_records_that_meet_it_in_the_order_of_the_trail() {
    let fixture = Fixture::closed(3);
    let records = fixture.records();
    let with = |part: &str| -> Vec<String> { records.iter().filter(|record| record.contains(part)).cloned().collect() };
    for (query, part, count) in [
        (all().user(pattern("ada")), r#""who":"ada""#, 12),
        (all().action(pattern("limit raised")), r#""message":"limit raised""#, 18),
        (all().object(pattern("account*")), r#""object":"account 4711""#, 18),
        (all().outcome(pattern("denied")), r#""outcome":"denied""#, 18),
        (all().origin(pattern("192.0.2.*")), r#""origin":"192.0.2.1""#, 36),
        (all().user(pattern("ki?")), "no such record", 0),
        (all().user(pattern("KIM")), "no such record", 0),
        (all(), "", 36),
    ] {
        let found = fixture.found(&query);
        assert_eq!((found.len(), &found), (count, &with(part)), "{query:?}");
    }
}

#[test]
fn a_record_must_meet_all_filters_and_one_of_several_values() {
    let fixture = Fixture::closed(2);
    let of_kim = fixture.found(&all().user(pattern("kim")).outcome(pattern("denied")));
    assert_eq!(of_kim.len(), 4);
    assert!(of_kim.iter().all(|record| record.contains("\"kim\"") && record.contains("\"denied\"")));
    let of_both = all().user(pattern("kim")).user(pattern("a*")).action(pattern("*raised"));
    assert_eq!(fixture.found(&of_both).len(), 8);
}

#[test]
fn times_are_bounds_that_belong_to_the_range() {
    let fixture = Fixture::closed(4);
    let times: Vec<i64> = fixture
        .records()
        .iter()
        .map(|record| RecordFields::of(record.as_bytes()).unwrap().unix_nanos.unwrap())
        .collect();
    let (first, last) = (times[7], times[20]);
    let expected = times.iter().filter(|time| (first..=last).contains(*time)).count();
    assert_eq!(fixture.found(&all().since(first).until(last)).len(), expected);
    assert_eq!(fixture.found(&all().since(times[47] + 1)).len(), 0);
    assert_eq!(fixture.found(&all().until(times[0] - 1)).len(), 0);
}

#[test]
fn a_limit_finds_the_last_records_and_the_pages_before_them() {
    let fixture = Fixture::closed(2);
    let all_records = fixture.records();
    let query = all().limit(10);
    let last = fixture.search(&query).unwrap();
    assert_eq!((last.records[0].number, last.report.more_before), (14, Some(14)));
    let before = fixture.search(&query.clone().before(14)).unwrap();
    assert_eq!((before.records[0].number, before.report.more_before), (4, Some(4)));
    let first = fixture.search(&query.before(4)).unwrap();
    assert_eq!((first.records.len(), first.report.more_before), (4, None));
    let paged = [first, before, last].into_iter().flat_map(|page| page.records).map(|record| record.text);
    assert_eq!(paged.collect::<Vec<_>>(), all_records);
}

#[test]
fn signs_of_sql_in_values_are_values() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink());
    let log = logs.logger("shop");
    let values = [
        "' OR 1=1 --",
        "\"; DROP TABLE record; --",
        "50%",
        "a_b",
        "[a-z]",
        "?",
        "*",
        "back\\slash",
        "é\u{1f980}",
        "\u{1}",
    ];
    for value in values {
        audit!(log, "changed", who = value, object = value, outcome = "success", origin = "o");
    }
    shut_down(&logs);
    for value in values {
        let exact = value.replace('\\', "\\\\").replace('*', "\\*");
        for text in [exact.clone(), format!("{exact}*"), format!("*{exact}")] {
            let found = fixture.found(&all().user(pattern(&text)).object(pattern(&exact)));
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(RecordFields::of(found[0].as_bytes()).unwrap().user.as_deref(), Some(value));
        }
    }
    assert_eq!(fixture.found(&all()).len(), values.len());
}

#[test]
fn rotated_files_are_searched_and_each_record_can_be_proven_by_its_number() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink().rotate_bytes(8192));
    (0..9).for_each(|_| log_actions(&logs));
    shut_down(&logs);
    assert!(fixture.rotated().len() >= 2, "{:?}", fixture.rotated());
    let found = fixture.search(&all().user(pattern("ada")).outcome(pattern("denied"))).unwrap();
    assert_eq!(found.records.len(), 18);
    assert!(found.records[17].segment >= 2);
    for record in &found.records {
        let selectors = [
            RecordSelector::Number(record.number),
            RecordSelector::At { segment: record.segment, offset: record.offset },
        ];
        for selector in selectors {
            let proof = fixture.verifier().prove(&fixture.data(), &selector).unwrap();
            let proven = &proof.block[proof.record.clone()];
            assert_eq!(proven, format!("{}\n", record.text).as_bytes());
        }
    }
}

#[test]
fn an_update_adds_the_new_records_alone() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink().rotate_bytes(8192));
    log_actions(&logs);
    let first = fixture.update().unwrap();
    assert_eq!((first.added, first.indexed), (12, 12));
    assert_eq!(fixture.update().unwrap().added, 0);
    // The live file is renamed in between.
    (0..4).for_each(|_| log_actions(&logs));
    let second = fixture.update().unwrap();
    assert_eq!((second.added, second.indexed, second.not_indexed), (48, 60, 0));
    shut_down(&logs);
    assert_eq!(fixture.update().unwrap().added, 0);
    assert_eq!(fixture.found(&all().user(pattern("kit"))).len(), 20);
}

#[test]
fn records_behind_the_last_checkpoint_are_marked_as_not_signed() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink());
    log_actions(&logs);
    let running = fixture.search(&all()).unwrap();
    assert_eq!((running.report.found, running.report.not_signed), (12, 12));
    assert!(running.records.iter().all(|record| !record.is_signed));
    shut_down(&logs);
    let closed = fixture.search(&all()).unwrap();
    assert_eq!(closed.report.not_signed, 0);
    assert!(closed.records.iter().all(|record| record.is_signed));
}

#[test]
fn a_record_that_was_changed_after_it_was_indexed_is_not_shown() {
    let fixture = Fixture::closed(2);
    fixture.update().unwrap();
    fixture.change(&fixture.data(), |bytes| replace_in_place(bytes, "\"who\":\"ada\"", "\"who\":\"eve\""));
    assert_eq!(damage(fixture.search(&all().user(pattern("ada")))).0, DamageKind::Altered);
    // The index and the data agree, and the trail does not.
    fixture.forge("UPDATE record SET user = 'eve' WHERE id = 4");
    assert_eq!(damage(fixture.search(&all().user(pattern("eve")))).0, DamageKind::Altered);
}

#[test]
fn a_record_that_was_changed_before_it_was_indexed_is_damage_and_the_index_stays_as_it_was() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink());
    log_actions(&logs);
    fixture.update().unwrap();
    let place = fs::metadata(fixture.data()).unwrap().len();
    log_actions(&logs);
    shut_down(&logs);
    let whole = fs::read(fixture.data()).unwrap();
    fixture.change(&fixture.data(), |bytes| {
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
    });
    assert_eq!(damage(fixture.update()), (DamageKind::Altered, place));
    fs::write(fixture.data(), whole).unwrap();
    assert_eq!(fixture.update().unwrap().added, 12);
}

#[test]
fn a_data_file_that_was_cut_or_removed_is_damage_although_no_record_of_it_is_asked_for() {
    let fixture = Fixture::closed(2);
    fixture.update().unwrap();
    fixture.change(&fixture.data(), |bytes| bytes.truncate(bytes.len() - 20));
    assert_eq!(damage(fixture.search(&all().user(pattern("nobody")))).0, DamageKind::Truncated);
    fs::remove_file(fixture.data()).unwrap();
    assert_eq!(damage(fixture.update()), (DamageKind::Removed, 0));
}

#[test]
fn a_trail_that_was_cut_back_since_it_was_indexed_is_an_error() {
    let fixture = Fixture::closed(1);
    let older = [fixture.data(), fixture.path("audit.jsonl.trail")].map(|path| (fs::read(&path).unwrap(), path));
    let logs = fixture.start(fixture.sink());
    log_actions(&logs);
    shut_down(&logs);
    fixture.update().unwrap();
    older.into_iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    let error = fixture.update().unwrap_err();
    assert!(matches!(error, IndexError::Shrunk { .. }), "{error}");
    assert_eq!(error.damage(), Some(DamageKind::Truncated));
    assert!(error.to_string().starts_with("the trail was truncated since it was indexed: it has "), "{error}");
}

#[test]
fn a_trail_that_goes_on_otherwise_than_it_was_indexed_is_an_error_with_the_place() {
    let fixture = Fixture::closed(1);
    let names = ["audit.jsonl", "audit.jsonl.trail", "audit.jsonl.chain-key"];
    let older = names.map(|name| (fs::read(fixture.path(name)).unwrap(), fixture.path(name)));
    let logs = fixture.start(fixture.sink());
    log_actions(&logs);
    shut_down(&logs);
    fixture.update().unwrap();
    let place = older[0].0.len() as u64;
    older.into_iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    let logs = fixture.start(fixture.sink());
    (0..3).for_each(|_| log_actions(&logs));
    shut_down(&logs);
    match fixture.update().unwrap_err() {
        IndexError::Changed { file, offset, .. } => assert_eq!((file, offset), (fixture.data(), place)),
        error => panic!("{error}"),
    }
    let verifier = fixture.verifier();
    let mut index = fixture.index();
    index.clear().unwrap();
    assert_eq!(index.update(&mut verifier.reader(&fixture.data()).unwrap()).unwrap().indexed, 48);
}

#[test]
fn an_index_of_another_trail_is_an_error() {
    let (fixture, other) = (Fixture::closed(1), Fixture::closed(1));
    fixture.update().unwrap();
    fs::copy(fixture.index_path(), other.index_path()).unwrap();
    let error = other.update().unwrap_err();
    assert!(matches!(error, IndexError::OtherTrail { .. }), "{error}");
    assert_eq!(error.damage(), Some(DamageKind::Replaced));
}

#[test]
fn an_index_that_was_changed_shows_no_false_record() {
    let ada = || all().user(pattern("ada"));
    for (sql, query, expected) in [
        ("UPDATE record SET user = 'ada' WHERE id = 0", ada(), "a row has other values than its record"),
        ("UPDATE record SET time = 1 WHERE user = 'ada'", all().until(1), "a row has other values than its record"),
        ("UPDATE record SET offset = offset + 1 WHERE id = 4", ada(), "a row has a place where no record begins"),
        ("UPDATE record SET length = length - 1 WHERE id = 4", ada(), "a row has a place where no record begins"),
        ("UPDATE record SET length = length + 400 WHERE id = 4", ada(), "a row has a place where no record begins"),
        ("UPDATE record SET segment = 7 WHERE id = 4", ada(), "a row has a place where no record begins"),
        (
            "UPDATE record SET offset = 9223372036854775807 WHERE id = 4",
            ada(),
            "a row has a place where no record begins",
        ),
        ("UPDATE record SET id = id + 100 WHERE id = 4", ada(), "it stands for 11 records, and the trail has 12"),
        ("DELETE FROM record WHERE id = 4", all(), "it stands for 11 records, and the trail has 12"),
        ("UPDATE trail SET not_indexed = 5", all(), "it stands for 17 records, and the trail has 12"),
        ("UPDATE trail SET next = 0, entries = entries", all(), "it stands for 0 records, and the trail has 12"),
        ("CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END", all(), "its tables are other ones"),
        ("DROP INDEX record_user", all(), "its tables are other ones"),
        ("CREATE VIEW v AS SELECT 1", all(), "its tables are other ones"),
        ("PRAGMA user_version = 99", all(), "it has the later version 99"),
    ] {
        let fixture = Fixture::closed(1);
        fixture.update().unwrap();
        fixture.forge(sql);
        let error = fixture.search(&query).unwrap_err();
        assert!(error.to_string().contains(expected) && error.is_about_index(), "{sql}: {error}");
    }
}

#[test]
fn two_rows_with_exchanged_places_are_found() {
    let fixture = Fixture::closed(1);
    fixture.update().unwrap();
    // Records of one length and with the same values but for the time, which is taken over as well.
    fixture.forge("UPDATE record SET (offset, length, time, user) = (SELECT offset, length, time, user FROM record WHERE id = 8) WHERE id = 4");
    let error = fixture.search(&all().user(pattern("kit"))).unwrap_err();
    assert!(error.to_string().contains("a row has another number than its record"), "{error}");
}

#[test]
fn an_index_of_an_older_version_is_made_anew() {
    let fixture = Fixture::closed(1);
    fixture.update().unwrap();
    fixture.forge("PRAGMA user_version = 0; ALTER TABLE record DROP COLUMN logger");
    assert_eq!(fixture.update().unwrap().added, 12);
    assert_eq!(fixture.found(&all()).len(), 12);
}

#[test]
fn other_files_are_no_indexes_and_stay_as_they_are() {
    let fixture = Fixture::closed(1);
    let path = fixture.index_path();
    let refused = |expected: &str| {
        let before = fs::read(&path).unwrap();
        let error = AuditIndex::open(&path).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    };
    fs::write(&path, "no database, and longer than the header of one: 0123456789 0123456789 0123456789 0123456789")
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    refused("no SQLite database");
    fs::write(&path, "").unwrap();
    fixture.forge("CREATE TABLE mine (a)");
    refused("a database of another program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    refused("has the mode 640");
    let link = fixture.path("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(AuditIndex::open(&link).unwrap_err().to_string().contains("a symbolic link"));
}

#[test]
fn a_new_index_can_be_read_by_its_owner_alone() {
    let fixture = Fixture::closed(1);
    fixture.update().unwrap();
    assert_eq!(fs::metadata(fixture.index_path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn records_that_are_no_json_are_counted_and_the_others_keep_their_numbers() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink_with(format::Simple::new));
    log_actions(&logs);
    shut_down(&logs);
    let logs = fixture.start(fixture.sink());
    log_actions(&logs);
    shut_down(&logs);
    let update = fixture.update().unwrap();
    assert_eq!((update.added, update.indexed, update.not_indexed), (24, 12, 12));
    let found = fixture.search(&all().user(pattern("kim"))).unwrap();
    assert_eq!((found.records[0].number, found.report.found), (12, 4));
}

/// Frames with line feeds in them, as encrypted records may have.
#[derive(Debug)]
struct Frames;

impl fapilog::format::Formatter for Frames {
    fn name(&self) -> &'static str {
        "frames"
    }

    fn format(&mut self, batch: &fapilog::event::Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        for _ in 0..batch.len() {
            out.extend_from_slice(b"\n\n{\"context\":{\"who\":\"kim\"}}\n");
        }
        Ok(())
    }

    fn writes_lines(&self) -> bool {
        false
    }
}

#[test]
fn records_that_are_no_lines_are_counted() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink_with(|| Frames));
    log_actions(&logs);
    shut_down(&logs);
    let update = fixture.update().unwrap();
    assert_eq!((update.added, update.indexed, update.not_indexed), (12, 0, 12));
}

#[test]
fn a_record_that_is_longer_than_a_block_is_found() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink());
    let log = logs.logger("shop");
    log_actions(&logs);
    let text = "x".repeat(30_000);
    audit!(log, "imported", who = "kim", object = "o", outcome = "success", origin = "o", text = text.as_str());
    log_actions(&logs);
    shut_down(&logs);
    let found = fixture.search(&all().action(pattern("imported"))).unwrap();
    assert_eq!((found.records.len(), found.records[0].number), (1, 12));
    assert!(found.records[0].text.contains(&text));
    assert_eq!(fixture.found(&all()).len(), 25);
}

#[test]
fn records_in_files_that_are_gone_are_counted_and_not_shown() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink().rotate_bytes(8192));
    (0..9).for_each(|_| log_actions(&logs));
    shut_down(&logs);
    let before = fixture.search(&all()).unwrap();
    let oldest = fixture.rotated()[0].clone();
    let gone = before.records.iter().filter(|record| record.segment == 0).count() as u64;
    let moved =
        [oldest.clone(), format!("{}.trail", oldest.display()).into()].map(|path| (fs::read(&path).unwrap(), path));
    moved.iter().for_each(|(_, path)| fs::remove_file(path).unwrap());
    let found = fixture.search(&all()).unwrap();
    assert_eq!((found.report.in_missing_files, found.report.found), (gone, 108 - gone));
    assert_eq!(found.records, before.records[gone as usize..]);
    // An index that never saw them has numbers of its own.
    fs::remove_file(fixture.index_path()).unwrap();
    assert_eq!(fixture.search(&all()).unwrap().report.found, 108 - gone);
    // It would hide them when they are there again.
    moved.into_iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    assert!(matches!(fixture.search(&all()).unwrap_err(), IndexError::FilesBefore { first: 0, indexed: 1, .. }));
}

#[test]
fn records_that_retention_has_removed_are_counted_and_the_others_are_found() {
    let fixture = Fixture::new();
    let sink = |age| fixture.sink().rotate_bytes(8192).retain_age(age);
    let logs = fixture.start(sink(std::time::Duration::from_secs(3600)));
    (0..9).for_each(|_| log_actions(&logs));
    shut_down(&logs);
    let mut all_records = fixture.search(&all()).unwrap().report.found;
    assert_eq!(all_records, 108);
    // The removal ends at a data file that cannot be removed: a directory that is not empty.
    let second = fixture.rotated()[1].clone();
    fs::remove_file(&second).unwrap();
    fs::create_dir(&second).unwrap();
    fs::write(second.join("file"), "").unwrap();
    let mut run_until = |is_done: &dyn Fn(&str) -> bool| {
        let end = Instant::now() + TIMEOUT;
        loop {
            let logs = fixture.start(sink(std::time::Duration::from_secs(1)));
            log_actions(&logs);
            let diagnostics = format!("{:?}", logs.diagnostics());
            shut_down(&logs);
            all_records += 12;
            if is_done(&diagnostics) {
                return all_records;
            }
            assert!(Instant::now() < end, "{diagnostics}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    let counts = |expected: u64| {
        let report = fixture.search(&all()).unwrap().report;
        assert_eq!(report.found + report.in_missing_files, expected);
        report.in_missing_files
    };
    let all_records = run_until(&|diagnostics| diagnostics.contains("cannot remove"));
    // In the middle of a removal: the data file goes first.
    fs::remove_dir_all(&second).unwrap();
    let in_missing_files = counts(all_records);
    assert!(in_missing_files > 0);
    let trail = format!("{}.trail", second.display());
    let all_records = run_until(&|_| !fs::exists(&trail).unwrap());
    assert!(counts(all_records) >= in_missing_files);
}

#[test]
fn a_trail_that_is_written_and_rotated_can_be_searched_at_any_time() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink().rotate_bytes(8192).checkpoint_blocks(2));
    log_actions(&logs);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..60).for_each(|_| log_actions(&logs)));
        let mut last = 0;
        while !writer.is_finished() {
            let found = fixture.search(&AuditQuery::new().user(pattern("kim"))).unwrap().report.found;
            assert!(found >= last, "{found} {last}");
            last = found;
        }
    });
    shut_down(&logs);
    assert_eq!(fixture.found(&all()).len(), 61 * 12);
}

#[test]
fn an_index_that_is_made_anew_during_a_search_is_an_error_and_no_shorter_answer() {
    let fixture = Fixture::closed(40);
    let verifier = fixture.verifier();
    let mut trail = verifier.reader(&fixture.data()).unwrap();
    let mut index = fixture.index();
    index.update(&mut trail).unwrap();
    let mut found = 0;
    let result = index.search(&mut trail, &all(), |_| {
        if found == 0 {
            fixture.index().clear().unwrap();
            fixture.update().unwrap();
        }
        found += 1;
        Ok::<(), IndexError>(())
    });
    assert!(matches!(result, Err(IndexError::MadeAnew { .. })), "{result:?}");
}

#[test]
fn several_readers_that_begin_without_an_index_find_all_records() {
    let fixture = Fixture::closed(2);
    for _ in 0..5 {
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| assert_eq!(fixture.found(&all()).len(), 24));
            }
        });
        fs::remove_file(fixture.index_path()).unwrap();
    }
}

#[test]
fn ten_thousand_records_are_searched_in_a_moment() {
    let fixture = Fixture::new();
    let logs = fixture.start(fixture.sink().block_bytes(65536));
    let log = logs.logger("shop");
    for number in 0..10_000 {
        let user = format!("user {}", number % 1000);
        audit!(log, "changed", who = user.as_str(), object = number, outcome = "success", origin = "192.0.2.1");
        if number % 500 == 499 {
            logs.flush(TIMEOUT).unwrap();
        }
    }
    shut_down(&logs);
    let start = Instant::now();
    assert_eq!(fixture.update().unwrap().added, 10_000);
    let indexed = start.elapsed();
    let start = Instant::now();
    let found = fixture.search(&all().user(pattern("user 77"))).unwrap();
    assert_eq!(found.records.len(), 10);
    let (searched, start) = (start.elapsed(), Instant::now());
    assert_eq!(fixture.found(&all().object(pattern("99*"))).len(), 111);
    // Hundreds of times what it takes: a search that reads all records for each row would not be within it.
    assert!(indexed.as_secs() < 60 && searched.as_secs() < 20, "{indexed:?} {searched:?}");
    eprintln!("10,000 records: indexed in {indexed:?}, searched in {searched:?} and {:?}", start.elapsed());
}
