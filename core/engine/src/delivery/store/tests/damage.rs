//! Torn and damaged files.

use proptest::prelude::*;

use super::*;

/// Three segments of three payloads, 0 to 8, of a process that was killed.
fn three_segments() -> StoreBench {
    let bench = StoreBench::with_segments(HEADER + 3 * frame_bytes(100));
    let mut store = bench.open();
    append_all(&mut store, 0..9, 100);
    store.crash();
    assert_eq!(bench.segments().len(), 3);
    bench
}

#[test]
fn a_torn_tail_of_the_last_segment_is_cut_at_any_byte() {
    let whole = HEADER + frame_bytes(5);
    for cut in HEADER..HEADER + 2 * frame_bytes(5) {
        let bench = StoreBench::new();
        let mut store = bench.open();
        append_all(&mut store, [1, 2], 5);
        store.crash();
        let path = bench.segments().remove(0);
        File::options().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let (mut store, payloads) = bench.reopen();
        let expected = u64::from(cut >= whole);
        assert_eq!(payloads, expected, "cut at {cut}");
        if cut >= whole {
            assert_eq!(length(&path), whole, "cut at {cut}");
        }
        append_all(&mut store, [3], 5);
        let numbers = take_all(&mut store);
        assert_eq!(numbers, [1, 3][1 - expected as usize..], "cut at {cut}");
        let is_torn = cut != whole && cut != HEADER;
        assert_eq!(bench.reports().len(), usize::from(is_torn), "cut at {cut}: {:?}", bench.reports());
    }
}

#[test]
fn any_damaged_byte_of_the_last_payload_is_a_torn_tail() {
    for byte in 0..frame_bytes(5) {
        let bench = StoreBench::new();
        let mut store = bench.open();
        append_all(&mut store, [1, 2], 5);
        store.crash();
        damage(&bench.segments()[0], HEADER + frame_bytes(5) + byte);
        let (mut store, payloads) = bench.reopen();
        assert_eq!((payloads, take_all(&mut store)), (1, vec![1]), "byte {byte}");
        assert!(bench.report().contains("are no whole payload, and are cut"), "{:?}", bench.reports());
    }
}

#[test]
fn a_cut_tail_is_not_reported_again() {
    let bench = three_segments();
    damage(&bench.segments()[2], HEADER + 2 * frame_bytes(100) + 60);
    let (store, payloads) = bench.reopen();
    assert_eq!((payloads, bench.reports().len()), (8, 1));
    store.crash();
    let (mut store, payloads) = bench.reopen();
    assert_eq!((payloads, bench.reports().len()), (8, 1));
    assert_eq!(take_all(&mut store), (0..8).collect::<Vec<_>>());
}

#[test]
fn the_tail_behind_a_damaged_payload_of_another_segment_is_skipped_and_reported() {
    let bench = three_segments();
    damage(&bench.segments()[1], HEADER + frame_bytes(100) + 60);
    let (mut store, payloads) = bench.reopen();
    assert_eq!(payloads, 7);
    assert_eq!(take_all(&mut store), [0, 1, 2, 3, 6, 7, 8]);
    let bytes = 2 * frame_bytes(100);
    let expected = format!("{bytes} bytes of {} are damaged: their payloads are lost", path_of(&bench, 2).display());
    assert_eq!(bench.report(), expected);
    until_idle(&mut store);
    assert_eq!(bench.segments().len(), 0);
}

fn path_of(bench: &StoreBench, number: u64) -> PathBuf {
    bench.directory(0).join(format!("{number:020}.spill"))
}

#[test]
fn a_segment_without_a_readable_payload_is_removed_and_reported() {
    let bench = three_segments();
    damage(&bench.segments()[0], HEADER);
    let (mut store, payloads) = bench.reopen();
    assert_eq!((payloads, bench.segments().len()), (6, 2));
    assert_eq!(take_all(&mut store), [3, 4, 5, 6, 7, 8]);
    assert!(bench.report().contains("are damaged"));
}

#[test]
fn payloads_that_are_damaged_later_are_counted_to_the_caller() {
    let bench = StoreBench::with_segments(HEADER + 3 * frame_bytes(100));
    let mut store = bench.open();
    append_all(&mut store, 0..9, 100);
    damage(&bench.segments()[1], HEADER + frame_bytes(100) + 60);
    assert_eq!(take(&mut store, 4), [0, 1, 2, 3]);
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Unreadable { payloads: 2, events: 11 }));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(Some(read)) if number_of(&read) == 6));
    store.acknowledge();
    assert_eq!(take_all(&mut store), [7, 8]);
    assert!(bench.report().starts_with("cannot read 2 payloads of 11 events in "), "{:?}", bench.reports());
    until_idle(&mut store);
    assert_eq!(bench.segments().len(), 0);
}

#[test]
fn nothing_is_appended_behind_a_damaged_payload() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..3, 100);
    damage(&bench.segments()[0], HEADER + frame_bytes(100) + 60);
    assert_eq!(number_of(&read(&mut store).unwrap()), 0);
    store.read_next();
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Unreadable { payloads: 2, events: 5 }));
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Read(None)));
    append_all(&mut store, [3], 100);
    assert_eq!(bench.segments().len(), 2);
    store.rewind();
    assert_eq!(take_all(&mut store), [0, 3]);
}

#[test]
fn a_damaged_position_has_everything_delivered_again() {
    let bench = StoreBench::with_segments(HEADER + 3 * frame_bytes(100));
    let mut store = bench.open();
    append_all(&mut store, 0..6, 100);
    assert_eq!(take(&mut store, 4), [0, 1, 2, 3]);
    until_idle(&mut store);
    store.crash();
    fs::write(bench.directory(0).join("position"), [7; 5000]).unwrap();
    let (mut store, _) = bench.reopen();
    // The first segment is removed.
    assert_eq!(take(&mut store, 1), [3]);
    until_idle(&mut store);
    store.crash();
    assert!(bench.report().contains("payloads that were delivered may be delivered again"), "{:?}", bench.reports());
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [4, 5]);
}

#[test]
fn a_torn_position_has_one_payload_delivered_again() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    append_all(&mut store, 0..6, 100);
    assert_eq!(take(&mut store, 4), [0, 1, 2, 3]);
    until_idle(&mut store);
    store.crash();
    let position = bench.directory(0).join("position");
    let newest = {
        let content = fs::read(&position).unwrap();
        let sequence = |at: usize| u64::from_le_bytes(content[at + 8..at + 16].try_into().unwrap());
        if sequence(0) > sequence(4096) { 0 } else { 4096 }
    };
    damage(&position, newest + 20);
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [3, 4, 5]);
}

#[test]
fn other_files_are_left_alone() {
    let bench = three_segments();
    let directory = bench.directory(0);
    let others = ["notes.txt", "1.spill", "0000000000000000000x.spill", "99999999999999999999.spill", ".hidden"];
    others.iter().for_each(|name| fs::write(directory.join(name), "text").unwrap());
    let not_ours =
        [("00000000000000000007.spill", "some text of another program"), ("00000000000000000008.spill", "x")];
    not_ours.iter().for_each(|(name, text)| fs::write(directory.join(name), text).unwrap());
    std::os::unix::fs::symlink("notes.txt", directory.join("00000000000000000009.spill")).unwrap();
    let (mut store, payloads) = bench.reopen();
    assert_eq!(payloads, 9);
    append_all(&mut store, [9], 10);
    assert!(directory.join("00000000000000000010.spill").exists());
    assert_eq!(take_all(&mut store), (0..10).collect::<Vec<_>>());
    until_idle(&mut store);
    others.iter().for_each(|name| assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), "text"));
    close(store);
    close(bench.open());
    // The position is behind their numbers now.
    not_ours.iter().for_each(|(name, text)| assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), *text));
    assert!(directory.join("00000000000000000009.spill").is_symlink());
    let reports = bench.reports();
    assert_eq!(reports.len(), 6, "three at each start: {reports:?}");
    for (number, report) in (7..10).cycle().zip(&reports) {
        assert!(report.contains(&format!("{number}.spill has the name of a stored segment, and is none")), "{report}");
    }
}

#[test]
fn a_segment_of_another_version_is_left_alone() {
    let bench = StoreBench::new();
    close(bench.open());
    let mut content = b"fapspill\x02\0\0\0".to_vec();
    content.extend(crc32fast::hash(&content).to_le_bytes());
    content.extend(b"frames of the future");
    fs::write(path_of(&bench, 4), &content).unwrap();
    close(bench.open());
    assert!(bench.report().contains("was written by another version of the library"), "{:?}", bench.reports());
    assert_eq!(fs::read(path_of(&bench, 4)).unwrap(), content);
}

#[test]
fn a_segment_with_a_part_of_a_header_is_removed() {
    for length in 0..HEADER {
        let bench = three_segments();
        let header = fs::read(path_of(&bench, 1)).unwrap()[..length as usize].to_vec();
        fs::write(path_of(&bench, 4), header).unwrap();
        let (store, payloads) = bench.reopen();
        assert_eq!((payloads, bench.segments().len(), bench.reports().len()), (9, 3, 0), "{length} bytes");
        close(store);
    }
}

/// Bytes that resemble a segment: its parts in any order, and others.
fn segment_bytes() -> impl Strategy<Value = Vec<u8>> {
    let frame = crate::delivery::store::frame::encode(&of_bytes(1, 20)).unwrap();
    let long_length = [u32::MAX.to_le_bytes().to_vec(), vec![0; 49]].concat();
    let many_ends = {
        let mut frame = frame.clone();
        frame[49..53].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&frame[..4]);
        checksum.update(&frame[8..]);
        frame[4..8].copy_from_slice(&checksum.finalize().to_le_bytes());
        frame
    };
    let part = prop_oneof![
        3 => Just(frame),
        1 => Just(long_length),
        1 => Just(many_ends),
        2 => prop::collection::vec(any::<u8>(), 0..100),
        1 => Just(vec![0; 64]),
    ];
    let header = prop_oneof![4 => Just(header()), 1 => prop::collection::vec(any::<u8>(), 0..20)];
    (header, prop::collection::vec(part, 0..6)).prop_map(|(header, parts)| [vec![header], parts].concat().concat())
}

fn header() -> Vec<u8> {
    let mut header = b"fapspill\x01\0\0\0".to_vec();
    header.extend(crc32fast::hash(&header).to_le_bytes());
    header
}

fn position_bytes() -> impl Strategy<Value = Vec<u8>> {
    let slot =
        (any::<u64>(), 0..4_u64, prop_oneof![Just(u64::MAX), 0..200_u64]).prop_map(|(sequence, segment, offset)| {
            let mut slot = b"fapposi1".to_vec();
            [sequence, segment, offset].iter().for_each(|number| slot.extend(number.to_le_bytes()));
            slot.extend(crc32fast::hash(&slot).to_le_bytes());
            slot
        });
    prop_oneof![slot, prop::collection::vec(any::<u8>(), 0..5000)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_recovered_without_a_panic(
        segments in prop::collection::vec(segment_bytes(), 1..4),
        position in position_bytes(),
    ) {
        let bench = StoreBench::new();
        close(bench.open());
        for (number, bytes) in (1..).zip(&segments) {
            fs::write(path_of(&bench, number), bytes).unwrap();
        }
        fs::write(bench.directory(0).join("position"), position).unwrap();
        let (mut store, payloads) = bench.reopen();
        append_all(&mut store, [5], 10);
        let mut found = 0;
        loop {
            store.read_next();
            match answer(&mut store) {
                DeliveryStoreAnswer::Read(Some(_)) => found += 1,
                DeliveryStoreAnswer::Read(None) => break,
                DeliveryStoreAnswer::Unreadable { payloads, .. } => found += payloads,
                other => panic!("{other:?}"),
            }
            store.acknowledge();
        }
        prop_assert_eq!(found, payloads + 1);
        prop_assert!(bench.reports().iter().all(|report| !report.contains("panicked")), "{:?}", bench.reports());
    }
}
