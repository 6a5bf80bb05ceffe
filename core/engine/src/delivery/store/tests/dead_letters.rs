//! The file for dead letters.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::*;
use crate::delivery::store::{options::DeadLetterOptions, stored_payload::DeadLetter};

/// A directory with a file for dead letters.
struct LetterBench {
    bench: StoreBench,
    options: DeadLetterOptions,
}

impl LetterBench {
    fn new() -> Self {
        let bench = StoreBench::new();
        let options = DeadLetterOptions::new(bench.root.path().join("letters/dead.jsonl"));
        Self { bench, options }
    }

    fn open(&self, shard: usize) -> DeliveryStore {
        let shard = ShardInfo::new(shard, 2);
        let options = Some(self.options.clone());
        let mut store = DeliveryStore::open(None, options, SINK, shard, self.bench.reporter()).unwrap();
        assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Recovered { payloads: 0, .. }));
        store
    }

    fn lines(&self) -> Vec<Value> {
        lines(&self.options.path)
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let content = fs::read_to_string(path).unwrap();
    assert!(content.ends_with('\n'));
    content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn letter(number: u64, records: &[u8]) -> DeadLetter {
    let StoredPayload { payload, events, .. } = payload(number, records);
    DeadLetter { payload, records: None, events, reason: "HTTP 400".to_owned(), attempts: 3 }
}

fn bury(store: &mut DeliveryStore, letter: DeadLetter) -> Result<(), StoreError> {
    let number = letter.payload.id().sequence;
    store.bury(letter);
    match answer(store) {
        DeliveryStoreAnswer::Buried(result) => result.map_err(|(letter, error)| {
            assert_eq!(letter.payload.id().sequence, number);
            error
        }),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_letter_is_a_line() {
    let bench = LetterBench::new();
    let mut store = bench.open(1);
    store.bury(letter(1, b"text"));
    assert_eq!(store.pending_bytes(), 4);
    assert!(matches!(answer(&mut store), DeliveryStoreAnswer::Buried(Ok(()))));
    assert_eq!(store.pending_bytes(), 0);
    bury(&mut store, letter(2, b"more")).unwrap();
    let lines = bench.lines();
    let of = |line: &Value| (line["payload_id"].clone(), line["records"][0].clone(), line["shard"].clone());
    assert_eq!(of(&lines[0]), (id(1).to_string().into(), "text".into(), 1.into()));
    assert_eq!(of(&lines[1]), (id(2).to_string().into(), "more".into(), 1.into()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = &bench.options.path;
    assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn shards_append_to_the_same_file() {
    let bench = LetterBench::new();
    let mut stores = [bench.open(0), bench.open(1)];
    const LETTERS: u64 = 200;
    for number in 0..LETTERS {
        stores.iter_mut().for_each(|store| store.bury(letter(number, &[b'x'; 3000])));
    }
    for store in &mut stores {
        (0..LETTERS).for_each(|_| assert!(matches!(answer(store), DeliveryStoreAnswer::Buried(Ok(())))));
    }
    let lines = bench.lines();
    for shard in 0..2 {
        let of_shard = lines.iter().filter(|line| line["shard"] == shard);
        let numbers: Vec<u64> = of_shard.map(|line| line["events"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=LETTERS).collect::<Vec<_>>());
    }
}

#[test]
fn a_letter_beyond_the_limit_is_given_back() {
    let mut bench = LetterBench::new();
    bench.options.bytes_max = 4096;
    let mut store = bench.open(0);
    let written = (0..100).take_while(|number| bury(&mut store, letter(*number, &[b'x'; 300])).is_ok()).count();
    assert!((5..15).contains(&written), "{written}");
    let error = bury(&mut store, letter(7, &[b'x'; 300])).unwrap_err();
    assert!(matches!(error, StoreError::Full { bytes_max: 4096, .. }), "{error:?}");
    assert!(length(&bench.options.path) <= 4096);
    assert_eq!(bench.lines().len(), written);
    // Moved away by the operator, the file leaves room.
    fs::rename(&bench.options.path, bench.bench.root.path().join("old.jsonl")).unwrap();
    bury(&mut store, letter(8, b"text")).unwrap();
    assert_eq!(bench.lines().len(), 1);
}

#[test]
fn a_file_that_was_moved_or_removed_is_made_again() {
    let bench = LetterBench::new();
    let mut store = bench.open(0);
    bury(&mut store, letter(1, b"one")).unwrap();
    let moved = bench.bench.root.path().join("moved.jsonl");
    fs::rename(&bench.options.path, &moved).unwrap();
    bury(&mut store, letter(2, b"two")).unwrap();
    assert_eq!((lines(&moved).len(), bench.lines().len()), (1, 1));
    fs::remove_dir_all(bench.options.path.parent().unwrap()).unwrap();
    bury(&mut store, letter(3, b"three")).unwrap();
    assert_eq!(bench.lines()[0]["records"][0], "three");
}

#[test]
fn a_torn_line_of_a_crash_does_not_join_the_next_one() {
    let bench = LetterBench::new();
    fs::create_dir(bench.options.path.parent().unwrap()).unwrap();
    fs::write(&bench.options.path, "{\"time\":").unwrap();
    let mut store = bench.open(0);
    bury(&mut store, letter(1, b"one")).unwrap();
    bury(&mut store, letter(2, b"two")).unwrap();
    let content = fs::read_to_string(&bench.options.path).unwrap();
    let front: Vec<&str> = content.lines().map(|line| &line[..8]).collect();
    assert_eq!(front, ["{\"time\":", "{\"time\":", "{\"time\":"]);
    assert!(content.lines().skip(1).all(|line| serde_json::from_str::<Value>(line).is_ok()));
}

#[test]
fn only_a_regular_file_with_one_name_is_written_to() {
    let bench = LetterBench::new();
    let directory = bench.options.path.parent().unwrap();
    fs::create_dir(directory).unwrap();
    let other = directory.join("other");
    fs::write(&other, "text\n").unwrap();
    let mut store = bench.open(0);
    let path = &bench.options.path;
    let make_pipe = || {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    };
    let kinds: [(&str, &dyn Fn()); 4] = [
        ("a symbolic link", &|| std::os::unix::fs::symlink(&other, path).unwrap()),
        ("a file with several names", &|| fs::hard_link(&other, path).unwrap()),
        ("a directory", &|| fs::create_dir(path).unwrap()),
        ("a pipe", &make_pipe),
    ];
    for (kind, make) in kinds {
        make();
        let error = bury(&mut store, letter(1, b"text")).unwrap_err();
        assert!(matches!(error, StoreError::NotAPlainFile { found, .. } if found == kind), "{kind}: {error:?}");
        fs::remove_file(path).or_else(|_| fs::remove_dir(path)).unwrap();
    }
    assert_eq!(fs::read_to_string(&other).unwrap(), "text\n");
    let device = DeadLetterOptions::new("/dev/full");
    let mut store = DeliveryStore::open(None, Some(device), SINK, bench.bench.shard, bench.bench.reporter()).unwrap();
    answer(&mut store);
    let error = bury(&mut store, letter(1, b"text")).unwrap_err();
    assert!(matches!(error, StoreError::NotAPlainFile { found: "a device", .. }), "{error:?}");
}

#[test]
fn a_file_that_another_program_locks_gets_no_letter() {
    let bench = LetterBench::new();
    let mut store = bench.open(0);
    bury(&mut store, letter(1, b"one")).unwrap();
    let file = File::open(&bench.options.path).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(matches!(bury(&mut store, letter(2, b"two")), Err(StoreError::Locked { .. })));
    drop(file);
    bury(&mut store, letter(3, b"three")).unwrap();
    assert_eq!(bench.lines().len(), 2);
}

#[test]
fn a_store_without_a_file_gives_letters_back() {
    let bench = StoreBench::new();
    let mut store = bench.open();
    assert!(matches!(bury(&mut store, letter(1, b"one")), Err(StoreError::NotConfigured { .. })));
}
