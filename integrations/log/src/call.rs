//! What a call of `log` does on its thread: calls within calls, and the memory for fields.

use std::cell::{Cell, RefCell};

use fapilog::adapter::Fields;

/// The most calls of a thread within each other. A `Display` of an argument may log; one whose record shows the same argument would
/// do so without end.
const DEPTH_MAX: u32 = 4;
/// Memory that a thread keeps from call to call.
const KEPT_MAX_BYTES: usize = 64 * 1024;

thread_local! {
    /// The calls of this thread that have begun and not ended.
    static OPEN_CALLS: Cell<u32> = const { Cell::new(0) };
    /// `None` while a call uses them.
    static FIELDS: RefCell<Option<Fields>> = const { RefCell::new(Some(Fields::new())) };
}

/// A call that has begun.
pub(crate) struct OpenCall(());

impl OpenCall {
    /// `None` within so many others that it looks endless.
    pub(crate) fn begin() -> Option<Self> {
        let depth = OPEN_CALLS.get();
        (depth < DEPTH_MAX).then(|| OPEN_CALLS.set(depth + 1))?;
        Some(Self(()))
    }

    /// Runs `work` with empty fields: the thread's, or new ones within another call.
    pub(crate) fn with_fields(&self, work: impl FnOnce(&mut Fields)) {
        let kept = FIELDS.try_with(|fields| fields.try_borrow_mut().ok()?.take()).ok().flatten();
        let mut fields = kept.unwrap_or_default();
        fields.clear();
        work(&mut fields);
        if fields.capacity_bytes() <= KEPT_MAX_BYTES {
            let former = FIELDS.try_with(|kept| kept.try_borrow_mut().ok()?.replace(fields));
            drop(former);
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        OPEN_CALLS.set(OPEN_CALLS.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_within_calls_have_a_limit() {
        let calls: Vec<_> = (0..DEPTH_MAX).map(|_| OpenCall::begin().unwrap()).collect();
        assert!(OpenCall::begin().is_none());
        drop(calls);
        assert!(OpenCall::begin().is_some());
    }

    #[test]
    fn a_call_within_another_has_fields_of_its_own() {
        let call = OpenCall::begin().unwrap();
        call.with_fields(|outer| {
            outer.put(fapilog::event::FieldGroup::Context, "outer", 1_u64.into());
            call.with_fields(|inner| assert!(inner.is_empty()));
            assert_eq!(outer.len(), 1);
        });
    }

    #[test]
    fn a_large_event_does_not_keep_its_memory() {
        let call = OpenCall::begin().unwrap();
        let text = "x".repeat(KEPT_MAX_BYTES);
        call.with_fields(|fields| fields.put(fapilog::event::FieldGroup::Context, "long", text.as_str().into()));
        call.with_fields(|fields| assert!(fields.capacity_bytes() < KEPT_MAX_BYTES));
    }
}
