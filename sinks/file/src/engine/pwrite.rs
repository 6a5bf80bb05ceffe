//! `pwrite`, on the drain's own thread.

use std::{collections::VecDeque, io, os::unix::fs::FileExt};

use super::{Completion, Engine, Files, Request, Work};

/// Does each thing when it is asked for, and tells of it at the next occasion.
#[derive(Debug)]
pub(crate) struct PwriteEngine {
    files: Files,
    done: VecDeque<Completion>,
}

impl PwriteEngine {
    pub(crate) fn new(files: Files) -> Self {
        Self { files, done: VecDeque::new() }
    }

    fn carry_out(&self, work: &Work) -> io::Result<usize> {
        match work {
            Work::Write { path, block, range, offset } => {
                let bytes = block.bytes.get(range.clone()).unwrap_or_default();
                self.files.get(*path).write_at(bytes, *offset)
            }
            Work::Sync => self.files.buffered.sync_data().map(|()| 0),
        }
    }
}

impl Engine for PwriteEngine {
    fn name(&self) -> &'static str {
        "pwrite"
    }

    fn has_room(&self) -> bool {
        true
    }

    fn submit(&mut self, Request { id, work }: Request) {
        let result = self.carry_out(&work);
        self.done.push_back(Completion { id, work, result });
    }

    fn reap(&mut self, done: &mut dyn FnMut(Completion)) {
        self.done.drain(..).for_each(done);
    }

    fn under_way(&self) -> usize {
        self.done.len()
    }

    fn files(&self) -> &Files {
        &self.files
    }
}
