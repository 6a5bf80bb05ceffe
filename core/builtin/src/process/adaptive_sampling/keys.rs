//! The keys of adaptive sampling: a rate for each, and a bound on their number.

use std::collections::HashMap;

use crate::process::adaptive_sampling::{
    key_label::KeyLabel,
    key_rate::{KeyBudget, KeyRate},
};

/// The place that the keys beyond the limit share.
const OTHERS: usize = 0;

/// Events that have one rate, and their number since the last report.
#[derive(Debug, Clone)]
pub(super) struct SampledKey {
    digest: u128,
    pub(super) rate: KeyRate,
    pub(super) events: u64,
    pub(super) dropped: u64,
    /// Made with the first event that is taken out.
    pub(super) label: Option<KeyLabel>,
}

/// All keys, by their digests.
#[derive(Debug, Clone, Default)]
pub(super) struct SampledKeys {
    places: HashMap<u128, usize>,
    /// [`OTHERS`], and the keys in the order in which they came.
    keys: Vec<SampledKey>,
}

impl SampledKey {
    fn new(digest: u128, budget: KeyBudget) -> Self {
        Self { digest, rate: KeyRate::new(budget), events: 0, dropped: 0, label: None }
    }
}

impl SampledKeys {
    /// The key of this digest, and whether it is the one that keys beyond `keys_max` share. `None` never, but for a broken invariant.
    pub(super) fn key(&mut self, digest: u128, keys_max: usize, budget: KeyBudget) -> Option<(&mut SampledKey, bool)> {
        if self.keys.is_empty() {
            self.keys.push(SampledKey::new(0, budget));
        }
        let place = match self.places.get(&digest) {
            Some(place) => *place,
            None if self.places.len() >= keys_max => OTHERS,
            None => self.add(digest, budget),
        };
        self.keys.get_mut(place).map(|key| (key, place == OTHERS))
    }

    #[cold]
    fn add(&mut self, digest: u128, budget: KeyBudget) -> usize {
        let place = self.keys.len();
        self.keys.push(SampledKey::new(digest, budget));
        self.places.insert(digest, place);
        place
    }

    /// Ends an interval for all keys. Keys without an event in it make room, if they are as new and have nothing to report.
    #[cold]
    pub(super) fn end_interval(&mut self, budget: KeyBudget, intervals: u64) {
        let mut place = 0;
        self.keys.retain_mut(|key| {
            let was_idle = key.rate.is_idle();
            key.rate.end_interval(budget, intervals);
            let is_as_new = was_idle && key.rate.is_whole() && key.dropped == 0;
            let stays = place == OTHERS || !is_as_new;
            place += 1;
            stays
        });
        self.places.clear();
        self.places.extend(self.keys.iter().enumerate().skip(OTHERS + 1).map(|(place, key)| (key.digest, place)));
    }

    /// The keys with events that were taken out and not reported.
    pub(super) fn unreported(&mut self) -> impl Iterator<Item = &mut SampledKey> {
        self.keys.iter_mut().filter(|key| key.dropped > 0)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}
