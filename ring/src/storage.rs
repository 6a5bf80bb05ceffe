//! The memory under a ring.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    io,
    ptr::NonNull,
};

use crate::{
    error::{CapacityError, StorageError},
    frame::{FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, Header, frame_bytes},
    seeded,
    sync::AccessTracker,
};

/// How large a ring is, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    capacity_bytes: usize,
    payload_max_bytes: usize,
}

impl Capacity {
    /// The smallest ring.
    pub const MIN_BYTES: usize = 128;
    /// The largest ring.
    pub const MAX_BYTES: usize = 1 << 30;

    /// A ring of `capacity_bytes` (a power of two) whose longest payload is `payload_max_bytes`.
    ///
    /// A frame may take a quarter of the ring at most, so that a producer is never stopped by a single long record.
    /// The memory taken is the capacity and slack for one frame of the greatest length.
    ///
    /// # Errors
    /// [`CapacityError`] names the value and the allowed ones.
    pub const fn new(capacity_bytes: usize, payload_max_bytes: usize) -> Result<Self, CapacityError> {
        if !capacity_bytes.is_power_of_two() || capacity_bytes < Self::MIN_BYTES || capacity_bytes > Self::MAX_BYTES {
            return Err(CapacityError::Capacity {
                capacity_bytes,
                min_bytes: Self::MIN_BYTES,
                max_bytes: Self::MAX_BYTES,
            });
        }
        let max_bytes = Self::payload_limit(capacity_bytes);
        if payload_max_bytes == 0 || payload_max_bytes > max_bytes {
            return Err(CapacityError::Payload { payload_max_bytes, max_bytes });
        }
        Ok(Self { capacity_bytes, payload_max_bytes })
    }

    /// The longest payload that a ring of `capacity_bytes` can be made for.
    #[must_use]
    pub const fn payload_limit(capacity_bytes: usize) -> usize {
        (capacity_bytes / 4).saturating_sub(FRAME_HEADER_BYTES)
    }

    /// Bytes of frames that the ring can hold.
    #[must_use]
    pub const fn capacity_bytes(self) -> usize {
        self.capacity_bytes
    }

    /// The longest payload.
    #[must_use]
    pub const fn payload_max_bytes(self) -> usize {
        self.payload_max_bytes
    }

    /// Bytes of memory taken: the capacity and the slack behind it.
    #[must_use]
    pub const fn storage_bytes(self) -> usize {
        self.capacity_bytes + frame_bytes(self.payload_max_bytes)
    }
}

/// Zeroed memory for one ring.
#[derive(Debug)]
pub struct Storage {
    slots: Slots,
    origin: StorageOrigin,
    tracker: AccessTracker,
}

/// Where a ring's bytes are, and how many. Each end keeps a copy beside its positions: a frame is then written without a
/// look at what the ends share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    base: NonNull<u8>,
    capacity: Capacity,
}

#[derive(Debug)]
enum StorageOrigin {
    Heap(Layout),
    #[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
    Mapping,
}

// SAFETY: an address and two numbers. Each access goes by the ring's protocol (rules 1, 2 and 7), and every method that
// reads or writes there is unsafe.
unsafe impl Send for Slots {}
// SAFETY: as for `Send` above; a shared `Slots` gives no access without unsafe code.
unsafe impl Sync for Slots {}

impl Storage {
    /// Memory from the allocator: for tests, models, and machines that are not Linux.
    ///
    /// # Errors
    /// When the allocator has none.
    pub fn heap(capacity: Capacity) -> Result<Self, StorageError> {
        let bytes = capacity.storage_bytes();
        let refused = |source| StorageError { bytes, source };
        let layout = Layout::from_size_align(bytes, HEAP_ALIGN_BYTES)
            .map_err(|e| refused(io::Error::new(io::ErrorKind::InvalidInput, e)))?;
        // SAFETY: the layout is not empty: a capacity is at least `Capacity::MIN_BYTES`.
        let raw = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(raw).ok_or_else(|| refused(io::ErrorKind::OutOfMemory.into()))?;
        Ok(Self {
            slots: Slots { base, capacity },
            origin: StorageOrigin::Heap(layout),
            tracker: AccessTracker::new(bytes),
        })
    }

    /// Anonymous private memory, touched ahead of use so that no log call meets a page fault.
    ///
    /// The mapping is marked `MADV_WIPEONFORK`: a forked child finds zeros and the kernel copies nothing, so `fork`
    /// costs the parent's producers no copy-on-write page faults. (`MADV_DONTFORK` would do as much for the parent, but
    /// a stray access in the child would be a signal.) Elsewhere than on Linux this is [`Storage::heap`].
    ///
    /// # Errors
    /// When the system has no memory.
    #[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
    pub fn mapped(capacity: Capacity) -> Result<Self, StorageError> {
        let bytes = capacity.storage_bytes();
        // SAFETY: a new anonymous mapping at an address of the kernel's choosing touches no existing memory.
        let raw = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        if raw == libc::MAP_FAILED {
            return Err(StorageError { bytes, source: io::Error::last_os_error() });
        }
        // SAFETY: the range is the mapping made above. The call is advice: before Linux 4.14 it fails, and a child then
        // shares the pages copy-on-write, which is slower but as safe.
        unsafe { libc::madvise(raw, bytes, libc::MADV_WIPEONFORK) };
        let base = NonNull::new(raw.cast::<u8>())
            .ok_or_else(|| StorageError { bytes, source: io::ErrorKind::OutOfMemory.into() })?;
        Ok(Self { slots: Slots { base, capacity }, origin: StorageOrigin::Mapping, tracker: AccessTracker::new(bytes) })
    }

    /// As on Linux, but from the allocator.
    ///
    /// # Errors
    /// When the system has no memory.
    #[cfg(not(all(target_os = "linux", not(miri), not(fapilog_loom))))]
    pub fn mapped(capacity: Capacity) -> Result<Self, StorageError> {
        Self::heap(capacity)
    }

    /// The size it was made for.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.slots.capacity
    }

    /// Where its bytes are. They are there for as long as the storage is.
    pub(crate) fn slots(&self) -> Slots {
        self.slots
    }

    /// Reports to loom which thread accesses which byte. Outside a model it has no size and no effect.
    #[inline(always)]
    pub(crate) fn tracker(&self) -> &AccessTracker {
        &self.tracker
    }
}

impl Slots {
    /// The size of the ring.
    #[inline(always)]
    pub(crate) fn capacity(self) -> Capacity {
        self.capacity
    }

    #[inline(always)]
    fn offset(self, position: u64) -> usize {
        // The mask keeps what fits `usize`: a capacity is at most 2^30.
        (position as usize) & (self.capacity.capacity_bytes - 1)
    }

    /// The place of every frame: aligned, and within the storage, with the slack that rule 4 has for it.
    #[inline(always)]
    fn assert_frame(self, position: u64, payload_bytes: usize) {
        debug_assert!(position.is_multiple_of(FRAME_ALIGN_BYTES as u64), "no frame begins at {position}");
        let end = self.offset(position) + frame_bytes(payload_bytes);
        debug_assert!(end <= self.capacity.storage_bytes(), "a frame ends at {end}, behind the storage: {self:?}");
    }

    /// The bytes of the frame at `position`, writable. The tracker records a write of `payload_bytes`.
    ///
    /// # Safety
    /// The storage is still there. `position` is a multiple of the frame alignment, `payload_bytes` at most the capacity's
    /// `payload_max_bytes`, and the caller is the producer, with these bytes free (rules 2 and 4).
    #[inline(always)]
    pub(crate) unsafe fn payload_mut(
        self,
        tracker: &AccessTracker,
        position: u64,
        payload_bytes: usize,
    ) -> NonNull<u8> {
        self.assert_frame(position, payload_bytes);
        let start = self.offset(position) + FRAME_HEADER_BYTES;
        tracker.write(start, payload_bytes);
        // SAFETY: an offset is below the capacity, and the slack behind the capacity has room for a whole frame of the
        // greatest length, so `start + payload_bytes` is within the allocation.
        unsafe { self.base.add(start) }
    }

    /// Has the processor fetch the cache lines at `position` for writing, in the background. Advice: nothing is read or
    /// written.
    #[inline(always)]
    pub(crate) fn fetch_ahead(self, position: u64) {
        #[cfg(all(target_arch = "x86_64", not(miri), not(fapilog_loom)))]
        for line in 0..FETCHED_LINES {
            let address = self.base.as_ptr().wrapping_add(self.offset(position) + line * CACHE_LINE_BYTES);
            // SAFETY: a prefetch changes nothing that a program can see, and never traps, whatever the address.
            // Processors without the instruction (before 2014) treat it as a no-op.
            unsafe {
                std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
            }
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri), not(fapilog_loom))))]
        let _ = position;
    }

    /// Writes the header of the frame at `position`.
    ///
    /// # Safety
    /// As for [`payload_mut`](Self::payload_mut), with the header's length.
    #[inline(always)]
    pub(crate) unsafe fn write_header(self, tracker: &AccessTracker, position: u64, header: Header) {
        self.assert_frame(position, header.payload_bytes());
        let start = self.offset(position);
        tracker.write(start, FRAME_HEADER_BYTES);
        // SAFETY: in bounds as in `payload_mut`.
        let slot = unsafe { self.base.add(start) }.cast::<Header>();
        // SAFETY: in bounds as above; aligned, because base and position are multiples of the frame alignment; no other
        // thread looks at these bytes before they are published.
        unsafe { slot.write(header) };
    }

    /// The header of the frame at `position`.
    ///
    /// # Safety
    /// The storage is still there, the caller is the consumer, and a whole frame has been published at `position` and not
    /// yet released (rule 1).
    #[inline(always)]
    pub(crate) unsafe fn header(self, tracker: &AccessTracker, position: u64) -> Header {
        self.assert_frame(position, 0);
        let start = self.offset(position);
        tracker.read(start, FRAME_HEADER_BYTES);
        // SAFETY: in bounds as in `write_header`.
        let slot = unsafe { self.base.add(start) }.cast::<Header>();
        // SAFETY: in bounds and aligned as in `write_header`; the producer wrote it before it published.
        unsafe { slot.read() }
    }

    /// The payload of the frame at `position`.
    ///
    /// # Safety
    /// As for [`header`](Self::header), with the length that the header gives; and the storage stays, and the bytes are not
    /// released, while the slice lives.
    #[inline(always)]
    pub(crate) unsafe fn payload<'ring>(
        self,
        tracker: &AccessTracker,
        position: u64,
        payload_bytes: usize,
    ) -> &'ring [u8] {
        self.assert_frame(position, payload_bytes);
        let start = if seeded::bug("payload_behind_the_wrap") {
            self.offset(position + FRAME_HEADER_BYTES as u64)
        } else {
            self.offset(position) + FRAME_HEADER_BYTES
        };
        tracker.read(start, payload_bytes);
        // SAFETY: in bounds as in `payload_mut`: the producer reserved at least this much at `position`.
        let first = unsafe { self.base.add(start) };
        // SAFETY: initialised (storage starts as zeros), and not written before the consumer releases it (rule 2).
        unsafe { std::slice::from_raw_parts(first.as_ptr(), payload_bytes) }
    }
}

/// The bytes that a core takes from another at once.
#[cfg(all(target_arch = "x86_64", not(miri), not(fapilog_loom)))]
const CACHE_LINE_BYTES: usize = 64;
/// Two lines are what a frame with a short text takes.
#[cfg(all(target_arch = "x86_64", not(miri), not(fapilog_loom)))]
const FETCHED_LINES: usize = 2;

/// A page: what a mapping would give.
const HEAP_ALIGN_BYTES: usize = 4096;
const _: () = assert!(HEAP_ALIGN_BYTES.is_multiple_of(FRAME_ALIGN_BYTES));

impl Drop for Storage {
    fn drop(&mut self) {
        match self.origin {
            // SAFETY: allocated in `heap` with this very layout; no ring uses it any more, since they share ownership.
            StorageOrigin::Heap(layout) => unsafe { dealloc(self.slots.base.as_ptr(), layout) },
            #[cfg(all(target_os = "linux", not(miri), not(fapilog_loom)))]
            StorageOrigin::Mapping => {
                // SAFETY: the mapping made in `mapped`, of this length; no ring uses it any more.
                unsafe { libc::munmap(self.slots.base.as_ptr().cast(), self.slots.capacity.storage_bytes()) };
            }
        }
    }
}
