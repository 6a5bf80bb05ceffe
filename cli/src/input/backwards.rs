//! The last lines of a file, from its end.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::Arc,
};

use crate::{
    filter::LineFilter,
    input::{
        InputName, LineSource, MAX_LINE_BYTES,
        blocks::BLOCK_BYTES,
        open::{is_compressed, is_encrypted, is_regular, open_file},
    },
    json::Tape,
    line::LogLine,
};

/// The last matching lines of an input, in their order, without their ends; and how many lines were left out as too long.
///
/// A plain file is read from its end. Standard input and compressed files are read from their start.
pub(crate) fn last_lines(name: &InputName, count: usize, filter: &Arc<LineFilter>) -> io::Result<(Vec<Vec<u8>>, u64)> {
    // Bytes that are read from a pipe are gone, so only a file is looked into.
    if let InputName::File(path) = name
        && is_regular(path)
    {
        let mut file = open_file(path)?;
        let mut first = [0; 8];
        let read = file.read(&mut first)?;
        let first = first.get(..read).unwrap_or_default();
        let end = file.metadata()?.len();
        // Files of /proc have no length. An encrypted file is an error when it is read from its start.
        if end > 0 && !is_compressed(first) && !is_encrypted(first) {
            return last_lines_before(&file, end, count, filter);
        }
    }
    last_lines_from_start(name, count, filter)
}

fn last_lines_from_start(name: &InputName, count: usize, filter: &Arc<LineFilter>) -> io::Result<(Vec<Vec<u8>>, u64)> {
    let mut source = LineSource::open(name.clone(), Arc::clone(filter))?;
    let mut lines = VecDeque::new();
    while source.advance(&mut || ())? {
        lines.push_back(source.line().bytes().to_vec());
        if lines.len() > count {
            lines.pop_front();
        }
    }
    Ok((lines.into(), source.long_lines()))
}

/// The last matching lines in front of a place of a file.
pub(super) fn last_lines_before(
    file: &File,
    end: u64,
    count: usize,
    filter: &LineFilter,
) -> io::Result<(Vec<Vec<u8>>, u64)> {
    let mut reader = BackwardReader { position: end, tail: Vec::new(), leaves_tail_out: false, long_lines: 0 };
    let mut found = Vec::new();
    let mut tape = Tape::default();
    while found.len() < count && reader.position > 0 {
        let lines = reader.read(file)?;
        if lines.is_empty() {
            continue;
        }
        // The end of the last line begins no line of its own.
        let lines = lines.strip_suffix(b"\n").unwrap_or(&lines);
        let matches =
            lines.rsplit(|&byte| byte == b'\n').filter(|line| filter.matches(&LogLine::read(line, &mut tape)));
        found.extend(matches.take(count - found.len()).map(<[u8]>::to_vec));
    }
    found.reverse();
    Ok((found, reader.long_lines))
}

/// Reads a file from its end, in blocks of whole lines.
struct BackwardReader {
    position: u64,
    /// The bytes behind the position whose line begins before it.
    tail: Vec<u8>,
    leaves_tail_out: bool,
    long_lines: u64,
}

impl BackwardReader {
    /// The whole lines in front of those read before; at least one, and at the start of the file all of them.
    fn read(&mut self, mut file: &File) -> io::Result<Vec<u8>> {
        loop {
            let start = self.position.saturating_sub(BLOCK_BYTES as u64);
            let mut block = Vec::new();
            file.seek(SeekFrom::Start(start))?;
            file.take(self.position - start).read_to_end(&mut block)?;
            self.position = start;
            let is_last_of_tail = self.leaves_tail_out && block.contains(&b'\n');
            if self.leaves_tail_out {
                block.truncate(memchr::memrchr(b'\n', &block).map_or(0, |at| at + 1));
                self.leaves_tail_out = !is_last_of_tail;
            }
            block.append(&mut self.tail);
            let first_end = memchr::memchr(b'\n', &block).filter(|at| at + 1 < block.len());
            match first_end {
                _ if start == 0 => return Ok(block),
                Some(at) => {
                    let lines = block.split_off(at + 1);
                    self.tail = block;
                    return Ok(lines);
                }
                None => self.keep(block),
            }
        }
    }

    fn keep(&mut self, block: Vec<u8>) {
        if block.len() > MAX_LINE_BYTES {
            self.long_lines += 1;
            self.leaves_tail_out = true;
        } else {
            self.tail = block;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn last(text: &[u8], count: usize) -> (Vec<Vec<u8>>, u64) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let name = InputName::File(file.path().to_owned());
        last_lines(&name, count, &Arc::new(LineFilter::default())).unwrap()
    }

    proptest! {
        #[test]
        fn the_last_lines_are_those_of_the_whole_file(text in "[ab\n]{0,40}", count in 0_usize..6) {
            let all: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
            let expected = all[all.len().saturating_sub(count)..].to_vec();
            prop_assert_eq!(last(text.as_bytes(), count), (expected, 0));
        }
    }

    #[test]
    fn lines_are_whole_where_blocks_meet() {
        let lines: Vec<Vec<u8>> = (0..5).map(|n| vec![b'a' + n; 700_000]).collect();
        let (found, _) = last(&lines.join(&b'\n'), 4);
        assert!(found == lines[1..]);
    }

    #[test]
    fn a_line_without_bounds_is_left_out_and_counted() {
        let mut text = b"first\n".to_vec();
        text.resize(MAX_LINE_BYTES + (3 << 20), b'x');
        text.extend(b"\nlast\n");
        assert_eq!(last(&text, 9), (vec![b"first".to_vec(), b"last".to_vec()], 1));
    }
}
