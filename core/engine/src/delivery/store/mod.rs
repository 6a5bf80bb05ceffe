//! The store of a sink on disk: payloads that its destination does not take now (*spill*), and payloads or records that are given
//! up (*dead letters*). Each shard has a store of its own for each sink.
//!
//! All work on the disk is done by a thread of the store, `fapilog-spill`. The drain sends requests and takes answers
//! ([`delivery_store`]); the requests are executed one after the other, in their order.
//!
//! # Files
//!
//! 1. A shard has the directory `<directory>/<sink>-<shard>`, mode 0700. Its files have mode 0600, because payloads are log data.
//!    No symbolic link in it is followed. Files with other names are left alone.
//! 2. `lock` is locked by `flock` for as long as the store is open. A second store is refused, of whatever process.
//! 3. `00000000000000000001.spill` is a segment: a header and frames. Numbers grow, and none comes twice. All numbers in files
//!    are little-endian.
//! 4. The header has 16 bytes: the magic `fapspill`, the version (`u32`, 1), and the CRC-32 of both. A file with another header
//!    stays as it is, and is reported.
//! 5. A frame has a payload: the length of the body (`u32`), the CRC-32 of length and body (`u32`), and the body. The body:
//!    container (`u64`), shard (`u32`), sequence (`u64`) and part (`u32`) of the payload's id; events (`u64`); whether the time of the oldest
//!    event is known (`u8`, 0 or 1), and that time in nanoseconds since 1970 (`u64`); the number of marked ends (`u32`), and the
//!    ends (`u32` each); the records, up to the end of the body.
//! 6. `position` has the place of the first payload that is not acknowledged: two slots of 36 bytes, at 0 and at 4096. A slot
//!    has the magic `fapposi1`, a sequence (`u64`), the number of the segment (`u64`), the place in it (`u64`), and the CRC-32 of
//!    all that. The valid slot with the higher sequence counts. Slots are written in turn, so that a torn one leaves the other.
//!
//! # Protocol
//!
//! 1. **Append.** The frame is written behind the last one, by `pwrite`. A segment that has no room for it is synced
//!    (`fdatasync`, and `fsync` of the directory), and another begins. A longer payload than a segment has a segment of its own.
//!    The bytes of all segments are at most `bytes_max`: a payload beyond it is refused.
//! 2. **Failed append.** After an error, such as a full disk, the segment is cut behind its last whole frame, at the latest
//!    before the next append, and the payload is refused. The next append is a new attempt.
//! 3. **Read.** The frame at the read position is read and checked, and the position moves behind it. A damaged frame ends its
//!    segment: the payloads from it on are reported, and counted to the caller. So does a frame that the disk does not give at three
//!    requests. While a segment cannot be opened, the position stays.
//! 4. **Acknowledge.** The place behind the oldest payload that was read is written to a slot of `position`. A segment whose
//!    payloads are all acknowledged is removed after that, also the last one.
//! 5. **Rewind.** The read position moves back to the place of `position`.
//! 6. **Recover.** Segments in front of the position are removed, all others are checked frame by frame from the position on.
//!    Appends go to a new segment. The first invalid frame of the last segment is a torn tail: the segment is cut there. The first
//!    invalid frame of another segment is damage: the tail of that segment is skipped. Both are reported. No length is trusted
//!    that the file's length does not bear out. A segment that cannot be read at all is renamed to `*.spill.unread`, and reported.
//! 7. **Adopt.** The first shard opens the directories of shards that the container no longer has. Their payloads are read before
//!    its own, in the order of shards. A directory without a payload is removed; where it has other files, they stay.
//! 8. **Removed directory.** An append finds that the lock file has another inode, or none: the directory is made and locked
//!    again, and the payload goes to a new segment. Payloads that were removed are reported when the read position comes to them.
//!
//! # Crash points
//!
//! Writes of a process outlive it: all of this holds after `kill -9`.
//!
//! 1. Within an append: the frame is torn, and cut at the next start. It was not answered.
//! 2. Between an append and its answer: the payload is stored.
//! 3. Within an acknowledgement: the slot is torn, and the position before it counts. The payload is delivered a second time, with
//!    the same id.
//! 4. Between an acknowledgement and the removal of its segment: the next start removes the segment.
//! 5. While a segment is created: its header is torn, and the file is removed at the next start.
//!
//! A power failure, or a crash of the system, leaves what was synced: all segments but the last one, for sure. The tail of the
//! last one may be missing, and the position may be older: payloads are delivered again. A close syncs everything.
//!
//! # Dead letters
//!
//! A file of JSON lines, one for each letter, that all shards share: each appends by one `write` with `O_APPEND`, under a lock
//! (`flock`). A part of a line is cut again. An operator may move the file at any time: the next letter makes a new one. Mode 0600; a
//! symbolic link, a file with several names and anything but a regular file are refused. The file has at most `bytes_max` bytes.
//!
//! `{"time": RFC 3339, "sink": name, "shard": number, "payload_id": text, "events": number, "attempts": number, "reason": text,
//! "records": [text, ...]}`. If one of the records is no UTF-8, they are in `"records_base64"`. Bytes whose ends are not marked are
//! one record.

mod adoption;
mod dead_letter_file;
pub(crate) mod delivery_store;
mod directory;
pub(crate) mod error;
mod frame;
mod letter_line;
pub(crate) mod options;
mod position;
mod request_queue;
mod segment;
mod segment_queue;
mod spill;
mod store_thread;
pub(crate) mod stored_payload;
#[cfg(test)]
mod tests;
