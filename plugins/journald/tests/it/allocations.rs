//! The allocations of an event.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use fapilog_plugin::testing::TestBatches;

use crate::support::{named, sink};

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
fn an_event_is_encoded_without_an_allocation() {
    let mut sink = sink(&named().payload_bytes(1 << 20));
    let numbers: Vec<u64> = (0..1000).collect();
    let allocations = TestBatches::new().batch(&numbers, |batch| {
        [(); 2].map(|()| {
            let mut payload = sink.payload().unwrap();
            let before = ALLOCATIONS.get();
            sink.encode(batch, &mut payload).unwrap();
            ALLOCATIONS.get() - before
        })
    });
    // The list of the ends of 1000 records grows nine times.
    assert!(allocations[1] <= 9, "{allocations:?}");
}
