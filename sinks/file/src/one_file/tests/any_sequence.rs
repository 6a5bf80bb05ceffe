//! Any sequence of payloads of two shards leaves each record once, in its shard's order, in files of the right length.

use proptest::prelude::*;

use super::*;

/// The length of a file, less than the settings allow, so that few records fill it.
const FILE_BYTES: u64 = 300;

/// A step of a shard.
#[derive(Debug, Clone, Copy)]
enum ShardStep {
    /// Delivers a payload of so many records.
    Deliver { shard: usize, records: u64 },
    /// Has the file rotated.
    Rotate { shard: usize },
    /// Lets the disk answer, or not.
    Gate { is_closed: bool },
}

fn step() -> impl Strategy<Value = ShardStep> {
    prop_oneof![
        8 => (0..2_usize, 1..40_u64).prop_map(|(shard, records)| ShardStep::Deliver { shard, records }),
        1 => (0..2_usize).prop_map(|shard| ShardStep::Rotate { shard }),
        1 => any::<bool>().prop_map(|is_closed| ShardStep::Gate { is_closed }),
    ]
}

/// The times in all files, file by file.
fn times_by_file(file: &GatedFile) -> Vec<Vec<u64>> {
    let entries = fs::read_dir(file.path().parent().unwrap()).unwrap();
    let mut rotated: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| *path != file.path()).collect();
    rotated.sort();
    rotated.iter().chain([&file.path()]).map(|path| times_in(path)).collect()
}

/// Takes the steps. Returns the times of each shard.
fn take(file: &GatedFile, steps: &[ShardStep]) -> [Vec<u64>; 2] {
    let mut sinks = file.sinks();
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = Vec::new();
    let mut next = 1_000_000;
    for step in steps {
        match *step {
            ShardStep::Deliver { shard, records } => {
                let own: Vec<u64> = (0..records).map(|number| next + 2 * number + shard as u64).collect();
                next += 2 * records;
                let mut payload = sinks[shard].payload();
                until("a block is free", || {
                    if payload.is_none() {
                        file.gate.set_closed(false);
                        payload = sinks[shard].payload();
                    }
                    payload.is_some()
                });
                let mut payload = payload.unwrap();
                TestBatches::new().batch(&own, |batch| sinks[shard].encode(batch, &mut payload)).unwrap();
                answers.push(sinks[shard].deliver(payload));
                times[shard].extend(own);
            }
            ShardStep::Rotate { shard } => answers.push(sinks[shard].rotate()),
            ShardStep::Gate { is_closed } => file.gate.set_closed(is_closed),
        }
    }
    file.gate.set_closed(false);
    answers.into_iter().for_each(|answer| result(answer).unwrap());
    times
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_record_is_in_one_file_once_and_in_order(steps in proptest::collection::vec(step(), 1..30)) {
        let directory = tempfile::tempdir().unwrap();
        let file = impatient(GatedFile::new(&directory, |file| file.rotate_bytes(FILE_BYTES).blocks_in_flight(2)));
        let times = take(&file, &steps);
        let files = times_by_file(&file);
        let all: Vec<u64> = files.concat();
        for (shard, expected) in times.iter().enumerate() {
            let own: Vec<u64> = all.iter().copied().filter(|time| time % 2 == shard as u64).collect();
            prop_assert_eq!(&own, expected);
        }
        // A record has 8 bytes.
        let longest = files.iter().map(Vec::len).max().unwrap_or(0) as u64;
        prop_assert!(longest * 8 <= FILE_BYTES, "{} records in a file", longest);
    }

    #[test]
    fn each_record_is_in_one_file_once_where_boundaries_of_time_are_long_past(
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let every = RotateEvery::Interval(Duration::from_nanos(25));
        let file = impatient(GatedFile::new(&directory, |file| file.rotate_every(every)));
        let times = take(&file, &steps);
        let all: Vec<u64> = times_by_file(&file).concat();
        for (shard, expected) in times.iter().enumerate() {
            let own: Vec<u64> = all.iter().copied().filter(|time| time % 2 == shard as u64).collect();
            prop_assert_eq!(&own, expected);
        }
    }
}
