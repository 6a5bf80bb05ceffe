//! Whether this thread is a drain's: one that must not wait for a drain, since it would wait for itself.

use std::{cell::Cell, marker::PhantomData};

thread_local! {
    /// Plain and without a destructor, so that it can be asked for as long as the thread lives.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether this thread runs a drain just now. In a model it never is: loom's threads are one thread of the system.
pub fn is_marked() -> bool {
    !cfg!(fapilog_loom) && DEPTH.get() > 0
}

/// Marks this thread as a drain's, until it is dropped.
#[derive(Debug)]
pub struct DrainMark {
    not_send: PhantomData<*const ()>,
}

/// Marks this thread as a drain's.
pub fn enter() -> DrainMark {
    DEPTH.set(DEPTH.get().saturating_add(1));
    DrainMark { not_send: PhantomData }
}

impl Drop for DrainMark {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

#[cfg(all(test, not(fapilog_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_a_drains_until_the_outermost_mark_is_gone() {
        assert!(!is_marked());
        let outer = enter();
        drop(enter());
        assert!(is_marked());
        drop(outer);
        assert!(!is_marked());
    }

    #[test]
    fn a_mark_is_the_threads_own() {
        let _mark = enter();
        assert!(!std::thread::spawn(is_marked).join().unwrap());
    }
}
