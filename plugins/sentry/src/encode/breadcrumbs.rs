//! Breadcrumbs: the events before an error event, of the same correlation id or thread.

use fapilog_format::json::{put_string, put_value};
use fapilog_plugin::{
    event::Event,
    text::bounded::{front, front_bytes},
    value::ValueRef,
};

use crate::encode::{level_name, put_seconds};

/// How many correlation ids and threads have breadcrumbs at a time. A later one takes the place of another.
const TRAILS: usize = 64;

/// The longest message and category of a breadcrumb.
const TEXT_BYTES_MAX: usize = 256;

/// Breadcrumbs of correlation ids and threads, in memory that is bounded: 64 times the setting, of 4 KB at most each.
pub(super) struct Breadcrumbs {
    kept: usize,
    trails: Vec<Trail>,
}

/// The breadcrumbs of a correlation id or a thread.
#[derive(Default)]
struct Trail {
    key: u64,
    /// The oldest is at `next`, when all have been written once. Buffers are used again.
    crumbs: Vec<Vec<u8>>,
    next: usize,
    count: usize,
}

impl Breadcrumbs {
    pub(super) fn new(kept: usize) -> Self {
        let trails = if kept == 0 { 0 } else { TRAILS };
        Self { kept, trails: (0..trails).map(|_| Trail::default()).collect() }
    }

    /// Keeps an event.
    pub(super) fn add(&mut self, event: &Event<'_>) {
        let kept = self.kept;
        let Some(trail) = self.trail(event) else { return };
        if trail.crumbs.len() < kept {
            trail.crumbs.resize_with(kept, Vec::new);
        }
        if let Some(crumb) = trail.crumbs.get_mut(trail.next) {
            crumb.clear();
            put_crumb(event, crumb);
            trail.next = (trail.next + 1) % kept.max(1);
            trail.count = (trail.count + 1).min(kept);
        }
    }

    /// Puts the member with the events that were kept, the oldest first.
    pub(super) fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let kept = self.kept;
        let Some(trail) = self.trail(event).filter(|trail| trail.count > 0) else { return };
        out.extend_from_slice(b",\"breadcrumbs\":{\"values\":[");
        for index in 0..trail.count {
            let place = (trail.next + kept - trail.count + index) % kept.max(1);
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(trail.crumbs.get(place).map_or(b"{}", |crumb| crumb));
        }
        out.extend_from_slice(b"]}");
    }

    /// The trail of an event. That of another key is emptied.
    fn trail(&mut self, event: &Event<'_>) -> Option<&mut Trail> {
        let key = key_of(event);
        let trails = self.trails.len() as u64;
        let place = usize::try_from(key.checked_rem(trails)?).ok()?;
        let trail = self.trails.get_mut(place)?;
        if trail.key != key {
            (trail.key, trail.next, trail.count) = (key, 0, 0);
        }
        Some(trail)
    }
}

/// The number of a correlation id, by FNV-1a, or that of a thread.
fn key_of(event: &Event<'_>) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    match event.correlation_id() {
        Some(id) => id.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)),
        None => u64::from(event.id().producer),
    }
}

fn put_crumb(event: &Event<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"timestamp\":");
    put_seconds(event.timestamp().unix_nanos(), out);
    out.extend_from_slice(b",\"level\":\"");
    out.extend_from_slice(level_name(event.level()).as_bytes());
    out.extend_from_slice(b"\",\"category\":");
    put_string(out, front(event.target(), TEXT_BYTES_MAX));
    out.extend_from_slice(b",\"message\":");
    put_value(out, cut(event.message(), TEXT_BYTES_MAX));
    out.push(b'}');
}

/// The front of a text.
pub(super) fn cut(value: ValueRef<'_>, bytes_max: usize) -> ValueRef<'_> {
    match value {
        ValueRef::Text(text) => ValueRef::Text(front(text, bytes_max)),
        ValueRef::Bytes(bytes) => ValueRef::Bytes(front_bytes(bytes, bytes_max)),
        other => other,
    }
}
