//! `pwrite`, on the drain's own thread.

use std::{collections::VecDeque, io, os::unix::fs::FileExt};

use super::{FileHandles, IoCompletion, IoRequest, IoWork, WriteEngine};

/// Executes each request inside `submit`, and passes its completion to the next `reap`.
#[derive(Debug)]
pub(crate) struct PwriteEngine {
    files: FileHandles,
    done: VecDeque<IoCompletion>,
}

impl PwriteEngine {
    pub(crate) fn new(files: FileHandles) -> Self {
        Self { files, done: VecDeque::new() }
    }

    fn execute(&self, work: &IoWork) -> io::Result<usize> {
        match work {
            IoWork::Write { path, block, range, offset } => {
                let bytes = block.bytes.get(range.clone()).unwrap_or_default();
                self.files.get(*path).write_at(bytes, *offset)
            }
            IoWork::Sync => self.files.buffered.sync_data().map(|()| 0),
        }
    }
}

impl WriteEngine for PwriteEngine {
    fn name(&self) -> &'static str {
        "pwrite"
    }

    fn has_room(&self) -> bool {
        true
    }

    fn submit(&mut self, IoRequest { id, work }: IoRequest) {
        let result = self.execute(&work);
        self.done.push_back(IoCompletion { id, work, result });
    }

    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion)) {
        self.done.drain(..).for_each(done);
    }

    fn in_flight(&self) -> usize {
        self.done.len()
    }

    fn files(&self) -> &FileHandles {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_flight_until_its_completion_is_reaped() {
        let buffered = tempfile::tempfile().unwrap();
        let mut engine = PwriteEngine::new(FileHandles { buffered, direct: None });
        engine.submit(IoRequest { id: 1, work: IoWork::Sync });
        assert_eq!(engine.in_flight(), 1);
        engine.reap(&mut |completion| assert_eq!(completion.id, 1));
        assert_eq!(engine.in_flight(), 0);
    }
}
