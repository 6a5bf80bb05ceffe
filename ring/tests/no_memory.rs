//! Memory that the system refuses. The limit holds for the whole process.
#![cfg(all(target_os = "linux", not(miri)))]
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use std::io::ErrorKind;

use fapilog_ring::{Capacity, Storage, StorageError};

/// Half of the largest ring, and enough for this program.
const ADDRESS_SPACE_BYTES: libc::rlim_t = (Capacity::MAX_BYTES / 2) as libc::rlim_t;

fn assert_refused(make: fn(Capacity) -> Result<Storage, StorageError>) {
    let limit = libc::rlimit { rlim_cur: ADDRESS_SPACE_BYTES, rlim_max: ADDRESS_SPACE_BYTES };
    // SAFETY: `limit` is there for the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    let capacity = Capacity::new(Capacity::MAX_BYTES, 16).unwrap();
    let refused = make(capacity).unwrap_err();
    assert_eq!((refused.bytes, refused.source.kind()), (capacity.storage_bytes(), ErrorKind::OutOfMemory));
}

#[test]
fn a_mapping_that_the_system_refuses_is_an_error_with_its_size() {
    assert_refused(Storage::mapped);
}

#[test]
fn memory_that_the_allocator_refuses_is_an_error_with_its_size() {
    assert_refused(Storage::heap);
}
