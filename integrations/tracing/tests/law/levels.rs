//! Shared by tests of levels and filters.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fapilog::{Container, level::Directives, sink::MemoryEvents};

use super::{messages, parsed, shut_down};

/// Interests of call sites are the process's: `tracing` itself mixes up those of a dispatcher that another thread makes meanwhile.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn set_level(container: &Container, directives: &str) {
    container.set_level(directives.parse::<Directives>().unwrap());
}

#[track_caller]
pub(crate) fn assert_messages(container: &Container, events: &MemoryEvents, expected: &[&str]) {
    shut_down(container);
    assert_eq!(messages(&parsed(events)), expected);
}
