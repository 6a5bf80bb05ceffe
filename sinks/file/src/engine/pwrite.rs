//! `pwritev`, on the drain's own thread.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    rc::Rc,
};

use rustix::io::pwritev;

use super::{FileHandles, IoCompletion, IoRequest, WriteEngine, offset};

/// Executes each request inside `submit`, and passes its completion to the next `reap`.
#[derive(Debug)]
pub(crate) struct PwriteEngine {
    files: Rc<FileHandles>,
    done: VecDeque<IoCompletion>,
}

impl PwriteEngine {
    pub(crate) fn new(files: Rc<FileHandles>) -> Self {
        Self { files, done: VecDeque::new() }
    }

    fn execute(&self, request: &IoRequest) -> io::Result<usize> {
        match request {
            IoRequest::Write { path, ranges } => {
                let slices: Vec<IoSlice<'_>> = ranges.iter().map(|range| IoSlice::new(range.bytes())).collect();
                Ok(pwritev(self.files.get(*path), &slices, offset(ranges))?)
            }
            IoRequest::Sync => self.files.buffered.sync_data().map(|()| 0),
        }
    }
}

impl WriteEngine for PwriteEngine {
    fn name(&self) -> &'static str {
        "pwrite"
    }

    fn submit(&mut self, request: IoRequest) {
        let result = self.execute(&request);
        self.done.push_back(IoCompletion { request, result });
    }

    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion)) {
        self.done.drain(..).for_each(done);
    }

    fn in_flight(&self) -> usize {
        self.done.len()
    }

    fn files(&self) -> &Rc<FileHandles> {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_flight_until_its_completion_is_reaped() {
        let buffered = tempfile::tempfile().unwrap();
        let mut engine = PwriteEngine::new(Rc::new(FileHandles { buffered, direct: None }));
        engine.submit(IoRequest::Sync);
        assert_eq!(engine.in_flight(), 1);
        engine.reap(&mut |completion| assert!(matches!(completion.request, IoRequest::Sync)));
        assert_eq!(engine.in_flight(), 0);
    }
}
