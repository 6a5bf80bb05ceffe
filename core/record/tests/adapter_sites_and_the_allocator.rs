//! The sites of adapters, in a program whose allocator logs: its first call of a call site waits for the registry's lock, which no
//! thread may hold while it allocates or frees.
//!
//! A program of its own, because an allocator is a whole program's.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this program is test code")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::mpsc,
    thread,
    time::Duration,
};

use fapilog_record::{
    call_site::{AdapterSite, hold_registry},
    field_group::FieldGroup,
    fields::Fields,
    level::Level,
    value::ValueRef,
};

thread_local! {
    /// A call that comes in the midst of another: it runs at the next allocation.
    static AT_ALLOCATION: Cell<Option<fn()>> = const { Cell::new(None) };
    /// Whether each release of memory waits for the registry, as the first log call of a call site does.
    static LOGS_RELEASES: Cell<bool> = const { Cell::new(false) };
}

struct Logging;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Logging {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(call) = AT_ALLOCATION.take() {
            call();
            LOGS_RELEASES.set(true);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if LOGS_RELEASES.get() {
            drop(hold_registry());
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Logging = Logging;

/// Runs `call`, with the same call once more in the midst of it, and fails if it does not end. `prepare` runs before.
fn inside_itself(prepare: fn(), call: fn()) {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        prepare();
        AT_ALLOCATION.set(Some(call));
        call();
        LOGS_RELEASES.set(false);
        let _ = done.send(());
    });
    is_done.recv_timeout(Duration::from_secs(20)).expect("a thread waits for itself");
}

#[test]
fn a_place_that_another_call_has_added_meanwhile_frees_nothing_under_the_lock() {
    inside_itself(|| {}, || assert!(AdapterSite::at_place(Level::Info, "target", "file.rs", 1).is_some()));
}

thread_local! {
    static SITE: &'static AdapterSite = AdapterSite::leak(Level::Info, "target", "file.rs", 2);
    static FIELDS: Fields = {
        let mut fields = Fields::new();
        fields.put(FieldGroup::Context, "number", ValueRef::U64(1));
        fields
    };
}

fn find_descriptor() {
    FIELDS.with(|fields| assert!(SITE.with(|site| site.descriptor_id(fields)).is_some()));
}

#[test]
fn a_list_of_fields_that_another_call_has_added_meanwhile_frees_nothing_under_the_lock() {
    inside_itself(|| SITE.with(|_| FIELDS.with(|_| {})), find_descriptor);
}
