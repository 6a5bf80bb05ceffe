//! The bytes on disk are bounded.

use super::*;

fn bytes_on_disk(bench: &StoreBench) -> u64 {
    bench.segments().iter().map(|path| length(path)).sum()
}

#[test]
fn a_payload_beyond_the_limit_is_refused_until_there_is_room() {
    let bench = StoreBench { bytes_max: 3000, ..StoreBench::with_segments(1000) };
    let mut store = bench.open();
    let mut stored = Vec::new();
    let error = (0..100).find_map(|number| {
        store.append(of_bytes(number, 200));
        match answer(&mut store) {
            DeliveryStoreAnswer::Refused { error, .. } => Some(error),
            _ => {
                stored.push(number);
                None
            }
        }
    });
    assert!(matches!(error, Some(StoreError::Full { bytes_max: 3000, .. })), "{error:?}");
    assert_eq!(stored, (0..11).collect::<Vec<_>>());
    assert!((2700..=3000).contains(&bytes_on_disk(&bench)));
    // Room is freed segment by segment.
    assert_eq!(take(&mut store, 2), [0, 1]);
    assert!(matches!(refusal(&mut store, of_bytes(90, 200)), StoreError::Full { .. }));
    assert_eq!(take(&mut store, 1), [2]);
    append_all(&mut store, 11..14, 200);
    assert_eq!(take_all(&mut store), (3..14).collect::<Vec<_>>());
    assert_eq!(bench.reports(), [""; 0], "the caller counts refused payloads");
}

#[test]
fn the_limit_counts_what_an_earlier_process_has_left() {
    let bench = StoreBench { bytes_max: 3000, ..StoreBench::with_segments(1000) };
    let mut store = bench.open();
    append_all(&mut store, 0..9, 200);
    store.crash();
    let (mut store, payloads) = bench.reopen();
    assert_eq!(payloads, 9);
    append_all(&mut store, [9, 10], 200);
    assert!(matches!(refusal(&mut store, of_bytes(11, 200)), StoreError::Full { .. }));
    assert!(bytes_on_disk(&bench) <= 3000);
}

#[test]
fn a_payload_that_never_has_room_is_refused_and_leaves_no_file() {
    let bench = StoreBench { bytes_max: 3000, ..StoreBench::with_segments(1000) };
    let mut store = bench.open();
    assert!(matches!(refusal(&mut store, of_bytes(1, 3000)), StoreError::Full { .. }));
    assert_eq!(bench.segments().len(), 0);
}

#[test]
fn acknowledged_segments_are_removed_one_by_one() {
    let bench = StoreBench::with_segments(1000);
    let mut store = bench.open();
    append_all(&mut store, 0..12, 200);
    assert_eq!(bench.segments().len(), 4);
    let left: Vec<usize> = (0..12)
        .map(|_| {
            take(&mut store, 1);
            until_idle(&mut store);
            bench.segments().len()
        })
        .collect();
    assert_eq!(left, [4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0]);
}

#[test]
fn a_payload_of_exactly_the_room_that_is_left_is_stored() {
    let bytes_max = HEADER + 2 * frame_bytes(200);
    let bench = StoreBench { bytes_max, ..StoreBench::with_segments(1 << 20) };
    let mut store = bench.open();
    append_all(&mut store, [1, 2], 200);
    assert_eq!(bytes_on_disk(&bench), bytes_max);
    assert!(matches!(refusal(&mut store, of_bytes(3, 0)), StoreError::Full { .. }));
}
