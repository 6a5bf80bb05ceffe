//! An engine that does what a test tells it to, when it tells it to, and that minds the rules.

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

use super::{Completion, Engine, Files, Path, Request, Work};
use crate::open::PAGE_BYTES;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// At most so many bytes are written.
    Short(usize),
    Error(i32),
}

/// A file on a disk whose pace the test sets.
#[derive(Debug, Clone)]
pub(crate) struct FakeDisk(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    file: File,
    /// Begun, and not carried out.
    pending: Vec<Request>,
    /// Carried out, and not handed over.
    done: VecDeque<Completion>,
    room: usize,
}

/// A write that is pending: how, and where.
type Pending = (Path, Range<u64>);

impl FakeDisk {
    pub(crate) fn new(content: &[u8]) -> Self {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(content, 0).unwrap();
        Self(Rc::new(RefCell::new(State { file, pending: Vec::new(), done: VecDeque::new(), room: 64 })))
    }

    pub(crate) fn with_room(self, room: usize) -> Self {
        self.0.borrow_mut().room = room;
        self
    }

    pub(crate) fn engine(&self) -> Box<dyn Engine> {
        let buffered = self.file();
        Box::new(FakeEngine { disk: self.clone(), files: Files { buffered, direct: None } })
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

    /// The writes that are pending, in the order in which they were begun.
    pub(crate) fn pending(&self) -> Vec<Pending> {
        self.0.borrow().pending.iter().filter_map(|request| place(&request.work)).collect()
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.0.borrow().pending.len()
    }

    /// Whether a sync is pending.
    pub(crate) fn is_syncing(&self) -> bool {
        self.0.borrow().pending.iter().any(|request| matches!(request.work, Work::Sync))
    }

    /// Carries out the pending request at `index`. The writer sees it with its next turn.
    pub(crate) fn finish(&self, index: usize, outcome: Outcome) {
        let mut state = self.0.borrow_mut();
        let Request { id, work } = state.pending.remove(index);
        let result = carry_out(&state.file, &work, outcome);
        state.done.push_back(Completion { id, work, result });
    }

    pub(crate) fn finish_all(&self) {
        while self.pending_count() > 0 {
            self.finish(0, Outcome::Done);
        }
    }
}

fn carry_out(file: &File, work: &Work, outcome: Outcome) -> io::Result<usize> {
    let most = match outcome {
        Outcome::Done => usize::MAX,
        Outcome::Short(bytes) => bytes,
        Outcome::Error(errno) => return Err(io::Error::from_raw_os_error(errno)),
    };
    let Work::Write { block, range, offset, .. } = work else { return Ok(0) };
    let bytes = &block.bytes[range.clone()];
    let bytes = &bytes[..bytes.len().min(most)];
    file.write_all_at(bytes, *offset).unwrap();
    Ok(bytes.len())
}

fn place(work: &Work) -> Option<Pending> {
    match work {
        Work::Write { path, range, offset, .. } => Some((*path, *offset..*offset + range.len() as u64)),
        Work::Sync => None,
    }
}

/// The pages that a range of bytes touches.
fn pages(bytes: &Range<u64>) -> Range<u64> {
    bytes.start / PAGE_BYTES as u64..bytes.end.div_ceil(PAGE_BYTES as u64)
}

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start < other.end && other.start < one.end
}

struct FakeEngine {
    disk: FakeDisk,
    files: Files,
}

impl FakeEngine {
    /// What a direct write must be, and rule 5.
    fn mind_the_rules(&self, work: &Work) {
        let Work::Write { path, block, range, offset } = work else { return };
        assert!(range.start < range.end && range.end <= block.bytes.len(), "a write of nothing: {range:?}");
        let Some((_, bytes)) = place(work) else { return };
        if *path == Path::Direct {
            assert!(block.is_aligned(range.start), "not on a page boundary in memory");
            assert!(offset.is_multiple_of(PAGE_BYTES as u64), "not on a page boundary in the file: {offset}");
            assert!(range.len().is_multiple_of(PAGE_BYTES), "not whole pages: {range:?}");
        }
        for (other_path, other) in self.disk.pending() {
            assert!(!overlap(&bytes, &other), "{bytes:?} and {other:?} at once");
            if *path == Path::Direct {
                assert!(!overlap(&pages(&bytes), &pages(&other)), "one page in {bytes:?} and {other:?}");
            } else {
                let is_overtaken = other_path == Path::Direct && other.start < bytes.start;
                assert!(!is_overtaken, "{bytes:?} overtakes {other:?}");
            }
        }
    }
}

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn has_room(&self) -> bool {
        self.under_way() < self.disk.0.borrow().room
    }

    fn submit(&mut self, request: Request) {
        assert!(self.has_room(), "submitted without room");
        self.mind_the_rules(&request.work);
        self.disk.0.borrow_mut().pending.push(request);
    }

    fn reap(&mut self, done: &mut dyn FnMut(Completion)) {
        let completions = std::mem::take(&mut self.disk.0.borrow_mut().done);
        completions.into_iter().for_each(done);
    }

    fn under_way(&self) -> usize {
        let state = self.disk.0.borrow();
        state.pending.len() + state.done.len()
    }

    fn files(&self) -> &Files {
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
