//! A single file for all shards.
//!
//! 1. **The thread.** The first shard's sink starts a thread, `fapilog-writer`, which opens the file and writes it by the same
//!    [`FileStream`] that a shard with a file of its own has: rotation, retention, compression, syncs, retries and changes by other
//!    programs are the same. It ends with the last shard's sink, which waits until the file is closed.
//! 2. **Shards** encode into blocks of their own, [`SHARD_BLOCKS`] each, and hand them to the thread. The thread copies the records
//!    behind those before them, and gives the block back at once. A shard without a free block is busy.
//! 3. **Order.** The records of a shard stay in their order. Among the payloads that wait, the one with the oldest first record
//!    is written next.
//! 4. **Answers.** Each payload has its own position in the stream, so its answer is exact: delivered, not delivered, or the
//!    number of whole records. Each answer wakes its shard.
//! 5. **Rotation by time.** A shard parts its payload at the boundary. The part behind it waits for older records of other shards,
//!    for 100 ms at most, and only while its own shard has a free block.
//! 6. **Rotation by length.** The thread parts payloads between two records.
//! 7. **Stop.** A shard that is asked to stop polls its deliveries once more at the deadline, and waits 350 ms for the
//!    thread then. A disk that holds the thread for longer has the records lost, and the thread acknowledges none of them.
//! 8. **A panic of the thread** fails all requests, those of the future too.
//! 9. **A forked child** has no such thread. It touches no lock of the queue, and drops nothing of it.

mod answer;
mod client;
mod feeding;
mod queue;
mod records;
mod rotations;
mod thread;

use std::{
    cell::Cell,
    path::Path,
    rc::Rc,
    sync::{Arc, Mutex, Weak},
};

use fapilog_plugin::{
    factory::ShardInfo,
    formatter::Formatter,
    sink::{Sink, SinkContext, SinkError},
    threads::lock,
};

use self::{
    answer::ShardWaker,
    client::{FillingLayout, OneFileClient},
    queue::WriterQueue,
};
use crate::{
    rotate::due::RotationDue,
    settings::FileOptions,
    stream::FileStream,
    stream_plan::{StreamPlan, blocks},
};

/// Blocks of a shard: the one being filled, and those that wait for the thread.
const SHARD_BLOCKS: usize = 3;

/// The writer that the sinks of all shards share. A file's factory has it.
#[derive(Debug, Default)]
pub(crate) struct SharedWriter(Mutex<Weak<WriterQueue>>);

impl SharedWriter {
    /// The sink of a shard. The first one opens the file.
    ///
    /// # Errors
    /// When the file cannot be opened, or the system refuses memory or a thread.
    pub(crate) fn join(
        &self,
        path: &Path,
        formatter: Box<dyn Formatter>,
        options: &FileOptions,
        context: &SinkContext<'_>,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let plan = StreamPlan::new(path, ShardInfo::new(0, 1), options, formatter.writes_lines(), context)?;
        let queue = WriterQueue::new(options.block_bytes, plan.is_short_of_room());
        let live = plan.live().to_owned();
        self.join_or_start(&live, formatter, options, context, queue, move || plan.open())
    }

    fn join_or_start(
        &self,
        path: &Path,
        formatter: Box<dyn Formatter>,
        options: &FileOptions,
        context: &SinkContext<'_>,
        new: WriterQueue,
        open: impl FnOnce() -> Result<FileStream, SinkError> + Send + 'static,
    ) -> Result<Box<dyn Sink>, SinkError> {
        let shard = place_of(context.shard);
        let waker = Arc::<ShardWaker>::default();
        let mut shared = lock(&self.0);
        let blocks = blocks(SHARD_BLOCKS, options.block_bytes, path)?;
        let joined = match shared.upgrade().filter(|queue| queue.process().is_this()) {
            Some(queue) => queue.join(shard, blocks, &waker).map(|()| queue),
            None => Err(blocks),
        };
        let queue = match joined {
            Ok(queue) => queue,
            Err(blocks) => {
                let queue = Arc::new(new);
                // A new queue has a place for each shard.
                let _ = queue.join(shard, blocks, &waker);
                thread::start(&queue, path, context.reporter(), open)?;
                *shared = Arc::downgrade(&queue);
                queue
            }
        };
        drop(shared);
        let payload_bytes = options.rotate.bytes.and_then(|bytes| usize::try_from(bytes).ok());
        Ok(Box::new(OneFileClient {
            shard,
            formatter,
            is_short_of_room: queue.is_short_of_room(),
            queue: Some(queue),
            waker,
            retries: Cell::default(),
            payload_bytes: payload_bytes.unwrap_or(usize::MAX).min(options.block_bytes),
            period: RotationDue::new(None, options.rotate.schedule(), None),
            filling: FillingLayout::default(),
            deadline: Rc::default(),
        }))
    }
}

/// The place of a shard: its number. A shard that takes over from an abandoned one, whose sink has that place still, has another.
fn place_of(shard: ShardInfo) -> usize {
    let abandoned = usize::try_from(shard.abandoned).unwrap_or(usize::MAX);
    abandoned.saturating_mul(shard.count).saturating_add(shard.index)
}

#[cfg(test)]
mod tests;
