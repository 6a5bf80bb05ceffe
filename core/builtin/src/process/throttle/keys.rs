//! Buckets by the value of a field.

use std::{collections::HashMap, time::Instant};

use fapilog_plugin::event::{Batch, Event};
use fapilog_record::{
    text::{cut::front_of_words, plain::put_plain},
    timestamp::Timestamp,
    value::{OwnedValue, ValueRef},
};

use crate::process::{
    FieldPath,
    digest::DigestKey,
    throttle::bucket::{Rate, TokenBucket},
};

/// The bucket of events that do not have the field.
const WITHOUT: usize = 0;
/// The bucket of values beyond the limit.
const OTHERS: usize = 1;

/// Knows which bucket belongs to which value of a field.
#[derive(Debug, Clone)]
pub(super) struct FieldKeys {
    pub(super) field: FieldPath,
    keys_max: usize,
    digest: DigestKey,
    /// By the value's digest.
    places: HashMap<u128, usize>,
    free: Vec<usize>,
    /// Places given out so far, [`WITHOUT`] and [`OTHERS`] included.
    places_made: usize,
    /// When buckets that are as new were last looked for: looking costs a walk over all of them.
    swept: Option<Instant>,
}

/// The shortest time from one walk over all buckets to the next.
const SWEEP_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);

impl FieldKeys {
    pub(super) fn new(field: FieldPath, keys_max: usize) -> Self {
        Self {
            field,
            keys_max,
            digest: DigestKey::random(),
            places: HashMap::new(),
            free: Vec::new(),
            places_made: OTHERS + 1,
            swept: None,
        }
    }

    pub(super) fn set_keys_max(&mut self, keys_max: usize) {
        self.keys_max = keys_max;
    }

    /// The place of the bucket that an event belongs to. A place that is given out anew has a bucket that is as new.
    pub(super) fn place(&mut self, event: &Event<'_>) -> usize {
        let Some(value) = self.field.of(event).filter(|value| *value != ValueRef::None) else { return WITHOUT };
        let mut digest = self.digest.digest();
        digest.value(value);
        let key = digest.finish();
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        if self.places.len() >= self.keys_max {
            return OTHERS;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.places_made += 1;
            self.places_made - 1
        });
        self.places.insert(key, place);
        place
    }

    /// At the key limit, evicts keys whose bucket is full. The eviction drops no state: a new bucket starts full.
    pub(super) fn make_room(&mut self, batch: &Batch<'_>, buckets: &[TokenBucket], rate: Rate) {
        let now = batch.instant();
        let is_time = self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP_INTERVAL);
        if self.places.len() >= self.keys_max && is_time {
            self.swept = Some(now);
            self.sweep(buckets, batch.now(), rate);
        }
    }

    fn sweep(&mut self, buckets: &[TokenBucket], now: Timestamp, rate: Rate) {
        let free = &mut self.free;
        self.places.retain(|_, place| {
            let is_as_new = buckets.get(*place).is_none_or(|bucket| bucket.is_as_new(now, rate));
            if is_as_new {
                free.push(*place);
            }
            !is_as_new
        });
    }

    /// That by which summaries name an event's bucket.
    pub(super) fn label(&self, place: usize, event: &Event<'_>) -> BucketLabel {
        match place {
            WITHOUT => BucketLabel::shared("(none)"),
            OTHERS => BucketLabel::shared("(others)"),
            _ => BucketLabel::of_value(self.field.of(event).unwrap_or(ValueRef::None)),
        }
    }
}

/// The longest text of a value in a summary, in bytes.
const LABEL_MAX_BYTES: usize = 256;

/// That by which summaries name a bucket.
#[derive(Debug, Clone)]
pub(super) struct BucketLabel {
    /// In the message.
    pub(super) text: String,
    /// Under the name of the key field, so that redactors know the name of what they see.
    pub(super) value: Option<OwnedValue>,
}

impl BucketLabel {
    /// For a bucket of several values.
    fn shared(text: &str) -> Self {
        Self { text: text.to_owned(), value: None }
    }

    fn of_value(value: ValueRef<'_>) -> Self {
        let mut text = Vec::new();
        put_plain(&mut text, value);
        let text = String::from_utf8_lossy(&text);
        let front = front_of_words(&text, LABEL_MAX_BYTES);
        let value = match value {
            ValueRef::Text(_) | ValueRef::Bytes(_) => OwnedValue::of(front),
            // A part of a map would have no names.
            _ if front.len() < text.len() => return Self::shared("(a long value)"),
            value => OwnedValue::with(|out| out.value(value)),
        };
        Self { text: front.to_owned(), value: Some(value) }
    }
}
