//! Files.
//!
//! # How a file is written
//!
//! The sink writes at offsets of its own reckoning, never with `O_APPEND`, so it must be the file's only writer: it holds
//! a lock (`flock`) on it. Records are whole, one behind the other, with nothing between, before or after them.
//!
//! 1. **Blocks.** Events are encoded into blocks of [`block_bytes`](FileSink::block_bytes), of which
//!    [`blocks_in_flight`](FileSink::blocks_in_flight) may be on their way to the disk. When all are, the sink is busy.
//! 2. **Full blocks** go past the page cache (`O_DIRECT`), which wants whole pages at page offsets. So a block starts with
//!    the file's last page as far as it is filled (the *carry*), and what is behind the block's last whole page is carried
//!    on to the next block.
//! 3. **The carry** becomes part of the file with the next full block. If none has come within [`TAIL_WAIT`], and all
//!    direct writes are done, it is written through the page cache.
//! 4. **Blocks that are overdue** before they are full are written through the page cache, from the first byte that is not
//!    written yet. A file that grows slowly is never written past the page cache.
//! 5. **Order.** Writes are started in the order of the file, and may be under way together, but for two cases. A direct
//!    write starts on a page that buffered writes may have touched (3, 4): it waits for all of them that end behind the
//!    page's start. A buffered write waits for all direct ones before it: it would be done first, the file's end would lie
//!    behind what is not written yet, and readers would see zeros there. No two writes under way share a byte.
//!    Direct writes do not wait for each other. While several are under way, that is, under heavy load, a reader close
//!    behind may see zeros where one is not done yet; what is delivered (6) has none before it.
//! 6. **Delivered** is what lies below the *solid end*: all writes up to there have succeeded, without a gap.
//! 7. **Trouble.** After a write has failed, no other is started, for a while that grows to a second; then the first in
//!    order is tried again, and the others when it has succeeded. What was written in part is written on from there. So it
//!    goes on for as long as the container lives: events wait meanwhile, and the overflow strategy decides when their
//!    rings are full. When the sink is dropped, the file is cut behind the last record that was said to be delivered.
//! 8. **Fallback.** Where io_uring is refused, blocks are written by `pwrite`. Where the file system has no direct writes,
//!    or refuses one, all writes are buffered. Either is said once, in the container's notices.

mod block;
mod engine;
mod open;
mod registration;
mod settings;
mod sink;
mod writer;

pub use registration::register;
pub use settings::{FileEngine, FileSink, FileSync};
#[allow(unused_imports, reason = "named by the module's page")]
use writer::TAIL_WAIT;
