//! io_uring.

use std::{io, mem::ManuallyDrop, os::fd::AsRawFd};

use io_uring::{IoUring, Probe, cqueue, opcode, squeue, types};

use fapilog_plugin::threads::process::OwnProcess;

use super::{Completion, Engine, Files, Request, Work};
use crate::block::{Block, Registered};

/// From `linux/io_uring.h`.
const IORING_ENTER_GETEVENTS: u32 = 1;

/// Writes by a ring of its own, used by one thread.
pub(crate) struct UringEngine {
    files: Files,
    /// Dropped before `slots`, unless the kernel still uses the buffers there.
    ring: ManuallyDrop<IoUring>,
    /// What is under way, by the number that the kernel is given. The buffers in here do not move.
    slots: ManuallyDrop<Vec<Option<Request>>>,
    under_way: usize,
    /// The process whose ring it is.
    process: OwnProcess,
}

impl UringEngine {
    /// A ring for `depth` requests at once, which has been seen to work.
    pub(crate) fn new(files: Files, depth: usize) -> io::Result<Self> {
        let mut ring = ring(u32::try_from(depth).unwrap_or(64))?;
        ask_for_operations(&ring)?;
        try_out(&mut ring)?;
        let slots = (0..depth).map(|_| None).collect();
        Ok(Self {
            files,
            ring: ManuallyDrop::new(ring),
            slots: ManuallyDrop::new(slots),
            under_way: 0,
            process: OwnProcess::this(),
        })
    }

    /// Has the kernel hold the blocks' memory, so that it need not look their pages up with each write. Where it will not
    /// (the locked-memory limit), they are written all the same.
    pub(crate) fn register(&self, blocks: &mut [Block]) {
        let known: Vec<Registered> = (0..)
            .zip(blocks.iter())
            .map(|(index, block)| Registered {
                index,
                address: block.bytes.as_ptr().addr(),
                capacity_bytes: block.bytes.capacity(),
            })
            .collect();
        let vectors: Vec<libc::iovec> = blocks
            .iter_mut()
            .map(|block| libc::iovec { iov_base: block.bytes.as_mut_ptr().cast(), iov_len: block.bytes.capacity() })
            .collect();
        // SAFETY: each vector is a live allocation. The kernel pins its pages: should the allocation be freed before the
        // ring is, the pages stay the kernel's, and `Block::registered_index` sees to it that they are not used any more.
        if unsafe { self.ring.submitter().register_buffers(&vectors) }.is_ok() {
            for (block, registered) in blocks.iter_mut().zip(known) {
                block.registered = Some(registered);
            }
        }
    }

    fn entry(&self, slot: usize, work: &Work) -> squeue::Entry {
        let entry = match work {
            Work::Write { path, block, range, offset } => {
                let fd = types::Fd(self.files.get(*path).as_raw_fd());
                let bytes = block.bytes.get(range.clone()).unwrap_or_default();
                // A block is 16 MiB and a batch at most; what is longer is written in part and then on from there.
                let len = u32::try_from(bytes.len()).unwrap_or(1 << 30);
                match block.registered_index() {
                    Some(index) => opcode::WriteFixed::new(fd, bytes.as_ptr(), len, index).offset(*offset).build(),
                    None => opcode::Write::new(fd, bytes.as_ptr(), len).offset(*offset).build(),
                }
            }
            Work::Sync => {
                let fd = types::Fd(self.files.buffered.as_raw_fd());
                opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build()
            }
        };
        entry.user_data(slot as u64)
    }

    /// Gives the kernel what is queued. It has at most as much as the ring holds.
    fn enter(&self) {
        // Interrupted or out of memory for now: the queue is kept, and `reap` tries again.
        let _ = self.ring.submit();
    }

    /// Lets the kernel finish what it leaves to our thread (deferred task work), and submits what is still queued.
    fn run_deferred(&mut self) {
        let (has_work, queued) = {
            let queue = self.ring.submission();
            (queue.taskrun() || queue.cq_overflow(), queue.len())
        };
        if has_work || queued > 0 {
            let to_submit = u32::try_from(queued).unwrap_or(0);
            // SAFETY: no argument is passed; what is submitted was queued by `submit`, which keeps its memory in `slots`.
            let _ = unsafe { self.ring.submitter().enter::<()>(to_submit, 0, IORING_ENTER_GETEVENTS, None) };
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let slot = usize::try_from(entry.user_data()).ok()?;
        let Request { id, work } = self.slots.get_mut(slot)?.take()?;
        self.under_way -= 1;
        let result = match entry.result() {
            negative if negative < 0 => Err(io::Error::from_raw_os_error(-negative)),
            written => Ok(usize::try_from(written).unwrap_or(0)),
        };
        Some(Completion { id, work, result })
    }
}

/// A ring with the flags that suit a single thread, as many of them as the kernel has.
///
/// A forked child does not get its memory, which would be the parent's own and not a copy.
fn ring(depth: u32) -> io::Result<IoUring> {
    // Linux 6.1, 5.19, and before.
    (IoUring::builder().dontfork().setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().build(depth))
        .or_else(|_| IoUring::builder().dontfork().setup_coop_taskrun().setup_taskrun_flag().build(depth))
        .or_else(|_| IoUring::builder().dontfork().build(depth))
}

/// A kernel before 5.6 makes rings, but writes nothing through them.
fn ask_for_operations(ring: &IoUring) -> io::Result<()> {
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    let needed = [opcode::Write::CODE, opcode::WriteFixed::CODE, opcode::Fsync::CODE];
    if needed.into_iter().all(|code| probe.is_supported(code)) {
        return Ok(());
    }
    Err(io::ErrorKind::Unsupported.into())
}

/// A sandbox may let rings be made, and not be entered.
fn try_out(ring: &mut IoUring) -> io::Result<()> {
    // SAFETY: an operation that does nothing, with no memory.
    let pushed = unsafe { ring.submission().push(&opcode::Nop::new().build()) };
    pushed.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    ring.completion().for_each(drop);
    Ok(())
}

impl Engine for UringEngine {
    fn name(&self) -> &'static str {
        "io_uring"
    }

    fn has_room(&self) -> bool {
        self.under_way < self.slots.len()
    }

    fn submit(&mut self, request: Request) {
        let Some(slot) = self.slots.iter().position(Option::is_none) else { return };
        let entry = self.entry(slot, &request.work);
        // The vector moves, what it points at does not.
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(request);
        }
        self.under_way += 1;
        // SAFETY: the entry points into a buffer that `slots` owns until its completion has come; an engine that is
        // dropped before leaks it. The queue has room: it is as long as `slots`.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        debug_assert!(pushed.is_ok(), "the submission queue is as long as the slots");
        self.enter();
    }

    fn reap(&mut self, done: &mut dyn FnMut(Completion)) {
        if self.under_way == 0 {
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

    fn under_way(&self) -> usize {
        self.under_way
    }

    fn files(&self) -> &Files {
        &self.files
    }
}

impl UringEngine {
    /// What is left to do in a forked child: the ring is its parent's. It lets go of the descriptor and of nothing else, for
    /// where the ring's memory was there may be another's by now.
    fn let_go(&self) {
        // SAFETY: the descriptor is the ring's, which is never dropped in this process.
        unsafe { libc::close(self.ring.as_raw_fd()) };
    }
}

impl Drop for UringEngine {
    fn drop(&mut self) {
        if !self.process.is_this() {
            return self.let_go();
        }
        self.reap(&mut drop);
        if self.under_way > 0 {
            // The disk does not answer. Buffers that the kernel may still read are its own from now on; so is the ring.
            return;
        }
        // SAFETY: dropped here and nowhere else; nothing is under way.
        unsafe { ManuallyDrop::drop(&mut self.ring) };
        // SAFETY: as above.
        unsafe { ManuallyDrop::drop(&mut self.slots) };
    }
}
