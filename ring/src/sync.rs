//! The atomics, cells and locks that the protocols of this workspace are written in: `std`'s, or loom's when a model
//! runs (`cfg(fapilog_loom)`; a private cfg, because a plain `--cfg loom` would reach every dependency).
//!
//! Not a public interface: it is exported for `fapilog-engine` and for the models alone.

#[cfg(not(fapilog_loom))]
pub use std::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
};

#[cfg(fapilog_loom)]
pub use loom::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
    },
};

/// Locks, and continues with the data when a thread has panicked while it held the lock.
///
/// Every critical section of this workspace leaves its data whole at every step, so a poisoned lock has no meaning for
/// them; a panic that is passed on would take a host down because of its log.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Bytes for each cell of an [`AccessTracker`]. Frames are aligned to it, so no two frames share a cell.
#[cfg(fapilog_loom)]
pub(crate) const TRACKED_BYTES: usize = crate::frame::FRAME_ALIGN_BYTES;

/// Reports accesses to raw memory to loom, which cannot see them by itself: a cell for each `TRACKED_BYTES` of storage.
/// It is empty outside a model.
#[derive(Debug)]
pub(crate) struct AccessTracker {
    #[cfg(fapilog_loom)]
    cells: Box<[loom::cell::UnsafeCell<()>]>,
}

// SAFETY: the cells hold nothing. Two threads that meet in one are what loom is to report, not what the compiler is to
// forbid.
#[cfg(fapilog_loom)]
unsafe impl Sync for AccessTracker {}

#[cfg(not(fapilog_loom))]
impl AccessTracker {
    pub(crate) fn new(_bytes: usize) -> Self {
        Self {}
    }

    #[inline(always)]
    pub(crate) fn read(&self, _offset: usize, _bytes: usize) {}

    #[inline(always)]
    pub(crate) fn write(&self, _offset: usize, _bytes: usize) {}
}

#[cfg(fapilog_loom)]
impl AccessTracker {
    pub(crate) fn new(bytes: usize) -> Self {
        let cells = bytes.div_ceil(TRACKED_BYTES);
        Self { cells: (0..cells).map(|_| loom::cell::UnsafeCell::new(())).collect() }
    }

    fn covering(&self, offset: usize, bytes: usize) -> &[loom::cell::UnsafeCell<()>] {
        let first = offset / TRACKED_BYTES;
        let end = (offset + bytes).div_ceil(TRACKED_BYTES);
        self.cells.get(first..end).unwrap_or(&[])
    }

    pub(crate) fn read(&self, offset: usize, bytes: usize) {
        for cell in self.covering(offset, bytes) {
            cell.with(|_| ());
        }
    }

    pub(crate) fn write(&self, offset: usize, bytes: usize) {
        for cell in self.covering(offset, bytes) {
            cell.with_mut(|_| ());
        }
    }
}
