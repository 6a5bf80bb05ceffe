//! A queue of bytes from one thread to another.
//!
//! A [`ring`](ring()) is a single-producer, single-consumer queue of *frames*: byte strings with a tag and a stamp, each
//! contiguous in memory, so that one side can archive a record straight into the ring and the other can view it in
//! place. Nothing is allocated, locked or called on either side once the ring exists. The crate knows no event: the
//! meaning of the bytes is its user's.
//!
//! ```
//! let capacity = fapilog_ring::Capacity::new(64 * 1024, 4 * 1024)?;
//! let (mut producer, mut consumer) = fapilog_ring::ring(capacity)?;
//!
//! let mut grant = producer.reserve(64)?;              // at most 64 bytes ...
//! grant.payload_mut()[..5].copy_from_slice(b"hello");
//! grant.commit(5, 7, 123);                            // ... of which five are used
//!
//! consumer.refresh();
//! let frame = consumer.next_frame().ok_or("the ring is empty")?;
//! assert_eq!((frame.payload(), frame.tag(), frame.stamp()), (&b"hello"[..], 7, 123));
//! consumer.release();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The protocol
//!
//! Every atomic access in this crate names the rule it serves and the access it pairs with; every model in `loom-tests`
//! cites the rule it checks.
//!
//! **Positions.** A position counts bytes since the ring was made and never goes back. It becomes an offset into the
//! storage by masking. `published` belongs to the producer, `released` to the consumer, and
//! `released <= published <= released + capacity` holds at all times.
//!
//! 1. **Publish.** The producer writes a whole frame (header and payload) and only then stores `published` with
//!    *release*; the consumer loads it with *acquire* and reads only below it. So no frame is seen in part.
//! 2. **Release.** The consumer is done with every byte below a position before it stores that position to `released`
//!    with *release*; the producer loads it with *acquire* before it reuses these bytes. So no frame is overwritten
//!    while it is read.
//! 3. **Caching.** Each side keeps a copy of the other's word and reloads it only when the copy shows *full* or *empty*.
//!    A stale copy errs on the safe side, because both words only grow.
//! 4. **Slack.** A frame that starts before the end of the storage runs on into the slack behind it, so a frame is
//!    always contiguous. The bytes at the front of the storage that a wrapped frame would use stay unused until it is
//!    released: positions move on by the frame's length as if it had wrapped.
//! 5. **Grants.** A grant that is dropped, or leaked, publishes nothing, and the next grant starts where it did. No
//!    more than the used bytes becomes part of the frame. A grant that is held has its room until the producer reserves or
//!    publishes again; behind a publish there is none, and its commit publishes nothing.
//! 6. **Closing.** The producer's last publish comes before it stores `closed` with *release*; the consumer loads
//!    `closed` with *acquire* **before** its last look at `published`. So a ring that is found closed and then found
//!    empty has been read to its end.
//! 7. **Recycling.** A ring that is closed and read to its end belongs to its consumer alone, which may hand it to a new
//!    producer under the next generation. The acquire load of `closed` in rule 6 orders everything the old producer did
//!    before everything the new one does.
//! 8. **Doorbell.** Before it parks, the consumer raises a flag, passes a *heavy* fence, and looks at every ring once
//!    more. The producer publishes, passes a *light* fence, and then looks at the flag. At least one side sees the other:
//!    a frame published before the park is found by the last look, and one published after it rings the doorbell.
//!    A caller of [`Doorbell::ring`] needs no fence: falling asleep is a swap, so that the last look finds every request made
//!    before a ring that came too early to wake the consumer. See [`fence`].
//! 9. **Registrations.** A new ring is registered before its first frame is published, and the consumer's side takes new
//!    registrations before each look at its rings. So the look finds every frame published before it. See
//!    [`Registrations`].
//! 10. **Taking over.** A second consumer takes a ring over whose consumer is lost in code that does not return. It begins behind
//!     the frames that the first has walked, and never releases space: the first, or code that it has called, may still read
//!     the frames that it was given. The bytes below `published` are read by both, and written by none. Once the producer has
//!     found the ring full, or is gone, the ring serves no more; it is never recycled. See [`RingHeir::take_over`].
//! 11. **Waiting for space.** A task that waits loads the number of releases, looks for space, enters the list with that number,
//!     rings the doorbell, and looks once more. The consumer counts each release of space, and at each look, the last one before a
//!     sleep included, wakes the tasks whose number is another one by now. Ring and fall asleep are swaps of one word: either
//!     the last look finds the task, or the ring wakes the consumer. At its end the consumer wakes all. See [`SpaceWaiters`].

mod consumer;
mod doorbell;
mod error;
pub mod fence;
mod frame;
mod idle;
mod producer;
mod registrations;
#[doc(hidden)]
pub mod seeded;
mod shared;
mod space_waiters;
mod storage;
#[doc(hidden)]
pub mod sync;

pub use consumer::{Consumer, RingHeir};
pub use doorbell::{Doorbell, Sleep};
pub use error::{CapacityError, ReserveError, StorageError};
pub use frame::{FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, Frame};
pub use idle::IdleRing;
pub use producer::{Grant, Producer};
pub use registrations::Registrations;
pub use shared::RingGauge;
pub use space_waiters::{SpaceWaiters, WaitTicket};
pub use storage::{Capacity, Storage};

/// Makes a ring on memory of its own: mapped, touched ahead of use, and wiped in a forked child (see [`Storage::mapped`]).
///
/// # Errors
/// When the system refuses the memory.
pub fn ring(capacity: Capacity) -> Result<(Producer, Consumer), StorageError> {
    Ok(ring_on(Storage::mapped(capacity)?))
}

/// Makes a ring on the given storage.
#[must_use]
pub fn ring_on(storage: Storage) -> (Producer, Consumer) {
    IdleRing::new(storage).split()
}
