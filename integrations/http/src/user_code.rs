//! Calls of the program's rules, whose panics do not reach the server.

use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Calls a rule of the program; `None` if it panicked.
pub fn call_catching_panics<R>(rule: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(rule)).map_err(drop_catching_panics).ok()
}

/// Drops a value whose drop may panic, such as the payload of a panic.
pub fn drop_catching_panics<T>(value: T) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // It might panic in turn, and so on without end.
        let _leaked = ManuallyDrop::new(second);
    }
}
