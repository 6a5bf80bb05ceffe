//! An engine whose requests complete as a test asks, and that asserts rule 5.

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::File,
    io,
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    rc::Rc,
    time::{Duration, Instant},
};

use super::{IoCompletion, IoRequest, REQUESTS_MAX, WriteEngine, WritePath, WritePlace, offset};
use crate::{
    block::BlockRange,
    open::{LogFile, PAGE_BYTES},
};

/// The end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    Done,
    /// At most that many bytes are written.
    Short(usize),
    Error(i32),
}

/// A disk whose pace the test sets. Most tests use its first file alone.
#[derive(Debug, Clone)]
pub(crate) struct FakeDisk(Rc<RefCell<FakeDiskState>>);

#[derive(Debug)]
struct FakeDiskState {
    files: Vec<FakeFile>,
    /// Submitted, and not executed.
    pending: Vec<IoRequest>,
    /// Executed, and not reaped.
    done: VecDeque<IoCompletion>,
}

#[derive(Debug)]
struct FakeFile {
    file: File,
    /// Where the written bytes end.
    written_end: u64,
    /// Where the content lies that readers may have in the page cache: buffered writes, and the file before the first one.
    buffered_end: u64,
}

impl FakeFile {
    fn new(file: File, content: &[u8]) -> Self {
        file.write_all_at(content, 0).unwrap();
        Self { file, written_end: content.len() as u64, buffered_end: content.len() as u64 }
    }

    /// The file as the writer opens it.
    fn log_file(&self) -> LogFile {
        let end = self.written_end;
        let mut partial_page = vec![0; (end % PAGE_BYTES as u64) as usize];
        let page_start = end - partial_page.len() as u64;
        self.file.read_exact_at(&mut partial_page, page_start).unwrap();
        LogFile {
            buffered: self.file.try_clone().unwrap(),
            direct: Ok(self.file.try_clone().unwrap()),
            end,
            partial_page,
            has_torn_line: false,
            created: None,
        }
    }
}

impl FakeDiskState {
    /// The file of a request.
    fn file_of(&mut self, request: &IoRequest) -> &mut FakeFile {
        let (IoRequest::Write { file, .. } | IoRequest::Sync { file }) = request;
        let inode = |file: &File| file.metadata().unwrap().ino();
        let wanted = inode(&file.buffered);
        self.files.iter_mut().find(|known| inode(&known.file) == wanted).unwrap()
    }
}

/// The path and the range of a pending write.
type PendingWrite = (WritePath, Range<u64>);

impl FakeDisk {
    pub(crate) fn new(content: &[u8]) -> Self {
        Self::in_file(tempfile::tempfile().unwrap(), content)
    }

    /// A disk with this file, which has this content.
    pub(crate) fn in_file(file: File, content: &[u8]) -> Self {
        let (pending, done) = (Vec::new(), VecDeque::new());
        let files = vec![FakeFile::new(file, content)];
        Self(Rc::new(RefCell::new(FakeDiskState { files, pending, done })))
    }

    /// Makes another file with this content. Returns it as the writer opens it.
    pub(crate) fn add_file(&self, content: &[u8]) -> LogFile {
        let file = FakeFile::new(tempfile::tempfile().unwrap(), content);
        let opened = file.log_file();
        self.0.borrow_mut().files.push(file);
        opened
    }

    pub(crate) fn engine(&self) -> Box<dyn WriteEngine> {
        Box::new(FakeEngine { disk: self.clone() })
    }

    /// The first file as the writer opens it.
    pub(crate) fn log_file(&self) -> LogFile {
        self.0.borrow().files[0].log_file()
    }

    pub(crate) fn file(&self) -> File {
        self.file_at(0)
    }

    fn file_at(&self, index: usize) -> File {
        self.0.borrow().files[index].file.try_clone().unwrap()
    }

    pub(crate) fn content(&self) -> Vec<u8> {
        self.content_at(0)
    }

    /// The content of all files, one behind the other.
    pub(crate) fn all_content(&self) -> Vec<u8> {
        let count = self.0.borrow().files.len();
        (0..count).flat_map(|index| self.content_at(index)).collect()
    }

    /// The content of the file that was made as the `index`-th, from 0.
    pub(crate) fn content_at(&self, index: usize) -> Vec<u8> {
        let file = self.file_at(index);
        let mut content = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut content, 0).unwrap();
        content
    }

    /// Has another program truncate the file.
    pub(crate) fn truncate(&self, length: u64) {
        self.truncate_at(0, length);
    }

    /// Has another program append to the file.
    pub(crate) fn grow(&self, bytes: &[u8]) {
        self.grow_at(0, bytes);
    }

    /// The number of files.
    pub(crate) fn file_count(&self) -> usize {
        self.0.borrow().files.len()
    }

    /// Has another program truncate the file that was made as the `index`-th.
    pub(crate) fn truncate_at(&self, index: usize, length: u64) {
        let mut state = self.0.borrow_mut();
        let FakeFile { file, written_end, buffered_end } = &mut state.files[index];
        file.set_len(length).unwrap();
        (*written_end, *buffered_end) = (length, length);
    }

    /// Has another program append to the file that was made as the `index`-th.
    pub(crate) fn grow_at(&self, index: usize, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        let FakeFile { file, written_end, buffered_end } = &mut state.files[index];
        let length = file.metadata().unwrap().len();
        file.write_all_at(bytes, length).unwrap();
        *written_end = length + bytes.len() as u64;
        *buffered_end = *written_end;
    }

    /// The pending writes, in the order of their submission.
    pub(crate) fn pending(&self) -> Vec<PendingWrite> {
        self.0.borrow().pending.iter().filter_map(place).collect()
    }

    /// Takes the first pending request away, as an engine that ends does.
    pub(crate) fn take_pending(&self) -> IoRequest {
        self.0.borrow_mut().pending.remove(0)
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.0.borrow().pending.len()
    }

    /// Whether a sync is pending.
    pub(crate) fn is_syncing(&self) -> bool {
        self.0.borrow().pending.iter().any(|request| matches!(request, IoRequest::Sync { .. }))
    }

    /// Executes the pending request at `index`. The writer sees it at its next `turn`.
    pub(crate) fn finish(&self, index: usize, outcome: RequestOutcome) {
        let mut state = self.0.borrow_mut();
        let request = state.pending.remove(index);
        let file = state.file_of(&request);
        let result = execute(&file.file, &request, outcome);
        file.written_end = file.written_end.max(file.file.metadata().unwrap().len());
        state.done.push_back(IoCompletion { request, result });
    }

    pub(crate) fn finish_all(&self) {
        while self.pending_count() > 0 {
            self.finish(0, RequestOutcome::Done);
        }
    }
}

fn execute(file: &File, request: &IoRequest, outcome: RequestOutcome) -> io::Result<usize> {
    let most = match outcome {
        RequestOutcome::Done => usize::MAX,
        RequestOutcome::Short(bytes) => bytes,
        RequestOutcome::Error(errno) => return Err(io::Error::from_raw_os_error(errno)),
    };
    let IoRequest::Write { ranges, place, .. } = request else { return Ok(0) };
    let bytes: Vec<u8> = ranges.iter().flat_map(|range| range.bytes()).copied().take(most).collect();
    let offset = match place {
        WritePlace::Offset => offset(ranges),
        WritePlace::End => file.metadata().unwrap().len(),
    };
    file.write_all_at(&bytes, offset).unwrap();
    Ok(bytes.len())
}

fn place(request: &IoRequest) -> Option<PendingWrite> {
    let IoRequest::Write { path, ranges, .. } = request else { return None };
    let last = ranges.last().unwrap();
    Some((*path, offset(ranges)..last.offset + last.range.len() as u64))
}

struct FakeEngine {
    disk: FakeDisk,
}

impl FakeEngine {
    /// Asserts rule 5, and the alignment of direct writes.
    fn assert_rules(&self, request: &IoRequest) {
        let IoRequest::Write { path, ranges, .. } = request else { return };
        let mut state = self.disk.0.borrow_mut();
        assert!(state.pending.iter().all(|request| matches!(request, IoRequest::Sync { .. })), "two writes at once");
        let FakeFile { written_end, buffered_end, .. } = *state.file_of(request);
        assert!(offset(ranges) <= written_end, "a gap from {written_end} to {}", offset(ranges));
        for (range, next) in ranges.iter().zip(ranges.iter().skip(1)) {
            assert_eq!(range.offset + range.range.len() as u64, next.offset, "no range follows the one before it");
        }
        for range in ranges {
            assert!(!range.bytes().is_empty() && range.bytes().len() == range.range.len(), "no such bytes: {range:?}");
            if *path == WritePath::Direct {
                assert_direct(range, buffered_end);
            }
        }
    }
}

fn assert_direct(BlockRange { block, range, offset }: &BlockRange, buffered_end: u64) {
    assert!(block.is_aligned(range.start), "not on a page boundary in memory");
    assert!(offset.is_multiple_of(PAGE_BYTES as u64), "not on a page boundary in the file: {offset}");
    assert!(range.len().is_multiple_of(PAGE_BYTES), "not whole pages: {range:?}");
    assert!(buffered_end <= *offset, "a direct write at {offset} on a page of a buffered write, up to {buffered_end}");
}

impl WriteEngine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn submit(&mut self, request: IoRequest) {
        assert!(self.in_flight() < REQUESTS_MAX, "too many requests at once");
        self.assert_rules(&request);
        let mut state = self.disk.0.borrow_mut();
        if let Some((WritePath::Buffered, bytes)) = place(&request) {
            let file = state.file_of(&request);
            file.buffered_end = file.buffered_end.max(bytes.end);
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
