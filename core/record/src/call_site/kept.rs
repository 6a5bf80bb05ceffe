//! Memory of adapters that is never freed: reachable from a static, so that no checker of leaks takes it for lost.

use std::{
    ptr::{self, null_mut},
    sync::atomic::{AtomicPtr, Ordering},
};

use crate::call_site::adapter_site::{AdapterSite, FieldsVariant};

/// The one that was kept last.
static KEPT: AtomicPtr<KeptEntry> = AtomicPtr::new(null_mut());

/// Something that is never freed, and the entry before it. Nothing reads either.
struct KeptEntry {
    _item: KeptItem,
    _older: *mut KeptEntry,
}

#[expect(dead_code, reason = "kept, and never read")]
pub(super) enum KeptItem {
    Site(&'static AdapterSite),
    /// A list that another thread has described at the same time.
    Superseded(Box<FieldsVariant>),
}

/// Keeps it for the life of the process.
pub(super) fn keep(item: KeptItem) {
    let entry = Box::leak(Box::new(KeptEntry { _item: item, _older: null_mut() }));
    // Relaxed, all: nothing follows these pointers.
    let mut newest = KEPT.load(Ordering::Relaxed);
    loop {
        entry._older = newest;
        let place = ptr::from_mut(entry);
        // Relaxed: as above.
        match KEPT.compare_exchange(newest, place, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => newest = other,
        }
    }
}
