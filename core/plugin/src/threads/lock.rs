//! Locks that a panic does not poison.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Locks a mutex whose data is valid at any time, so that the panic of an earlier holder changes nothing.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], for a reader.
pub fn lock_read<T: ?Sized>(rw_lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    rw_lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], for a writer.
pub fn lock_write<T: ?Sized>(rw_lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    rw_lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_outlives_the_panic_of_its_holder() {
        let mutex = Mutex::new(1);
        let panicked = std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = lock(&mutex);
                panic!("planted");
            });
            holder.join().is_err()
        });
        assert!(panicked);
        assert_eq!(*lock(&mutex), 1);
    }

    #[test]
    fn readers_and_writers_outlive_the_panic_of_a_writer() {
        let rw_lock = RwLock::new(1);
        let panicked = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let _held = lock_write(&rw_lock);
                panic!("planted");
            });
            writer.join().is_err()
        });
        assert!(panicked && rw_lock.is_poisoned());
        *lock_write(&rw_lock) += 1;
        assert_eq!(*lock_read(&rw_lock), 2);
    }
}
