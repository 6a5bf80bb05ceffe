//! Any sequence of requests, restarts and crashes, against a model: no payload that is acknowledged comes again, none that is
//! stored is lost, and the order is kept.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum StoreStep {
    Append { bytes: usize },
    Read,
    Acknowledge,
    Rewind,
    Close,
    Crash(TailDamage),
}

/// The change of the last segment, by a crash of the system.
#[derive(Debug, Clone)]
enum TailDamage {
    None,
    /// The file ends at this place.
    Cut(prop::sample::Index),
    /// A bit is changed.
    Bit(prop::sample::Index),
}

fn step() -> impl Strategy<Value = StoreStep> {
    let damage = prop_oneof![
        2 => Just(TailDamage::None),
        1 => any::<prop::sample::Index>().prop_map(TailDamage::Cut),
        1 => any::<prop::sample::Index>().prop_map(TailDamage::Bit),
    ];
    prop_oneof![
        10 => (0..300_usize).prop_map(|bytes| StoreStep::Append { bytes }),
        8 => Just(StoreStep::Read),
        6 => Just(StoreStep::Acknowledge),
        1 => Just(StoreStep::Rewind),
        1 => Just(StoreStep::Close),
        1 => damage.prop_map(StoreStep::Crash),
    ]
}

/// A payload that is stored and not acknowledged.
#[derive(Debug, Clone, Copy)]
struct ModelPayload {
    number: u64,
    frame_bytes: u64,
}

struct StoreModel {
    bench: StoreBench,
    store: Option<DeliveryStore>,
    stored: VecDeque<ModelPayload>,
    /// So many of them are read.
    read: usize,
    next_number: u64,
}

impl StoreModel {
    fn new() -> Self {
        let bench = StoreBench { bytes_max: 2500, ..StoreBench::with_segments(600) };
        let store = Some(bench.open());
        Self { bench, store, stored: VecDeque::new(), read: 0, next_number: 0 }
    }

    fn store(&mut self) -> &mut DeliveryStore {
        self.store.as_mut().unwrap()
    }

    fn take(&mut self, step: &StoreStep) {
        match step {
            StoreStep::Append { bytes } => self.append(*bytes),
            StoreStep::Read => self.read(),
            StoreStep::Acknowledge => {
                self.store().acknowledge();
                if self.read > 0 {
                    self.read -= 1;
                    self.stored.pop_front();
                }
            }
            StoreStep::Rewind => {
                self.store().rewind();
                self.read = 0;
            }
            StoreStep::Close => {
                close(self.store.take().unwrap());
                self.reopen();
            }
            StoreStep::Crash(damage) => {
                until_idle(self.store());
                self.store.take().unwrap().crash();
                self.damage(damage);
                self.reopen();
            }
        }
    }

    fn append(&mut self, bytes: usize) {
        let number = self.next_number;
        self.next_number += 1;
        self.store().append(of_bytes(number, bytes));
        match answer(self.store()) {
            DeliveryStoreAnswer::Appended => {
                let payload = ModelPayload { number, frame_bytes: frame_bytes(bytes as u64) };
                self.stored.push_back(payload);
            }
            DeliveryStoreAnswer::Refused { error: StoreError::Full { .. }, .. } => {
                let on_disk: u64 = self.bench.segments().iter().map(|path| length(path)).sum();
                assert!(on_disk + HEADER + frame_bytes(bytes as u64) > self.bench.bytes_max, "{on_disk} bytes on disk");
            }
            other => panic!("{other:?}"),
        }
        let on_disk: u64 = self.bench.segments().iter().map(|path| length(path)).sum();
        assert!(on_disk <= self.bench.bytes_max, "{on_disk} bytes on disk");
    }

    fn read(&mut self) {
        let expected = self.stored.get(self.read).map(|payload| payload.number);
        let found = read(self.store()).as_ref().map(number_of);
        assert_eq!(found, expected);
        self.read += usize::from(expected.is_some());
    }

    fn reopen(&mut self) {
        let (store, payloads) = self.bench.reopen();
        assert_eq!(payloads, self.stored.len() as u64);
        self.store = Some(store);
        self.read = 0;
    }

    /// Damages the last segment. The payloads from that place on are gone.
    fn damage(&mut self, damage: &TailDamage) {
        let Some(path) = self.bench.segments().pop() else { return };
        let end = length(&path);
        let first = self.ends_of(end).first().map(|(start, _)| *start);
        match damage {
            TailDamage::None => {}
            TailDamage::Cut(place) => {
                let place = place.index(end as usize + 1) as u64;
                File::options().write(true).open(&path).unwrap().set_len(place).unwrap();
                self.drop_behind(end, place);
            }
            TailDamage::Bit(place) => {
                let place = HEADER + place.index((end - HEADER) as usize) as u64;
                super::damage(&path, place);
                // Bytes that are acknowledged are not looked at.
                if first.is_some_and(|first| place >= first) {
                    self.drop_behind(end, place);
                }
            }
        }
    }

    /// The payloads of the last segment, whose length is `end`: where each begins, and ends.
    fn ends_of(&self, end: u64) -> Vec<(u64, u64)> {
        let mut places = Vec::new();
        let mut payload_end = end;
        for payload in self.stored.iter().rev() {
            let Some(start) = payload_end.checked_sub(payload.frame_bytes).filter(|start| *start >= HEADER) else {
                break;
            };
            places.push((start, payload_end));
            payload_end = start;
        }
        places.reverse();
        places
    }

    /// Payloads that end behind `place` are gone.
    fn drop_behind(&mut self, end: u64, place: u64) {
        let gone = self.ends_of(end).iter().filter(|(_, payload_end)| *payload_end > place).count();
        self.stored.truncate(self.stored.len() - gone);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_keeps_each_payload_until_it_is_acknowledged(steps in prop::collection::vec(step(), 1..80)) {
        let mut model = StoreModel::new();
        steps.iter().for_each(|step| model.take(step));
        model.take(&StoreStep::Crash(TailDamage::None));
        let expected: Vec<u64> = model.stored.iter().map(|payload| payload.number).collect();
        prop_assert_eq!(take_all(model.store()), expected);
    }
}
