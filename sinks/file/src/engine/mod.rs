//! What carries out writes.

#[cfg(test)]
pub(super) mod fake;
mod pwrite;
mod uring;

use std::{fs::File, io, ops::Range};

pub(super) use self::{pwrite::PwriteEngine, uring::UringEngine};
use super::block::Block;

/// Which of the file's two descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    Buffered,
    Direct,
}

/// Something to be done. The engine owns its memory until it is done.
#[derive(Debug)]
pub(super) struct Request {
    /// The caller's own number.
    pub(super) id: u64,
    pub(super) work: Work,
}

#[derive(Debug)]
pub(super) enum Work {
    /// Writes the bytes of `block` in `range` to `offset` of the file.
    Write { path: Path, block: Block, range: Range<usize>, offset: u64 },
    /// Has the disk make stable what is written (`fdatasync`).
    Sync,
}

/// Something that is done, well or not.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) id: u64,
    pub(super) work: Work,
    /// How many bytes were written.
    pub(super) result: io::Result<usize>,
}

/// The file's two descriptors.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) buffered: File,
    pub(super) direct: Option<File>,
}

impl Files {
    /// The same file once more, for another engine if one cannot be had.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let direct = self.direct.as_ref().map(File::try_clone).transpose()?;
        Ok(Self { buffered: self.buffered.try_clone()?, direct })
    }

    /// A direct write without a descriptor for it goes through the page cache.
    fn get(&self, path: Path) -> &File {
        match (path, &self.direct) {
            (Path::Direct, Some(direct)) => direct,
            _ => &self.buffered,
        }
    }
}

/// Carries out writes, in any order.
pub(super) trait Engine {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// Whether another request may be submitted now.
    fn has_room(&self) -> bool;

    /// Begins what is requested. To be called only while there [is room](Self::has_room).
    fn submit(&mut self, request: Request);

    /// Hands over what is done, without waiting for what is not.
    fn reap(&mut self, done: &mut dyn FnMut(Completion));

    /// How many requests are under way.
    fn under_way(&self) -> usize;

    /// The file that is written.
    fn files(&self) -> &Files;
}
