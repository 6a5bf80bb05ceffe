//! The matching lines of a source, in their order.

use std::{io, ops::Range, sync::Arc};

use jiff::Timestamp;

use crate::{
    filter::{CandidateScan, LineFilter},
    input::{InputName, LineBlocks, blocks::block_bytes_of_each, open::open_lines},
    json::Tape,
    line::LogLine,
};

/// A source, and the matching line that it stands at.
pub(crate) struct LineSource {
    name: InputName,
    filter: Arc<LineFilter>,
    blocks: LineBlocks,
    scan: CandidateScan,
    tape: Tape,
    /// The line in the block, without its end.
    line: Range<usize>,
    /// The start of the line behind it.
    next: usize,
    is_event: bool,
    /// The time of the last event that matched.
    time: Timestamp,
}

impl LineSource {
    pub(crate) fn open(name: InputName, filter: Arc<LineFilter>) -> io::Result<Self> {
        Self::open_among(1, name, filter)
    }

    /// Opens a source that is read at once with others: `sources` is the number of all.
    pub(super) fn open_among(sources: usize, name: InputName, filter: Arc<LineFilter>) -> io::Result<Self> {
        Ok(Self {
            blocks: LineBlocks::new(open_lines(&name)?, block_bytes_of_each(sources)),
            name,
            filter,
            scan: CandidateScan::default(),
            tape: Tape::default(),
            line: 0..0,
            next: 0,
            is_event: false,
            time: Timestamp::MIN,
        })
    }

    pub(crate) fn name(&self) -> &InputName {
        &self.name
    }

    pub(crate) fn long_lines(&self) -> u64 {
        self.blocks.long_lines()
    }

    /// The line that the source stands at.
    pub(crate) fn line(&self) -> LogLine<'_> {
        LogLine::read_before(self.bytes(), &self.tape, self.is_event)
    }

    fn bytes(&self) -> &[u8] {
        self.blocks.block().get(self.line.clone()).unwrap_or_default()
    }

    /// The time of the line: of the last event that matched, if it has none.
    pub(crate) fn time(&mut self) -> Timestamp {
        if let Some(time) = self.line().event().and_then(|event| event.time()) {
            self.time = time;
        }
        self.time
    }

    /// Goes on to the next matching line; `false` at the end. `before_read` is called where the source may have to be waited for.
    pub(crate) fn advance(&mut self, before_read: &mut dyn FnMut()) -> io::Result<bool> {
        loop {
            while let Some(line) = self.filter.next_candidate(&mut self.scan, self.blocks.block(), self.next) {
                self.next = line.end + 1;
                self.line = line;
                if self.is_match() {
                    return Ok(true);
                }
            }
            before_read();
            if !self.blocks.advance()? {
                return Ok(false);
            }
            self.next = 0;
            self.scan = CandidateScan::default();
        }
    }

    fn is_match(&mut self) -> bool {
        let bytes = self.blocks.block().get(self.line.clone()).unwrap_or_default();
        let line = LogLine::read(bytes, &mut self.tape);
        self.is_event = line.event().is_some();
        self.filter.matches(&line)
    }
}
