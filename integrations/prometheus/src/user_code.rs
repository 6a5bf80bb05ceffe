//! Calls of the program's own code: functions that read figures, and recorders.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs `work`. `None` where it panics. The drop of a panic's payload may panic as well, and so may the drop of that one's: the second
/// payload is leaked.
pub(crate) fn catch_panic<R>(work: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Some(result),
        Err(payload) => {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(mem::forget);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    /// A payload whose drop panics with another such payload.
    struct PanicsWhenDropped(u32);

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic_any(Self(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_payload_whose_drop_panics_is_caught() {
        assert_eq!(catch_panic(|| panic_any(PanicsWhenDropped(2))).map(|()| 1), None);
        assert_eq!(catch_panic(|| 1), Some(1));
    }
}
