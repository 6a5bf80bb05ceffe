//! The allocations of an event.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use fapilog_geo::Geo;

use super::*;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct CountingOfThreads;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingOfThreads {
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
static ALLOCATOR: CountingOfThreads = CountingOfThreads;

/// The allocations of a batch of so many events, the arena's among them.
fn of_batch(geo: &mut Geo, events: usize) -> usize {
    let addresses = ["203.0.113.7", "198.51.100.1", "2001:db8:1::1"];
    let events: Vec<_> = (0..events).map(|number| from_client(addresses[number % addresses.len()])).collect();
    TestBatches::new().events(&events, |batch| {
        // Has the arena make a chunk with room for all of the batch: the second is twice as long as the first.
        batch.arena().alloc_slice_fill_copy(1 << 20, 0_u8);
        batch.arena().alloc_slice_fill_copy(8 << 10, 0_u8);
        let room = batch.arena().chunk_capacity();
        assert!(room > 256 << 10, "{room}");
        let before = ALLOCATIONS.get();
        geo.enrich(batch).unwrap();
        ALLOCATIONS.get() - before
    })
}

#[test]
fn an_event_of_a_known_network_is_enriched_without_an_allocation() {
    let databases = Databases::new();
    let mut geo = Geo::builder(databases.path()).replace_address(true).build().unwrap();
    of_batch(&mut geo, 3);
    assert_eq!(of_batch(&mut geo, 300), 0);
}
