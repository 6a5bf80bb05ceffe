//! Reports of a throttle about the events that it took out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::event::{Batch, Event, EventSubject, FieldRef};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};

use crate::process::{
    FieldPath,
    throttle::{bucket::TokenBucket, keys::BucketLabel},
};

const TARGET: &str = "fapilog::throttle";

/// From the first event that found a bucket empty until none has for a while.
#[derive(Debug, Clone)]
struct Episode {
    /// That of the bucket, which counts.
    place: usize,
    whose: Whose,
    /// How many were taken out when it was looked at last.
    dropped: u64,
    dropped_last: Instant,
    is_reported: bool,
}

/// Whose bucket it is.
#[derive(Debug, Clone)]
pub(super) enum Whose {
    SourceAndLevel(Arc<str>, Level),
    Field(Arc<KeyPath>, BucketLabel),
}

impl Whose {
    pub(super) fn source_and_level(event: &Event<'_>) -> Self {
        Self::SourceAndLevel(event.source().shared_name(), event.level())
    }
}

/// The path of the key field, as such and as text.
#[derive(Debug, Clone)]
pub(super) struct KeyPath {
    pub(super) path: FieldPath,
    pub(super) text: String,
}

impl From<FieldPath> for KeyPath {
    fn from(path: FieldPath) -> Self {
        Self { text: path.to_string(), path }
    }
}

/// All buckets that are empty, or were a short while ago.
#[derive(Debug, Clone)]
pub(super) struct Episodes {
    open: Vec<Episode>,
    pub(super) quiet: Duration,
}

impl Episodes {
    pub(super) fn new(quiet: Duration) -> Self {
        Self { open: Vec::new(), quiet }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A bucket's first event was taken out.
    pub(super) fn begin(&mut self, place: usize, whose: Whose, now: Instant) {
        self.open.push(Episode { place, whose, dropped: 0, dropped_last: now, is_reported: false });
    }

    /// Reports the beginnings and the ends of episodes.
    pub(super) fn report(&mut self, batch: &mut Batch<'_>, buckets: &mut [TokenBucket]) {
        let now = batch.instant();
        let quiet = self.quiet;
        self.open.retain_mut(|episode| {
            let Some(bucket) = buckets.get_mut(episode.place) else { return false };
            if bucket.dropped > episode.dropped {
                episode.dropped = bucket.dropped;
                episode.dropped_last = now;
            }
            episode.report_beginning(batch);
            let is_over = now.saturating_duration_since(episode.dropped_last) >= quiet;
            if is_over {
                episode.report_end(batch);
                bucket.dropped = 0;
            }
            !is_over
        });
    }

    /// Reports the end of all, because no event is to come.
    pub(super) fn report_all(&mut self, batch: &mut Batch<'_>, buckets: &mut [TokenBucket]) {
        self.report(batch, buckets);
        for episode in self.open.drain(..) {
            episode.report_end(batch);
            if let Some(bucket) = buckets.get_mut(episode.place) {
                bucket.dropped = 0;
            }
        }
    }

    /// When the next one may be over.
    pub(super) fn due(&self) -> Option<Instant> {
        self.open.iter().filter_map(|episode| episode.dropped_last.checked_add(self.quiet)).min()
    }
}

impl Episode {
    fn report_beginning(&mut self, batch: &mut Batch<'_>) {
        if !self.is_reported {
            self.is_reported = true;
            let what = format!("throttle began for {}", self.whose.text());
            batch.emit_about(&self.whose.subject(), Level::Warning, TARGET, &what, &self.fields());
        }
    }

    fn report_end(&self, batch: &mut Batch<'_>) {
        let what = format!("throttle ended for {}: {} dropped", self.whose.text(), self.dropped);
        let mut fields = self.fields();
        fields.push(FieldRef { group: FieldGroup::Metrics, name: "dropped", value: ValueRef::U64(self.dropped) });
        batch.emit_about(&self.whose.subject(), Level::Warning, TARGET, &what, &fields);
    }

    fn fields(&self) -> Vec<FieldRef<'_>> {
        let tag = |name, text| FieldRef { group: FieldGroup::Tags, name, value: ValueRef::Text(text) };
        match &self.whose {
            Whose::SourceAndLevel(source, level) => vec![tag("source", source), tag("level", level.name())],
            Whose::Field(key, label) => {
                let KeyPath { path, text } = &**key;
                let named = |value| FieldRef { group: path.group(), name: path.name(), value };
                let value = label.value.as_ref().map(|value| named(value.view()));
                [tag("key", text)].into_iter().chain(value).collect()
            }
        }
    }
}

impl Whose {
    /// The events that a report sums up.
    fn subject(&self) -> EventSubject<'_> {
        match self {
            Self::SourceAndLevel(source, level) => {
                EventSubject { level: Some(*level), source: Some(source), target: None }
            }
            Self::Field(..) => EventSubject::default(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::SourceAndLevel(source, level) => format!("source {source} level {level}"),
            Self::Field(key, label) => format!("{} {}", key.text, label.text),
        }
    }
}
