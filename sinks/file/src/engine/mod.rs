//! Engines, which execute writes.

#[cfg(test)]
pub(super) mod fake;
mod pwrite;
mod uring;

use std::{fs::File, io, ops::Range};

pub(super) use self::{pwrite::PwriteEngine, uring::UringEngine};
use super::block::Block;

/// The descriptor that a write uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WritePath {
    Buffered,
    Direct,
}

/// A request to the engine, which owns the memory of the request until its completion.
#[derive(Debug)]
pub(super) struct IoRequest {
    /// The number that the caller has chosen.
    pub(super) id: u64,
    pub(super) work: IoWork,
}

#[derive(Debug)]
pub(super) enum IoWork {
    /// Writes the bytes of `block` in `range` to `offset` of the file.
    Write { path: WritePath, block: Block, range: Range<usize>, offset: u64 },
    /// Makes the written bytes durable (`fdatasync`).
    Sync,
}

/// A request that has succeeded or failed.
#[derive(Debug)]
pub(super) struct IoCompletion {
    pub(super) id: u64,
    pub(super) work: IoWork,
    /// The number of bytes that were written.
    pub(super) result: io::Result<usize>,
}

/// The file's two descriptors.
#[derive(Debug)]
pub(super) struct FileHandles {
    pub(super) buffered: File,
    pub(super) direct: Option<File>,
}

impl FileHandles {
    /// Duplicates both descriptors, for a second engine if the first is refused.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let direct = self.direct.as_ref().map(File::try_clone).transpose()?;
        Ok(Self { buffered: self.buffered.try_clone()?, direct })
    }

    /// A direct write without a descriptor for it goes through the page cache.
    fn get(&self, path: WritePath) -> &File {
        match (path, &self.direct) {
            (WritePath::Direct, Some(direct)) => direct,
            _ => &self.buffered,
        }
    }
}

/// Executes writes, in any order.
pub(super) trait WriteEngine {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// Whether another request may be submitted now.
    fn has_room(&self) -> bool;

    /// Begins a request. Call it only while there [is room](Self::has_room).
    fn submit(&mut self, request: IoRequest);

    /// Passes each completion to `done`, without waiting for requests in flight.
    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion));

    /// The number of requests in flight.
    fn in_flight(&self) -> usize;

    /// The descriptors of the file.
    fn files(&self) -> &FileHandles;
}
