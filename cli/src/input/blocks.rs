//! Blocks of whole lines.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// How much is read in one go.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// How much sources that are read at once take together, and each of them at least.
const ALL_BLOCKS_BYTES: usize = 256 << 20;
const BLOCK_MIN_BYTES: usize = 16 << 10;

/// How much is read in one go of each of many sources.
pub(super) fn block_bytes_of_each(sources: usize) -> usize {
    (ALL_BLOCKS_BYTES / sources.max(1)).clamp(BLOCK_MIN_BYTES, BLOCK_BYTES)
}

/// The longest line. Longer ones are left out and counted: no line makes the memory grow without end.
pub(crate) const MAX_LINE_BYTES: usize = 16 << 20;

/// Reads a source in blocks of whole lines.
pub(crate) struct LineBlocks {
    reader: Box<dyn Read>,
    block_bytes: usize,
    buffer: Vec<u8>,
    /// The bytes of the buffer that are read.
    filled: usize,
    /// The end of the whole lines that were given out.
    given: usize,
    /// Whether the line at the front of the buffer is left out, up to its end.
    skips_line: bool,
    long_lines: u64,
    is_at_end: bool,
}

impl LineBlocks {
    pub(crate) fn new(reader: Box<dyn Read>, block_bytes: usize) -> Self {
        let (buffer, filled, given, long_lines) = (Vec::new(), 0, 0, 0);
        Self { reader, block_bytes, buffer, filled, given, skips_line: false, long_lines, is_at_end: false }
    }

    /// Lines that were longer than [`MAX_LINE_BYTES`], and left out.
    pub(crate) fn long_lines(&self) -> u64 {
        self.long_lines
    }

    /// The block that was read last.
    pub(crate) fn block(&self) -> &[u8] {
        self.buffer.get(..self.given).unwrap_or_default()
    }

    /// Reads the next block; `false` at the end. A block ends with a line's end, but at the end of the source.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        self.remove_given();
        loop {
            if self.is_at_end {
                self.given = if self.skips_line { 0 } else { self.filled };
                self.filled = self.given;
                return Ok(self.given > 0);
            }
            let read_from = self.filled;
            self.read_once()?;
            if self.skips_line {
                self.skip();
            }
            let fresh = self.buffer.get(read_from.min(self.filled)..self.filled).unwrap_or_default();
            if let Some(at) = memrchr(b'\n', fresh) {
                self.given = read_from.min(self.filled) + at + 1;
                return Ok(true);
            }
            self.leave_long_line_out();
        }
    }

    /// Moves the bytes behind the last block to the front.
    fn remove_given(&mut self) {
        self.buffer.copy_within(self.given..self.filled, 0);
        self.filled -= self.given;
        self.given = 0;
    }

    fn read_once(&mut self) -> io::Result<()> {
        let end = self.filled + self.block_bytes;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let room = self.buffer.get_mut(self.filled..end).unwrap_or_default();
        match self.reader.read(room) {
            Ok(0) => self.is_at_end = true,
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes the bytes up to the end of the line that is left out.
    fn skip(&mut self) {
        match memchr(b'\n', self.buffer.get(..self.filled).unwrap_or_default()) {
            Some(at) => {
                self.buffer.copy_within(at + 1..self.filled, 0);
                self.filled -= at + 1;
                self.skips_line = false;
            }
            None => self.filled = 0,
        }
    }

    fn leave_long_line_out(&mut self) {
        if self.filled > MAX_LINE_BYTES {
            self.filled = 0;
            self.skips_line = true;
            self.long_lines += 1;
            self.buffer.truncate(self.block_bytes);
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Trickle(Vec<u8>, usize);

    impl Read for Trickle {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(out.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn blocks_of(text: &[u8], step: usize) -> (Vec<Vec<u8>>, u64) {
        let mut blocks = LineBlocks::new(Box::new(Trickle(text.to_vec(), step)), BLOCK_BYTES);
        let mut given = Vec::new();
        while blocks.advance().unwrap() {
            given.push(blocks.block().to_vec());
        }
        (given, blocks.long_lines())
    }

    proptest! {
        #[test]
        fn blocks_are_the_source_and_end_with_lines(text in "[a\n]{0,60}", step in 1_usize..9) {
            let (blocks, _) = blocks_of(text.as_bytes(), step);
            prop_assert_eq!(blocks.concat(), text.as_bytes());
            let ends = blocks.iter().rev().skip(1).all(|block| block.ends_with(b"\n"));
            prop_assert!(ends);
        }
    }

    #[test]
    fn a_line_without_bounds_is_left_out_and_counted() {
        let mut text = b"first\n".to_vec();
        text.resize(MAX_LINE_BYTES + (3 << 20), b'x');
        text.extend(b"\nlast\n");
        let (blocks, long_lines) = blocks_of(&text, usize::MAX);
        assert_eq!((blocks.concat(), long_lines), (b"first\nlast\n".to_vec(), 1));
    }

    #[test]
    fn many_sources_have_smaller_blocks() {
        assert_eq!(
            [0, 1, 256, 512, 10_000, 1_000_000].map(block_bytes_of_each),
            [1 << 20, 1 << 20, 1 << 20, 1 << 19, 26_843, 1 << 14]
        );
    }

    #[test]
    fn a_long_line_at_the_end_is_left_out() {
        let text = vec![b'x'; MAX_LINE_BYTES + (3 << 20)];
        assert_eq!(blocks_of(&text, usize::MAX), (vec![], 1));
    }
}
