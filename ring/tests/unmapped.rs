//! The end of a ring's mapping. This program has a single test, so that nothing else is mapped in its place.
#![cfg(all(target_os = "linux", not(miri)))]

use fapilog_ring::{Capacity, FRAME_HEADER_BYTES};

/// Whether the page at this address is mapped.
fn is_mapped(page: *mut u8) -> bool {
    let mut residence = 0_u8;
    // SAFETY: the call reads no memory, and writes one byte for one page.
    unsafe { libc::mincore(page.cast(), 1, &raw mut residence) == 0 }
}

#[test]
fn the_last_owner_of_a_ring_unmaps_its_memory() {
    let (mut producer, consumer) = fapilog_ring::ring(Capacity::new(4096, 64).unwrap()).unwrap();
    let payload = producer.reserve(1).unwrap().payload_mut().as_mut_ptr();
    let page = payload.wrapping_sub(FRAME_HEADER_BYTES);
    drop(producer);
    assert!(is_mapped(page), "the consumer is an owner");
    drop(consumer);
    assert!(!is_mapped(page));
}
