//! A consumer's thread that can be put to sleep for good: what a lost wake-up leaves asleep, loom reports as a deadlock.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use fapilog_ring::sync::{Condvar, Mutex, lock};

/// A thread that sleeps until its waker is called. A call that comes before the sleep is not forgotten.
#[derive(Debug, Default)]
pub struct Sleeper {
    woken: Mutex<bool>,
    wakes: Condvar,
}

impl Sleeper {
    /// A thread without a pending call.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The waker of this sleeper.
    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Sleeps until the waker is called, or has been called since the last sleep.
    pub fn sleep(&self) {
        let mut woken = lock(&self.woken);
        while !*woken {
            woken = self.wakes.wait(woken).expect("a model that panics ends");
        }
        *woken = false;
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        *lock(&self.woken) = true;
        self.wakes.notify_one();
    }
}
