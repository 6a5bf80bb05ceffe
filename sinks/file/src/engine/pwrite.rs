//! `pwritev`, on the drain's own thread.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
};

use rustix::io::{Errno, ReadWriteFlags, pwritev, pwritev2};

use super::{IoCompletion, IoRequest, WriteEngine, WritePlace, offset};

/// Executes each request inside `submit`, and passes its completion to the next `reap`.
#[derive(Debug, Default)]
pub(crate) struct PwriteEngine {
    done: VecDeque<IoCompletion>,
}

fn execute(request: &IoRequest) -> io::Result<usize> {
    match request {
        IoRequest::Write { file, path, place, ranges } => {
            let slices: Vec<IoSlice<'_>> = ranges.iter().map(|range| IoSlice::new(range.bytes())).collect();
            let (file, offset) = (file.get(*path), offset(ranges));
            let written = match place {
                WritePlace::Offset => pwritev(file, &slices, offset),
                WritePlace::End => match pwritev2(file, &slices, offset, ReadWriteFlags::APPEND) {
                    // A kernel before 4.16, or a sandbox, which does not know the call.
                    Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => pwritev(file, &slices, offset),
                    written => written,
                },
            };
            Ok(written?)
        }
        IoRequest::Sync { file } => file.buffered.sync_data().map(|()| 0),
    }
}

impl WriteEngine for PwriteEngine {
    fn name(&self) -> &'static str {
        "pwrite"
    }

    fn submit(&mut self, request: IoRequest) {
        let result = execute(&request);
        self.done.push_back(IoCompletion { request, result });
    }

    fn reap(&mut self, done: &mut dyn FnMut(IoCompletion)) {
        self.done.drain(..).for_each(done);
    }

    fn in_flight(&self) -> usize {
        self.done.len()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::engine::FileHandles;

    #[test]
    fn a_request_is_in_flight_until_its_completion_is_reaped() {
        let buffered = tempfile::tempfile().unwrap();
        let mut engine = PwriteEngine::default();
        engine.submit(IoRequest::Sync { file: Rc::new(FileHandles { buffered, direct: None }) });
        assert_eq!(engine.in_flight(), 1);
        engine.reap(&mut |completion| assert!(matches!(completion.request, IoRequest::Sync { .. })));
        assert_eq!(engine.in_flight(), 0);
    }
}
