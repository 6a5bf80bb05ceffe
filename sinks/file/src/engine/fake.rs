//! An engine whose requests complete as a test asks, and that asserts the rules of requests in flight.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{FileHandles, IoCompletion, IoRequest, IoWork, WriteEngine, WritePath};
use crate::open::PAGE_BYTES;

/// The end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    Done,
    /// At most that many bytes are written.
    Short(usize),
    Error(i32),
}

/// A file on a disk whose pace the test sets.
#[derive(Debug, Clone)]
pub(crate) struct FakeDisk(Rc<RefCell<FakeDiskState>>);

#[derive(Debug)]
struct FakeDiskState {
    file: File,
    /// Submitted, and not executed.
    pending: Vec<IoRequest>,
    /// Executed, and not reaped.
    done: VecDeque<IoCompletion>,
    room: usize,
    /// Where the content lies that readers may have in the page cache: buffered writes, and the file before the first one.
    buffered_end: u64,
}

/// The path and the range of a pending write.
type PendingWrite = (WritePath, Range<u64>);

impl FakeDisk {
    pub(crate) fn new(content: &[u8]) -> Self {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(content, 0).unwrap();
        let buffered_end = content.len() as u64;
        let (pending, done) = (Vec::new(), VecDeque::new());
        Self(Rc::new(RefCell::new(FakeDiskState { file, pending, done, room: 64, buffered_end })))
    }

    pub(crate) fn with_room(self, room: usize) -> Self {
        self.0.borrow_mut().room = room;
        self
    }

    pub(crate) fn engine(&self) -> Box<dyn WriteEngine> {
        let buffered = self.file();
        Box::new(FakeEngine { disk: self.clone(), files: FileHandles { buffered, direct: None } })
    }

    pub(crate) fn file(&self) -> File {
        self.0.borrow().file.try_clone().unwrap()
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        let file = self.file();
        let mut content = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut content, 0).unwrap();
        content
    }

    /// The pending writes, in the order of their submission.
    pub(crate) fn pending(&self) -> Vec<PendingWrite> {
        self.0.borrow().pending.iter().filter_map(|request| place(&request.work)).collect()
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.0.borrow().pending.len()
    }

    /// Whether a sync is pending.
    pub(crate) fn is_syncing(&self) -> bool {
        self.0.borrow().pending.iter().any(|request| matches!(request.work, IoWork::Sync))
    }

    /// Executes the pending request at `index`. The writer sees it at its next `turn`.
    pub(crate) fn finish(&self, index: usize, outcome: RequestOutcome) {
        let mut state = self.0.borrow_mut();
        let IoRequest { id, work } = state.pending.remove(index);
        let result = execute(&state.file, &work, outcome);
        state.done.push_back(IoCompletion { id, work, result });
    }

    pub(crate) fn finish_all(&self) {
        while self.pending_count() > 0 {
            self.finish(0, RequestOutcome::Done);
        }
    }
}

fn execute(file: &File, work: &IoWork, outcome: RequestOutcome) -> io::Result<usize> {
    let most = match outcome {
        RequestOutcome::Done => usize::MAX,
        RequestOutcome::Short(bytes) => bytes,
        RequestOutcome::Error(errno) => return Err(io::Error::from_raw_os_error(errno)),
    };
    let IoWork::Write { block, range, offset, .. } = work else { return Ok(0) };
    let bytes = &block.bytes[range.clone()];
    let bytes = &bytes[..bytes.len().min(most)];
    file.write_all_at(bytes, *offset).unwrap();
    Ok(bytes.len())
}

fn place(work: &IoWork) -> Option<PendingWrite> {
    match work {
        IoWork::Write { path, range, offset, .. } => Some((*path, *offset..*offset + range.len() as u64)),
        IoWork::Sync => None,
    }
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

struct FakeEngine {
    disk: FakeDisk,
    files: FileHandles,
}

impl FakeEngine {
    /// Asserts the alignment of direct writes, and rule 5.
    fn assert_rules(&self, work: &IoWork) {
        let IoWork::Write { path, block, range, offset } = work else { return };
        assert!(range.start < range.end && range.end <= block.bytes.len(), "a write of nothing: {range:?}");
        let Some((_, bytes)) = place(work) else { return };
        if *path == WritePath::Direct {
            assert!(block.is_aligned(range.start), "not on a page boundary in memory");
            assert!(offset.is_multiple_of(PAGE_BYTES as u64), "not on a page boundary in the file: {offset}");
            assert!(range.len().is_multiple_of(PAGE_BYTES), "not whole pages: {range:?}");
            let buffered_end = self.disk.0.borrow().buffered_end;
            assert!(
                buffered_end <= *offset,
                "a direct write at {offset} on a page of a buffered write, up to {buffered_end}"
            );
        }
        for (other_path, other) in self.disk.pending() {
            assert!(!overlap(&bytes, &other), "{bytes:?} and {other:?} at once");
            let is_overtaken = other_path != *path && other.start < bytes.start;
            assert!(!is_overtaken, "{bytes:?} overtakes {other:?}");
        }
    }
}

impl WriteEngine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn has_room(&self) -> bool {
        self.in_flight() < self.disk.0.borrow().room
    }

    fn submit(&mut self, request: IoRequest) {
        assert!(self.has_room(), "submitted without room");
        self.assert_rules(&request.work);
        let mut state = self.disk.0.borrow_mut();
        if let Some((WritePath::Buffered, bytes)) = place(&request.work) {
            state.buffered_end = state.buffered_end.max(bytes.end);
        }
        state.pending.push(request);
    }

    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion)) {
        let completions = std::mem::take(&mut self.disk.0.borrow_mut().done);
        completions.into_iter().for_each(done);
    }

    fn in_flight(&self) -> usize {
        let state = self.disk.0.borrow();
        state.pending.len() + state.done.len()
    }

    fn files(&self) -> &FileHandles {
        &self.files
    }
}

/// A clock that the test sets.
#[derive(Debug)]
pub(crate) struct FakeClock(Instant);

impl FakeClock {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(&self) -> Instant {
        self.0
    }

    pub(crate) fn advance(&mut self, time: Duration) -> Instant {
        self.0 += time;
        self.0
    }
}
