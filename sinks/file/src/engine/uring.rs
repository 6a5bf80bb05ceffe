//! io_uring.

use std::{io, mem::ManuallyDrop, os::fd::AsRawFd};

use io_uring::{IoUring, Probe, cqueue, opcode, squeue, types};

use fapilog_plugin::threads::process::OwnProcess;

use super::{EngineRefusal, IoCompletion, IoRequest, REQUESTS_MAX, WriteEngine, WritePlace, offset};

/// From `linux/io_uring.h`.
const IORING_ENTER_GETEVENTS: u32 = 1;

/// Writes through its own ring, which one thread uses.
pub(crate) struct UringEngine {
    /// Dropped before `slots`, unless the kernel still uses the buffers there.
    ring: ManuallyDrop<IoUring>,
    /// Requests in flight, by the number that the kernel is given. Their vectors and buffers do not move.
    slots: ManuallyDrop<[Option<SubmittedRequest>; REQUESTS_MAX]>,
    in_flight: usize,
    /// The error of the kernel that refuses the ring for good: a sandbox was entered, or the descriptor was closed.
    refused: Option<io::Error>,
    /// The process that made the ring.
    process: OwnProcess,
}

/// A request in flight, and the addresses of its bytes for the kernel.
struct SubmittedRequest {
    request: IoRequest,
    vectors: Vec<libc::iovec>,
}

impl SubmittedRequest {
    fn new(request: IoRequest) -> Self {
        let ranges = match &request {
            IoRequest::Write { ranges, .. } => ranges.as_slice(),
            IoRequest::Sync { .. } => &[],
        };
        let vectors = ranges.iter().map(|range| vector(range.bytes())).collect();
        Self { request, vectors }
    }
}

/// The address of bytes that the kernel reads.
fn vector(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

impl UringEngine {
    /// A ring that has executed a trial request.
    pub(crate) fn new() -> io::Result<Self> {
        let mut ring = ring(REQUESTS_MAX as u32)?;
        check_operations(&ring)?;
        execute_nop(&mut ring)?;
        let slots = std::array::from_fn(|_| None);
        Ok(Self {
            ring: ManuallyDrop::new(ring),
            slots: ManuallyDrop::new(slots),
            in_flight: 0,
            refused: None,
            process: OwnProcess::this(),
        })
    }

    fn entry(slot: usize, request: &SubmittedRequest) -> squeue::Entry {
        let entry = match &request.request {
            IoRequest::Write { file, path, place, ranges } => {
                let fd = types::Fd(file.get(*path).as_raw_fd());
                let count = u32::try_from(request.vectors.len()).unwrap_or(0);
                let flags = if *place == WritePlace::End { libc::RWF_APPEND } else { 0 };
                let write = opcode::Writev::new(fd, request.vectors.as_ptr(), count);
                write.offset(offset(ranges)).rw_flags(flags).build()
            }
            IoRequest::Sync { file } => {
                let fd = types::Fd(file.buffered.as_raw_fd());
                opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build()
            }
        };
        entry.user_data(slot as u64)
    }

    /// Submits the queued entries to the kernel: at most as many as the ring has.
    fn enter(&mut self) {
        let entered = self.ring.submit();
        self.take_error(entered);
    }

    /// Keeps an error that will not pass. After another, the queue is kept, and `reap` submits it again.
    fn take_error(&mut self, entered: io::Result<usize>) {
        if let Err(error) = entered
            && !is_temporary(&error)
        {
            self.refused = Some(error);
        }
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
            let entered = unsafe { self.ring.submitter().enter::<()>(to_submit, 0, IORING_ENTER_GETEVENTS, None) };
            self.take_error(entered);
        }
    }

    fn complete(&mut self, entry: &cqueue::Entry) -> Option<IoCompletion> {
        let slot = usize::try_from(entry.user_data()).ok()?;
        let SubmittedRequest { request, .. } = self.slots.get_mut(slot)?.take()?;
        self.in_flight -= 1;
        let result = match entry.result() {
            negative if negative < 0 => Err(io::Error::from_raw_os_error(-negative)),
            written => Ok(usize::try_from(written).unwrap_or(0)),
        };
        Some(IoCompletion { request, result })
    }

    /// The requests in flight, and whether the kernel may have them. Then they stay where they are, and are copied: `None` if
    /// there is no memory for a copy.
    fn take_requests(&mut self) -> Option<(Vec<IoRequest>, bool)> {
        let queued = self.ring.submission().len();
        let submitted = self.slots.iter().flatten();
        if queued < self.in_flight {
            let copied = submitted.map(|submitted| submitted.request.copied()).collect::<Option<_>>();
            return copied.map(|requests| (requests, true));
        }
        self.in_flight = 0;
        Some((self.slots.iter_mut().filter_map(Option::take).map(|submitted| submitted.request).collect(), false))
    }
}

/// Whether the same system call may succeed later.
fn is_temporary(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN | libc::EBUSY | libc::ENOMEM))
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
    let needed = [opcode::Writev::CODE, opcode::Fsync::CODE];
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

    fn submit(&mut self, request: IoRequest) {
        let free = self.slots.iter().position(Option::is_none);
        debug_assert!(free.is_some(), "more than {REQUESTS_MAX} requests are submitted at once");
        let Some(slot) = free else { return };
        let request = SubmittedRequest::new(request);
        let entry = Self::entry(slot, &request);
        // The move leaves the vectors and the blocks, which are on the heap, at the same addresses.
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(request);
        }
        self.in_flight += 1;
        // SAFETY: the entry points to the vectors, and these to the blocks. `slots` owns both, and the file with its
        // descriptor, until the completion, and nothing changes them there; an engine that is dropped earlier leaks them. The
        // queue has room: it is as long as `slots`.
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

    fn take_refusal(&mut self) -> Option<EngineRefusal> {
        self.refused.as_ref()?;
        let (requests, may_execute) = self.take_requests()?;
        let error = self.refused.take()?;
        Some(EngineRefusal { error, requests, may_execute })
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
