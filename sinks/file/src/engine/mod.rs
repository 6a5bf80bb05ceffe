//! Engines, which execute writes.

#[cfg(test)]
pub(super) mod fake;
mod pwrite;
mod uring;

use std::{fs::File, io, rc::Rc};

pub(super) use self::{pwrite::PwriteEngine, uring::UringEngine};
use super::block::BlockRange;

/// Most requests in flight at once: a write (rule 5) and a sync.
pub(super) const REQUESTS_MAX: usize = 2;

/// The descriptor that a write uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WritePath {
    Buffered,
    Direct,
}

/// The place of a write in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WritePlace {
    /// The end of the file (`RWF_APPEND`). It is the offset of the first range, unless another program changes the file's length
    /// during the write: then there is no hole, and nothing is overwritten.
    End,
    /// The offset of the first range.
    Offset,
}

/// A request to the engine, which owns the memory of the request until its completion.
#[derive(Debug)]
pub(super) enum IoRequest {
    /// Writes all ranges in one system call, each where the range before it ends in the file.
    Write { file: Rc<FileHandles>, path: WritePath, place: WritePlace, ranges: Vec<BlockRange> },
    /// Makes the written bytes of the file durable (`fdatasync`).
    Sync { file: Rc<FileHandles> },
}

impl IoRequest {
    /// The same request with memory of its own; `None` if there is none.
    fn copied(&self) -> Option<Self> {
        Some(match self {
            Self::Write { file, path, place, ranges } => {
                let ranges = ranges.iter().map(BlockRange::copied).collect::<Option<_>>()?;
                Self::Write { file: Rc::clone(file), path: *path, place: *place, ranges }
            }
            Self::Sync { file } => Self::Sync { file: Rc::clone(file) },
        })
    }
}

/// The offset of the first of the ranges of a write.
fn offset(ranges: &[BlockRange]) -> u64 {
    ranges.first().map_or(0, |first| first.offset)
}

/// A request that has succeeded or failed.
#[derive(Debug)]
pub(super) struct IoCompletion {
    pub(super) request: IoRequest,
    /// The number of bytes that were written.
    pub(super) result: io::Result<usize>,
}

/// The end of an engine that the system no longer lets work.
#[derive(Debug)]
pub(super) struct EngineRefusal {
    pub(super) error: io::Error,
    /// The requests that were in flight.
    pub(super) requests: Vec<IoRequest>,
    /// Whether the kernel may execute them yet.
    pub(super) may_execute: bool,
}

/// The two descriptors of a file.
#[derive(Debug)]
pub(super) struct FileHandles {
    pub(super) buffered: File,
    pub(super) direct: Option<File>,
}

impl FileHandles {
    /// A direct write without a descriptor for it goes through the page cache.
    fn get(&self, path: WritePath) -> &File {
        match (path, &self.direct) {
            (WritePath::Direct, Some(direct)) => direct,
            _ => &self.buffered,
        }
    }
}

/// Executes a write and a sync at once, in any order.
pub(super) trait WriteEngine {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// Begins a request. Call it only while fewer than [`REQUESTS_MAX`] are in flight.
    fn submit(&mut self, request: IoRequest);

    /// Passes each completion to `done`, without waiting for requests in flight.
    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion));

    /// The number of requests in flight.
    fn in_flight(&self) -> usize;

    /// Ends the engine, if the system has refused it for good: it takes no further request.
    fn take_refusal(&mut self) -> Option<EngineRefusal> {
        None
    }
}
