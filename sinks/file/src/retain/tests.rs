use proptest::prelude::*;

use super::*;
use crate::compress::Codec;

const NOW: u64 = 10_000;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

fn entry(number: usize, codec: Option<Codec>, bytes: u64, age: u64) -> RotatedFile {
    let suffix = codec.map_or(String::new(), |codec| String::from_utf8_lossy(codec.suffix()).into_owned());
    RotatedFile {
        path: format!("/var/log/a.{number:04}.log{suffix}").into(),
        first_second: number as u64,
        counter: 1,
        codec,
        bytes,
        modified: SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) - Duration::from_secs(age),
    }
}

/// Plain files of 10 bytes, with ages of 40, 30, 20 and 10 s.
fn four() -> Vec<RotatedFile> {
    (1..=4).map(|number| entry(number, None, 10, 50 - 10 * number as u64)).collect()
}

fn removed(retention: Retention, files: &[RotatedFile], free: Option<u64>) -> usize {
    retention.surplus(files, now(), free).len()
}

#[test]
fn without_limits_all_files_stay() {
    assert!(!Retention::default().has_limits());
    assert_eq!(removed(Retention::default(), &four(), Some(0)), 0);
}

#[test]
fn a_number_of_files_stays() {
    for (files, expected) in [(1, 3), (3, 1), (4, 0), (9, 0)] {
        assert_eq!(removed(Retention { files: Some(files), ..Retention::default() }, &four(), None), expected);
    }
}

#[test]
fn files_stay_up_to_their_age() {
    for (age, expected) in [(40, 0), (39, 1), (25, 2), (1, 4)] {
        let retention = Retention { age: Some(Duration::from_secs(age)), ..Retention::default() };
        assert_eq!(removed(retention, &four(), None), expected, "{age}");
    }
    let in_the_future = RotatedFile { modified: now() + Duration::from_secs(9), ..entry(1, None, 10, 0) };
    let retention = Retention { age: Some(Duration::from_secs(1)), ..Retention::default() };
    assert_eq!(removed(retention, &[in_the_future], None), 0);
}

#[test]
fn a_sum_of_bytes_stays() {
    for (bytes, expected) in [(40, 0), (39, 1), (30, 1), (10, 3), (9, 4), (0, 4)] {
        assert_eq!(removed(Retention { bytes: Some(bytes), ..Retention::default() }, &four(), None), expected);
    }
}

#[test]
fn space_is_freed_until_there_is_enough() {
    let retention = Retention { free_bytes: Some(100), ..Retention::default() };
    for (free, expected) in [(100, 0), (99, 1), (90, 1), (89, 2), (60, 4), (0, 4)] {
        assert_eq!(removed(retention, &four(), Some(free)), expected);
    }
    assert_eq!(removed(retention, &four(), None), 0);
}

#[test]
fn a_plain_file_and_its_compressed_twin_are_one_file() {
    let files = [entry(1, None, 10, 40), entry(1, Some(Codec::Zstd), 2, 40), entry(2, None, 10, 30)];
    let limit = |files| Retention { files: Some(files), ..Retention::default() };
    assert_eq!(removed(limit(2), &files, None), 0);
    assert_eq!(removed(limit(1), &files, None), 2);
    let ages = [entry(1, None, 10, 40), entry(1, Some(Codec::Zstd), 2, 20)];
    let age = |seconds| Retention { age: Some(Duration::from_secs(seconds)), ..Retention::default() };
    assert_eq!([removed(age(30), &ages, None), removed(age(19), &ages, None)], [0, 2]);
    assert_eq!(removed(Retention { bytes: Some(21), ..Retention::default() }, &files, None), 2);
}

#[test]
fn the_free_bytes_of_a_file_system_are_known() {
    assert!(free_bytes(Path::new("/")).is_ok());
    assert!(free_bytes(Path::new("/no/such/directory")).is_err());
}

fn any_files() -> impl Strategy<Value = Vec<RotatedFile>> {
    let entries = (0..3_usize, 0..50_u64, 0..100_u64);
    prop::collection::vec(entries, 0..20).prop_map(|entries| {
        let file = |(number, (kind, bytes, age)): (usize, (usize, u64, u64))| {
            let plain = entry(number, None, bytes, age);
            let compressed = entry(number, Some(Codec::Gzip), bytes / 2, age);
            match kind {
                0 => vec![plain],
                1 => vec![compressed],
                _ => vec![plain, compressed],
            }
        };
        entries.into_iter().enumerate().flat_map(file).collect()
    })
}

fn any_retention() -> impl Strategy<Value = Retention> {
    let seconds = prop::option::of(0..100_u64);
    (prop::option::of(1..20_usize), seconds, prop::option::of(0..600_u64), prop::option::of(0..600_u64)).prop_map(
        |(files, age, bytes, free_bytes)| Retention { files, age: age.map(Duration::from_secs), bytes, free_bytes },
    )
}

/// The number of files, where twins are one.
fn count(files: &[RotatedFile]) -> usize {
    files.chunk_by(|one, next| one.plain_path() == next.plain_path()).count()
}

proptest! {
    #[test]
    fn each_limit_holds_afterwards_or_nothing_is_left(files in any_files(), retention in any_retention(), free in 0..600_u64) {
        let surplus = retention.surplus(&files, now(), Some(free));
        let (removed, left) = files.split_at(surplus.len());
        prop_assert_eq!(surplus, removed);
        let holds = |removed: &[RotatedFile], left: &[RotatedFile]| {
            let age = |file: &RotatedFile| now().duration_since(file.modified).unwrap();
            retention.files.is_none_or(|limit| count(left) <= limit)
                && retention.age.is_none_or(|limit| left.iter().all(|file| age(file) <= limit))
                && retention.bytes.is_none_or(|limit| bytes_of(left) <= limit)
                && retention.free_bytes.is_none_or(|limit| free + bytes_of(removed) >= limit)
        };
        prop_assert!(left.is_empty() || holds(removed, left));
        // A file less would not do, and no twin is left behind.
        let last = removed.chunk_by(|one, next| one.plain_path() == next.plain_path()).next_back();
        if let Some(last) = last {
            let (removed, left) = files.split_at(removed.len() - last.len());
            prop_assert!(!holds(removed, left));
        }
        prop_assert_eq!(count(removed) + count(left), count(&files));
    }
}
