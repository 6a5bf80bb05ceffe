//! The places of panics: only the process's panic hook sees them.

use std::{
    cell::{Cell, RefCell},
    panic::{self, PanicHookInfo},
    sync::Once,
};

thread_local! {
    /// How many polls under a panic layer this thread is in.
    static WATCHED: Cell<usize> = const { Cell::new(0) };
    /// The place of the thread's last panic in such a poll.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Puts a hook on top of the process's panic hook, once. It notes the places of panics under a panic layer, and then runs the
/// hook that was there.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let below = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            note_place(info);
            below(info);
        }));
    });
}

fn note_place(info: &PanicHookInfo<'_>) {
    // A thread that ends has no such variables any more. Its panics have no place.
    let is_watched = WATCHED.try_with(Cell::get).unwrap_or(0) > 0;
    if let (true, Some(place)) = (is_watched, info.location()) {
        let _ended = PLACE.try_with(|last| {
            // It is borrowed only if a panic interrupts the two lines that use it, which do not panic.
            if let Ok(mut last) = last.try_borrow_mut() {
                *last = Some(place.to_string());
            }
        });
    }
}

/// Runs user code whose panics are noted. The panic is caught by `user_code`.
pub(crate) fn watched<R>(user_code: impl FnOnce() -> R) -> R {
    let change = |by: fn(usize) -> usize| {
        let _ended = WATCHED.try_with(|depth| depth.set(by(depth.get())));
    };
    if WATCHED.try_with(Cell::get) == Ok(0) {
        // The place of a panic that a handler has caught itself, in an earlier poll. A panic that goes on without the hook, by
        // `resume_unwind`, has none.
        drop(take_place());
    }
    change(|depth| depth.saturating_add(1));
    let result = user_code();
    change(|depth| depth.saturating_sub(1));
    result
}

/// The place of the last panic that was noted on this thread.
pub(crate) fn take_place() -> Option<String> {
    PLACE.try_with(|last| last.try_borrow_mut().ok().and_then(|mut last| last.take())).ok().flatten()
}
