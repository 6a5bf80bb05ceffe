//! Payloads of shards that the container no longer has.

use super::*;

/// Stores payloads of these numbers as this shard.
fn left_by(bench: &mut StoreBench, shard: usize, count: usize, numbers: std::ops::Range<u64>) {
    bench.shard = ShardInfo::new(shard, count);
    let mut store = bench.open();
    append_all(&mut store, numbers, 300);
    close(store);
}

fn four_shards() -> StoreBench {
    let mut bench = StoreBench::with_segments(1000);
    for shard in 0..4 {
        left_by(&mut bench, shard, 4, shard as u64 * 10..shard as u64 * 10 + 4);
    }
    bench
}

#[test]
fn the_first_shard_delivers_payloads_of_former_shards_before_its_own() {
    let mut bench = four_shards();
    bench.shard = ShardInfo::new(0, 2);
    let (mut store, payloads) = bench.reopen();
    assert_eq!(payloads, 12);
    append_all(&mut store, [90], 10);
    assert_eq!(take_all(&mut store), [20, 21, 22, 23, 30, 31, 32, 33, 0, 1, 2, 3, 90]);
    until_idle(&mut store);
    assert_eq!(names(bench.root.path()), ["loki-0", "loki-1"]);
    assert_eq!(bench.reports(), [""; 0]);
}

#[test]
fn former_shards_come_in_the_order_of_their_numbers() {
    let mut bench = StoreBench::new();
    for shard in (1..13).rev() {
        left_by(&mut bench, shard, 13, shard as u64..shard as u64 + 1);
    }
    bench.shard = ShardInfo::new(0, 1);
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), (1..13).collect::<Vec<_>>());
}

#[test]
fn another_shard_delivers_its_own_payloads_only() {
    let mut bench = four_shards();
    bench.shard = ShardInfo::new(1, 2);
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [10, 11, 12, 13]);
    assert_eq!(names(bench.root.path()), ["loki-0", "loki-1", "loki-2", "loki-3"]);
}

#[test]
fn adopted_payloads_that_are_acknowledged_do_not_come_again() {
    let mut bench = four_shards();
    bench.shard = ShardInfo::new(0, 2);
    for taken in [[20, 21, 22], [23, 30, 31], [32, 33, 0]] {
        let (mut store, _) = bench.reopen();
        assert_eq!(take(&mut store, 3), taken);
        until_idle(&mut store);
        store.crash();
    }
    assert_eq!(names(bench.root.path()), ["loki-0", "loki-1"]);
}

#[test]
fn a_rewind_reaches_adopted_payloads() {
    let mut bench = four_shards();
    bench.shard = ShardInfo::new(0, 3);
    let (mut store, _) = bench.reopen();
    (0..6).for_each(|_| drop(read(&mut store).unwrap()));
    store.rewind();
    assert_eq!(take_all(&mut store), [30, 31, 32, 33, 0, 1, 2, 3]);
}

#[test]
fn a_directory_that_another_container_uses_is_left_alone() {
    let mut bench = StoreBench::new();
    bench.shard = ShardInfo::new(1, 2);
    let mut other = bench.open();
    append_all(&mut other, [1], 10);
    bench.shard = ShardInfo::new(0, 1);
    let mut store = bench.open();
    assert!(read(&mut store).is_none());
    assert!(bench.report().contains("loki-1 is in use by another sink"), "{:?}", bench.reports());
    assert_eq!(take_all(&mut other), [1]);
}

#[test]
fn directories_without_files_of_a_store_are_left_alone() {
    let bench = StoreBench::new();
    let others = ["loki-7", "loki-x", "loki-eu-1", "tempo-9"].map(|name| bench.root.path().join(name));
    for other in &others {
        fs::create_dir(other).unwrap();
        fs::write(other.join("data"), "text").unwrap();
    }
    close(bench.open());
    others.iter().for_each(|other| assert_eq!(names(other), ["data"]));
}

#[test]
fn other_files_keep_an_adopted_directory() {
    let mut bench = StoreBench::new();
    left_by(&mut bench, 1, 2, 0..2);
    fs::write(bench.directory(1).join("notes.txt"), "text").unwrap();
    bench.shard = ShardInfo::new(0, 1);
    let (mut store, _) = bench.reopen();
    assert_eq!(take_all(&mut store), [0, 1]);
    until_idle(&mut store);
    assert_eq!(names(&bench.directory(1)), ["notes.txt"]);
    assert_eq!(bench.reports(), [""; 0]);
}
