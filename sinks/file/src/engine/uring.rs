//! io_uring.

use std::{io, mem::ManuallyDrop, os::fd::AsRawFd};

use io_uring::{IoUring, Probe, cqueue, opcode, squeue, types};

use fapilog_plugin::threads::process::OwnProcess;

use super::{FileHandles, IoCompletion, IoRequest, IoWork, WriteEngine};
use crate::block::{Block, RegisteredBuffer};

/// From `linux/io_uring.h`.
const IORING_ENTER_GETEVENTS: u32 = 1;

/// Writes through its own ring, which one thread uses.
pub(crate) struct UringEngine {
    files: FileHandles,
    /// Dropped before `slots`, unless the kernel still uses the buffers there.
    ring: ManuallyDrop<IoUring>,
    /// Requests in flight, by the number that the kernel is given. Their buffers do not move.
    slots: ManuallyDrop<Vec<Option<IoRequest>>>,
    in_flight: usize,
    /// The process that made the ring.
    process: OwnProcess,
}

impl UringEngine {
    /// A ring for `depth` requests in flight, which has executed a trial request.
    pub(crate) fn new(files: FileHandles, depth: usize) -> io::Result<Self> {
        let mut ring = ring(u32::try_from(depth).unwrap_or(64))?;
        check_operations(&ring)?;
        execute_nop(&mut ring)?;
        let slots = (0..depth).map(|_| None).collect();
        Ok(Self {
            files,
            ring: ManuallyDrop::new(ring),
            slots: ManuallyDrop::new(slots),
            in_flight: 0,
            process: OwnProcess::this(),
        })
    }

    /// Registers the blocks' memory with the kernel, which then looks up no pages at each write. A refusal (the
    /// locked-memory limit) leaves the blocks unregistered; writes work without it.
    pub(crate) fn register(&self, blocks: &mut [Block]) {
        let known: Vec<RegisteredBuffer> = (0..)
            .zip(blocks.iter())
            .map(|(index, block)| RegisteredBuffer {
                index,
                address: block.bytes.as_ptr().addr(),
                capacity_bytes: block.bytes.capacity(),
            })
            .collect();
        let vectors: Vec<libc::iovec> = blocks
            .iter_mut()
            .map(|block| libc::iovec { iov_base: block.bytes.as_mut_ptr().cast(), iov_len: block.bytes.capacity() })
            .collect();
        // SAFETY: each vector is a live allocation, and the kernel pins its pages. An allocation that is freed before the ring
        // leaves the pages to the kernel, and `Block::registered_index` rejects the index from then on.
        if unsafe { self.ring.submitter().register_buffers(&vectors) }.is_ok() {
            for (block, registered) in blocks.iter_mut().zip(known) {
                block.registered = Some(registered);
            }
        }
    }

    fn entry(&self, slot: usize, work: &IoWork) -> squeue::Entry {
        let entry = match work {
            IoWork::Write { path, block, range, offset } => {
                let fd = types::Fd(self.files.get(*path).as_raw_fd());
                let bytes = block.bytes.get(range.clone()).unwrap_or_default();
                // A block is at most 16 MiB plus one batch. Longer data is written in part, and the writer submits its tail.
                let len = u32::try_from(bytes.len()).unwrap_or(1 << 30);
                match block.registered_index() {
                    Some(index) => opcode::WriteFixed::new(fd, bytes.as_ptr(), len, index).offset(*offset).build(),
                    None => opcode::Write::new(fd, bytes.as_ptr(), len).offset(*offset).build(),
                }
            }
            IoWork::Sync => {
                let fd = types::Fd(self.files.buffered.as_raw_fd());
                opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build()
            }
        };
        entry.user_data(slot as u64)
    }

    /// Submits the queued entries to the kernel: at most as many as the ring has.
    fn enter(&self) {
        // After EINTR or ENOMEM the queue is kept, and `reap` submits it again.
        let _ = self.ring.submit();
    }

    /// Runs the work that the kernel defers to this thread (deferred task work), and submits entries that are still queued.
    fn run_deferred(&mut self) {
        let (has_work, queued) = {
            let queue = self.ring.submission();
            (queue.taskrun() || queue.cq_overflow(), queue.len())
        };
        if has_work || queued > 0 {
            let to_submit = u32::try_from(queued).unwrap_or(0);
            // SAFETY: the call has no argument. `submit` queued the entries, and keeps their memory in `slots`.
            let _ = unsafe { self.ring.submitter().enter::<()>(to_submit, 0, IORING_ENTER_GETEVENTS, None) };
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> Option<IoCompletion> {
        let slot = usize::try_from(entry.user_data()).ok()?;
        let IoRequest { id, work } = self.slots.get_mut(slot)?.take()?;
        self.in_flight -= 1;
        let result = match entry.result() {
            negative if negative < 0 => Err(io::Error::from_raw_os_error(-negative)),
            written => Ok(usize::try_from(written).unwrap_or(0)),
        };
        Some(IoCompletion { id, work, result })
    }
}

/// A ring with the flags for a single thread, as many as the kernel has.
///
/// A forked child does not inherit its memory, which parent and child would share.
fn ring(depth: u32) -> io::Result<IoUring> {
    // Linux 6.1, 5.19, and before.
    (IoUring::builder().dontfork().setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().build(depth))
        .or_else(|_| IoUring::builder().dontfork().setup_coop_taskrun().setup_taskrun_flag().build(depth))
        .or_else(|_| IoUring::builder().dontfork().build(depth))
}

/// Checks that the kernel has the operations: before 5.6 it makes rings, but cannot write through them.
fn check_operations(ring: &IoUring) -> io::Result<()> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    let needed = [opcode::Write::CODE, opcode::WriteFixed::CODE, opcode::Fsync::CODE];
    if needed.into_iter().all(|code| probe.is_supported(code)) {
        return Ok(());
    }
    Err(io::ErrorKind::Unsupported.into())
}

/// Executes a request that does nothing: a sandbox may allow `io_uring_setup` and refuse `io_uring_enter`.
fn execute_nop(ring: &mut IoUring) -> io::Result<()> {
    // SAFETY: the operation does nothing, and uses no memory.
    let pushed = unsafe { ring.submission().push(&opcode::Nop::new().build()) };
    pushed.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    ring.completion().for_each(drop);
    Ok(())
}

impl WriteEngine for UringEngine {
    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.slots.len()
    }

    fn submit(&mut self, request: IoRequest) {
        let free = self.slots.iter().position(Option::is_none);
        debug_assert!(free.is_some(), "a request is submitted to an engine without room");
        let Some(slot) = free else { return };
        let entry = self.entry(slot, &request.work);
        // The move of the block leaves its heap buffer at the same address.
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(request);
        }
        self.in_flight += 1;
        // SAFETY: the entry points into a buffer that `slots` owns until its completion; an engine that is dropped earlier
        // leaks the buffer. The queue has room: it is as long as `slots`.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        debug_assert!(pushed.is_ok(), "the submission queue is as long as the slots");
        self.enter();
    }

    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion)) {
        if self.in_flight == 0 {
            return;
        }
        self.run_deferred();
        loop {
            let entry = self.ring.completion().next();
            let Some(entry) = entry else { break };
            if let Some(completion) = self.complete(&entry) {
                done(completion);
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn files(&self) -> &FileHandles {
        &self.files
    }
}

impl UringEngine {
    /// Closes the descriptor and frees nothing else, in a forked child: the ring belongs to the parent, and the address of
    /// its memory may have another owner in the child.
    fn close_in_child(&self) {
        // SAFETY: the descriptor belongs to the ring, which is never dropped in this process.
        unsafe { libc::close(self.ring.as_raw_fd()) };
    }
}

impl Drop for UringEngine {
    fn drop(&mut self) {
        if !self.process.is_this() {
            return self.close_in_child();
        }
        self.reap(&mut drop);
        if self.in_flight > 0 {
            // The disk does not answer. The kernel may still read the buffers: they are leaked, and so is the ring.
            return;
        }
        // SAFETY: the only drop of the ring, with no request in flight.
        unsafe { ManuallyDrop::drop(&mut self.ring) };
        // SAFETY: the only drop of the slots, with no request in flight.
        unsafe { ManuallyDrop::drop(&mut self.slots) };
    }
}

#[cfg(test)]
mod tests;
