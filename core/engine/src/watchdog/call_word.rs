//! The call word of a shard: whether it is in a call of user code, and whether it was abandoned there. The rules are on the
//! [page of the take-over](crate::watchdog::take_over).

use fapilog_ring::{
    seeded,
    sync::{AtomicU64, Ordering},
};

/// Counts the beginnings and ends of calls of user code: the number is odd during a call. It never comes back, so that a call is
/// known by its number. After a take-over, the next shard counts on.
#[derive(Debug)]
pub(crate) struct CallWord {
    number: AtomicU64,
    /// The last even number. The shard alone needs it, and the next one, which begins behind the watchdog's exchange. Not an atomic of
    /// loom's: behind its own load of a number, loom would overlook that the store races with the watchdog's exchange.
    last: std::sync::atomic::AtomicU64,
    /// Whether the watchdog may abandon the shard in a call. If not, the end of a call is a plain store.
    may_abandon: bool,
}

/// A call of user code that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UserCall(u64);

/// The shard was abandoned during the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abandoned;

impl CallWord {
    pub(crate) fn new(may_abandon: bool) -> Self {
        Self { number: AtomicU64::new(0), last: std::sync::atomic::AtomicU64::new(0), may_abandon }
    }

    /// A call begins (rule 1). Only the shard may call this.
    #[inline]
    pub(crate) fn begin(&self) -> UserCall {
        // Relaxed: see the field.
        let call = self.last.load(Ordering::Relaxed) + 1;
        debug_assert!(call % 2 == 1, "a call begins inside of another");
        // Release: all that the shard has done comes before it; rule 1, pairs with the exchange in `abandon`.
        self.number.store(call, seeded::ordering(Ordering::Release, "call_begins_relaxed"));
        UserCall(call)
    }

    /// The call has returned (rule 1).
    ///
    /// # Errors
    /// When the shard was abandoned during the call.
    #[inline]
    pub(crate) fn end(&self, call: UserCall) -> Result<(), Abandoned> {
        if !self.may_abandon || seeded::bug("returns_without_a_look") {
            // Relaxed: a figure for the watchdog.
            self.number.store(call.0 + 1, Ordering::Relaxed);
            self.set_last(call);
            return Ok(());
        }
        // Relaxed, both: one of two gets it, and the shard reads nothing on its strength; rule 2, pairs with the exchange in `abandon`.
        let ended = self.number.compare_exchange(call.0, call.0 + 1, Ordering::Relaxed, Ordering::Relaxed);
        ended.map_err(|_| Abandoned)?;
        self.set_last(call);
        Ok(())
    }

    /// The call is over.
    #[inline]
    fn set_last(&self, call: UserCall) {
        // Relaxed: see the field.
        self.last.store(call.0 + 1, Ordering::Relaxed);
    }

    /// The call that the shard is in, if it is in one.
    pub(crate) fn current(&self) -> Option<UserCall> {
        // Relaxed: a look; `abandon` decides.
        let call = self.number.load(Ordering::Relaxed);
        (call % 2 == 1).then_some(UserCall(call))
    }

    /// Abandons the shard in this call (rule 2). Returns whether the call had not returned. Only the watchdog may call this.
    pub(crate) fn abandon(&self, call: UserCall) -> bool {
        debug_assert!(self.may_abandon, "a shard that may not be abandoned is");
        // Acquire: all that the shard did before the call comes before what follows; rule 2, pairs with the store in `begin`.
        let is_abandoned =
            self.number.compare_exchange(call.0, call.0 + 1, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if is_abandoned {
            // The shard finds its exchange failed, and reads it no more.
            self.set_last(call);
        }
        is_abandoned
    }

    /// The first call, for a model: a look at the current one would hide from loom that the exchange races with the shard's.
    #[cfg(fapilog_loom)]
    pub(crate) fn first_call() -> UserCall {
        UserCall(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_either_returns_or_is_abandoned() {
        let word = CallWord::new(true);
        assert_eq!(word.current(), None);
        let first = word.begin();
        assert_eq!(word.current(), Some(first));
        assert_eq!(word.end(first), Ok(()));
        assert!(!word.abandon(first));
        let second = word.begin();
        assert!(word.abandon(second));
        assert_eq!((word.end(second), word.current()), (Err(Abandoned), None));
    }

    #[test]
    fn calls_of_a_shard_that_may_not_be_abandoned_are_counted() {
        let word = CallWord::new(false);
        let call = word.begin();
        assert_eq!((word.current(), word.end(call), word.current()), (Some(call), Ok(()), None));
        assert_ne!(word.begin(), call);
    }

    #[test]
    fn a_shard_that_was_abandoned_ends_no_call_of_its_successor() {
        let word = CallWord::new(true);
        let old = word.begin();
        assert!(word.abandon(old));
        let new = word.begin();
        assert_eq!(word.end(old), Err(Abandoned));
        assert_eq!((word.current(), word.end(new)), (Some(new), Ok(())));
    }
}
