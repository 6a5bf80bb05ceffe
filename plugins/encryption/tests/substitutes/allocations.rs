//! The allocations of a value.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use super::*;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_value_of_usual_length_is_encrypted_without_an_allocation() {
    let identity = Identity::generate().unwrap();
    let seal = Seal::to(Encryption::builder().recipient(identity.recipient()).build().unwrap());
    let tokenize = Tokenize::with(&KeyEncryptionKey::generate().unwrap()).unwrap();
    for substitute in [&seal as &dyn Substitute, &tokenize] {
        let value = SensitiveValue::new(DataClass::Email, "context.email", EMAIL);
        let mut out = String::with_capacity(64 << 10);
        substitute.substitute(&value, &mut out).unwrap();
        let before = ALLOCATIONS.get();
        (0..100).for_each(|_| substitute.substitute(&value, &mut out).unwrap());
        assert_eq!(ALLOCATIONS.get() - before, 0);
    }
}
