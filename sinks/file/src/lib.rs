//! Files.
//!
//! # How a file is written
//!
//! The sink knows the offset of each write: it must be the file's only writer, and holds a lock (`flock`) on the file. Each
//! write appends to the end of the file (`RWF_APPEND`), which is that offset unless another program has changed the file, or a
//! write before it has failed. The file consists of whole records, with nothing between, before or after them. A file that
//! ends in a torn line when it is opened gets a line feed before the first record, if the records are lines.
//!
//! 1. **Blocks.** Events are encoded into blocks of [`block_bytes`](File::block_bytes), of which
//!    [`blocks_in_flight`](File::blocks_in_flight) may be queued or in flight to the disk. When all are, the sink is busy.
//! 2. **Full blocks** bypass the page cache (`O_DIRECT`), which requires whole pages at page offsets. So a block starts with
//!    the *partial page*, the filled part of the file's last page. The bytes behind the block's last whole page are copied
//!    to the next block.
//! 3. **The partial page** is written with the next full block. If no full block follows within `TAIL_WAIT`, and all
//!    direct writes are completed, the partial page is written through the page cache.
//! 4. **Blocks that are overdue** before they are full are written through the page cache, from the *scheduled end*: the
//!    first byte that is part of no write yet. A file that grows slowly never bypasses the page cache.
//! 5. **Order.** A single write request is in flight at a time, and requests are in the order of the file: the file's length
//!    never runs ahead of the bytes that are written without a gap. A request has all waiting blocks of one path, up to
//!    8 MiB; a block that is longer is a request of its own. The kernel moves the end of the file when a direct write is
//!    completed, and behind each page that a buffered write has copied. No page has bytes of both paths: a page that a
//!    buffered write has begun (3, 4) is completed by a buffered write, and the direct write starts behind it. A reader may
//!    have that page in the page cache, and the kernel shows the new end of a direct write a moment before it drops the
//!    cached page: the reader would see zeros behind the old end.
//! 6. **Delivered** records are below the *contiguous end*: all writes up to it have succeeded, without a gap. With
//!    [`FileSync::Batch`] they are also below the *synced end*. `cursors` has the order of all six positions.
//! 7. **Write errors.** After a failed write, no other write starts for 5 to 10 ms; the wait doubles with each failure, up to
//!    0.5 to 1 s. Then the first block in order is written alone, and the others after its success. A short write continues at
//!    its first unwritten byte, a direct one at the page of that byte. Retries continue as long as the container lives: events
//!    wait, and the overflow strategy decides when their rings are full. At the deadline of a shutdown, the whole records of a
//!    block that is written in part are delivered, and the others are not. The formatter declares how records end. When the
//!    sink is dropped, the file is truncated at the *acknowledged end*: behind the last record that was reported as delivered.
//! 8. **Fallback.** Where io_uring is refused, blocks are written by `pwritev`. Where the file system has no direct writes,
//!    or refuses a direct write, all writes are buffered. A ring that the system refuses later (the program enters a sandbox,
//!    or closes descriptors that it does not know) is given up. A write that the kernel may still execute
//!    is looked for in the file's length for 1 s; then it is executed by `pwritev`, the same bytes at the same place. The container's diagnostics report each fallback once.
//! 9. **Changes by others.** Before each write, while none is in flight, the file's length is the contiguous end, unless
//!    another program has changed it. Behind a truncation, all bytes that are not written yet are moved to the file's
//!    present end, and cursors keep their distance from it; behind bytes that another program has appended, too. A change
//!    during a write leaves no hole, and overwrites nothing: the write appends to the end.
//!    Records that were written while the file had no name are lost: a write counts as one when the file has no name at
//!    its completion. No write starts while the file has none. Once a second, the sink checks whether the path still names
//!    the file. Where it does not, the path is opened anew: behind a removal, the bytes that are not written yet go to the new
//!    file; behind a move, the bytes of blocks that are filled from then on.
//! 10. **The next file.** Positions go on from file to file, so rules 5 to 7 hold across files: no write to a file starts
//!     before the last write to the one before it is completed. A rotation begins at the end of a record. From that moment on,
//!     blocks are filled for the next file, and the partial page of the last one is written. A thread of the sink's own gives
//!     the last file its rotated name and creates the next one; the drain makes no system call for that. Writes to the next file
//!     wait until it is open. If it cannot be opened, its bytes go to the file before it, and the next attempt waits 1 s; the
//!     wait doubles with each failure, up to 60 s. A file is complete, and closed and compressed, when its last record is
//!     acknowledged and synced where the settings require that.
//! 11. **A failed sync** leaves bytes of a file in doubt that no later sync reports. The file is rotated, and the next records
//!     go to a new one; on a disk whose syncs go on failing, at most once a second, and then more seldom.
//! 12. **A file for several shards**, on request of the settings: a thread has the stream, and shards hand their records to it. The
//!     rules of that are on the page of the module `one_file`.

mod block;
#[cfg_attr(not(any(feature = "gzip", feature = "zstd")), allow(dead_code, reason = "no format is built"))]
mod compress;
mod cursors;
mod engine;
mod one_file;
mod open;
mod path_watch;
mod probe;
mod registration;
mod retain;
mod rotate;
mod settings;
mod sink;
mod stream;
mod stream_plan;
mod writer;

pub use compress::Compression;
pub use probe::FileProbe;
pub use registration::register;
pub use rotate::{RotateEvery, RotateZone};
pub use settings::{File, FileEngine, FileSync};
#[allow(unused_imports, reason = "linked by the module's page")]
use writer::TAIL_WAIT;
