//! Calls of another library, on their threads: which of them are logged, and the memory for their fields.

use std::{
    cell::{Cell, RefCell},
    sync::atomic::{AtomicU64, Ordering},
};

use fapilog_plugin::threads::is_drain_thread;
use fapilog_record::fields::Fields;

/// The most calls of a thread within each other. A `Display` of an argument may log; one whose own call shows the same argument would do
/// so without end.
const DEPTH_MAX: u32 = 4;
/// Memory that a thread keeps from call to call.
const KEPT_MAX_BYTES: usize = 64 * 1024;

thread_local! {
    /// The calls of this thread that have begun and not ended.
    static OPEN_CALLS: Cell<u32> = const { Cell::new(0) };
    /// `None` while a call uses them.
    static FIELDS: RefCell<Option<Fields>> = const { RefCell::new(Some(Fields::new())) };
}

/// The calls of an adapter. Calls that would lead to others without end are suppressed, and counted.
///
/// ```
/// use fapilog::adapter::AdapterCalls;
///
/// static CALLS: AdapterCalls = AdapterCalls::new();
///
/// if let Some(call) = CALLS.begin() {
///     call.with_fields(|fields| {
///         // ... put the fields, and log them ...
/// #       assert!(fields.is_empty());
///     });
/// }
/// # assert_eq!(CALLS.suppressed().total(), 0);
/// ```
#[derive(Debug, Default)]
pub struct AdapterCalls {
    on_drain_threads: AtomicU64,
    nested: AtomicU64,
}

/// Numbers of calls that are no events, although their levels are enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SuppressedCalls {
    /// Made on a thread of a drain or a sink: by a library that delivers events. Its event would be delivered in turn.
    pub on_drain_threads: u64,
    /// Made within four other calls of the thread, by the `Display` of an argument.
    pub nested: u64,
}

impl SuppressedCalls {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.on_drain_threads + self.nested
    }
}

impl AdapterCalls {
    /// No calls yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { on_drain_threads: AtomicU64::new(0), nested: AtomicU64::new(0) }
    }

    /// Begins a call whose level is enabled, until the result is dropped. `None`, and counted, if the call is suppressed.
    #[must_use]
    pub fn begin(&self) -> Option<OpenCall> {
        if is_drain_thread() {
            // Relaxed: a figure for reports.
            self.on_drain_threads.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let depth = OPEN_CALLS.get();
        if depth >= DEPTH_MAX {
            // Relaxed: a figure for reports.
            self.nested.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        OPEN_CALLS.set(depth + 1);
        Some(OpenCall { not_send: std::marker::PhantomData })
    }

    /// The calls that were suppressed so far.
    #[must_use]
    pub fn suppressed(&self) -> SuppressedCalls {
        // Relaxed, both: figures for reports.
        SuppressedCalls {
            on_drain_threads: self.on_drain_threads.load(Ordering::Relaxed),
            nested: self.nested.load(Ordering::Relaxed),
        }
    }
}

/// A call that has begun: see [`AdapterCalls::begin`].
#[derive(Debug)]
pub struct OpenCall {
    not_send: std::marker::PhantomData<*const ()>,
}

impl OpenCall {
    /// Runs `work` with empty fields: the thread's, whose memory is kept from call to call, or new ones within another call.
    pub fn with_fields<R>(&self, work: impl FnOnce(&mut Fields) -> R) -> R {
        let kept = FIELDS.try_with(|fields| fields.try_borrow_mut().ok()?.take()).ok().flatten();
        let mut fields = kept.unwrap_or_default();
        fields.clear();
        let result = work(&mut fields);
        if fields.capacity_bytes() <= KEPT_MAX_BYTES {
            let former = FIELDS.try_with(|kept| kept.try_borrow_mut().ok()?.replace(fields));
            // Outside of the borrow: the program's allocator may log.
            drop(former);
        }
        result
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        OPEN_CALLS.set(OPEN_CALLS.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use fapilog_record::field_group::FieldGroup;

    use super::*;

    #[test]
    fn calls_within_calls_have_a_limit_and_those_beyond_it_are_counted() {
        let calls = AdapterCalls::new();
        let open: Vec<_> = (0..DEPTH_MAX).map(|_| calls.begin().unwrap()).collect();
        assert!(calls.begin().is_none());
        drop(open);
        assert!(calls.begin().is_some());
        assert_eq!(calls.suppressed(), SuppressedCalls { nested: 1, on_drain_threads: 0 });
    }

    #[test]
    fn a_call_on_a_thread_that_works_for_a_sink_is_counted_and_not_begun() {
        let calls = AdapterCalls::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                fapilog_plugin::threads::work_for_a_sink();
                assert!(calls.begin().is_none());
            });
        });
        assert_eq!(calls.suppressed(), SuppressedCalls { nested: 0, on_drain_threads: 1 });
    }

    #[test]
    fn a_call_within_another_has_fields_of_its_own() {
        let calls = AdapterCalls::new();
        let call = calls.begin().unwrap();
        call.with_fields(|outer| {
            outer.put(FieldGroup::Context, "outer", 1_u64.into());
            call.with_fields(|inner| assert!(inner.is_empty()));
            assert_eq!(outer.len(), 1);
        });
    }

    #[test]
    fn a_large_event_does_not_keep_its_memory() {
        let calls = AdapterCalls::new();
        let call = calls.begin().unwrap();
        let text = "x".repeat(KEPT_MAX_BYTES);
        call.with_fields(|fields| fields.put(FieldGroup::Context, "long", text.as_str().into()));
        call.with_fields(|fields| assert!(fields.capacity_bytes() < KEPT_MAX_BYTES));
    }
}
