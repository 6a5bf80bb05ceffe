//! The writer of a trail.
//!
//! 1. **Order.** Data is written and synced before its entries, entries before the payload counts as delivered: an entry never stands
//!    for data that a crash could take.
//! 2. **Failure.** An attempt that fails cuts both files back to the last acknowledged length. The state in memory changes when the
//!    entries are durable, and not before.
//! 3. **Checkpoint.** The checkpoint is written and synced under the old chain key, then the new key replaces the old one on disk. A
//!    crash between the two leaves the old key, by which a restart verifies the checkpoint and derives the new one.
//! 4. **Rotation.** `CLOS` names the new name and a checkpoint follows; then the files are renamed; then the next file opens. A restart
//!    completes what a crash has interrupted.
//! 5. **Removal.** `RETN` and a checkpoint are durable before the first old file is removed. A crash between leaves files that may be gone,
//!    and the next look removes them.

mod anchor_thread;
mod blocks;
mod chain_key_file;
mod head;
mod options;
mod removal;
mod restart;
mod rotation;
mod trail_writer;

pub use self::options::OnBrokenHead;
pub(crate) use self::{
    anchor_thread::{AnchorThread, SharedAnchors},
    options::{TrailError, WriterOptions, WriterReports},
    trail_writer::{LOOK_INTERVAL, TrailWriter},
};
