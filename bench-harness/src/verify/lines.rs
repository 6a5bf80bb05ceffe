//! Reading a file line by line, as fast as it comes: one thread reads while another looks at what has been read.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

use super::Finding;

/// The bytes of a single read.
const CHUNK_BYTES: usize = 4 << 20;

/// Chunks on their way to the thread that looks at them.
const CHUNKS_AHEAD: usize = 3;

/// Looks at lines.
pub(crate) trait LineReader {
    /// A line without its end; `number` counts from 1.
    fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Finding>;
}

/// Gives each line to `reader`, and returns how many bytes there were.
pub(crate) fn read_lines(
    log: impl Read + Send,
    reader: &mut impl LineReader,
    mut progress: impl FnMut(u64),
) -> Result<u64, Finding> {
    let (to_look, chunks) = sync_channel(CHUNKS_AHEAD);
    let (give_back, empties) = channel();
    thread::scope(|scope| {
        scope.spawn(move || read_chunks(log, &to_look, &empties));
        let (mut number, mut bytes) = (0, 0);
        for chunk in chunks {
            let chunk: Vec<u8> = chunk.map_err(Finding::Unreadable)?;
            number = lines_of(&chunk, number, reader)?;
            bytes += chunk.len() as u64;
            progress(bytes);
            // The reading thread may have ended already.
            let _ = give_back.send(chunk);
        }
        Ok(bytes)
    })
}

/// The lines of a chunk. Only the last chunk can end within a line.
fn lines_of(chunk: &[u8], mut number: u64, reader: &mut impl LineReader) -> Result<u64, Finding> {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', chunk) {
        number += 1;
        reader.line(number, chunk.get(start..end).unwrap_or_default())?;
        start = end + 1;
    }
    if start < chunk.len() {
        return Err(Finding::Unfinished { line: number + 1 });
    }
    Ok(number)
}

/// Sends chunks of whole lines, until the end of the file or the end of interest.
fn read_chunks(mut log: impl Read, to_look: &SyncSender<io::Result<Vec<u8>>>, empties: &Receiver<Vec<u8>>) {
    let mut tail = Vec::new();
    loop {
        let mut chunk = empties.try_recv().unwrap_or_default();
        let is_end = match read_chunk(&mut log, &mut tail, &mut chunk) {
            Ok(is_end) => is_end,
            Err(error) => {
                let _ = to_look.send(Err(error));
                return;
            }
        };
        if to_look.send(Ok(chunk)).is_err() || is_end {
            return;
        }
    }
}

/// Fills `chunk` with `tail` and the bytes that come next, up to the last line's end; the bytes behind it become the
/// new tail.
/// Returns whether that was all.
fn read_chunk(log: &mut impl Read, tail: &mut Vec<u8>, chunk: &mut Vec<u8>) -> io::Result<bool> {
    chunk.clear();
    chunk.append(tail);
    loop {
        let before = chunk.len();
        log.by_ref().take(CHUNK_BYTES as u64).read_to_end(chunk)?;
        if chunk.len() - before < CHUNK_BYTES {
            return Ok(true);
        }
        // A line longer than a chunk: read on.
        if let Some(end) = memchr::memrchr(b'\n', chunk) {
            *tail = chunk.split_off(end + 1);
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Collected(Vec<Vec<u8>>);

    impl LineReader for Collected {
        fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Finding> {
            self.0.push(line.to_vec());
            assert_eq!(self.0.len() as u64, number);
            Ok(())
        }
    }

    #[test]
    fn every_line_comes_once_however_chunks_fall() {
        let lines: Vec<Vec<u8>> = (0..60_000_u32).map(|n| vec![b'x'; n as usize % 400]).collect();
        let text: Vec<u8> = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
        assert!(text.len() > 2 * CHUNK_BYTES);
        let mut collected = Collected::default();
        let bytes = read_lines(text.as_slice(), &mut collected, |_| {}).unwrap();
        assert_eq!(bytes, text.len() as u64);
        assert!(collected.0 == lines);
    }

    #[test]
    fn a_line_longer_than_a_chunk_comes_whole() {
        let mut text = vec![b'x'; 2 * CHUNK_BYTES + 5];
        text.extend_from_slice(b"\nshort\n");
        let mut collected = Collected::default();
        read_lines(text.as_slice(), &mut collected, |_| {}).unwrap();
        assert_eq!(collected.0.iter().map(Vec::len).collect::<Vec<_>>(), [2 * CHUNK_BYTES + 5, 5]);
    }

    #[test]
    fn a_file_without_a_line_is_read_to_its_end() {
        assert_eq!(read_lines(io::empty(), &mut Collected::default(), |_| {}).unwrap(), 0);
    }

    #[test]
    fn a_last_line_without_its_end_is_found() {
        let found = read_lines(&b"whole\nhalf"[..], &mut Collected::default(), |_| {});
        assert!(matches!(found, Err(Finding::Unfinished { line: 2 })));
    }
}
