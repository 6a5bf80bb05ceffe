//! A stream that can be looked at before it is read.

use std::io::{self, Read};

use memchr::memmem;

/// Bytes that are read at a time.
const READ_BYTES: usize = 256 << 10;

/// Bytes of a stream, of which the next ones can be looked at. It keeps no more than twice as many of them as were looked at, and one read.
#[derive(Debug)]
pub(super) struct StreamBuffer<R> {
    read: R,
    bytes: Vec<u8>,
    /// The bytes in front were consumed.
    start: usize,
    /// The place of `start` in the stream.
    offset: u64,
    has_ended: bool,
}

impl<R: Read> StreamBuffer<R> {
    pub(super) fn new(read: R) -> Self {
        Self { read, bytes: Vec::new(), start: 0, offset: 0, has_ended: false }
    }

    /// The place of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes: `wanted`, or as many as there are.
    pub(super) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.ahead() < wanted && !self.has_ended {
            self.fill()?;
        }
        let end = self.start + wanted.min(self.ahead());
        Ok(self.bytes.get(self.start..end).unwrap_or_default())
    }

    fn ahead(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Goes behind the next bytes, of those that were looked at.
    pub(super) fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.ahead());
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Goes to the first place where the stream goes on with `pattern`, or to its end. Returns the number of bytes in front.
    pub(super) fn skip_until(&mut self, pattern: &[u8]) -> io::Result<u64> {
        let from = self.offset;
        loop {
            let ahead = self.peek(READ_BYTES)?;
            let found = memmem::find(ahead, pattern);
            let (length, is_end) = (ahead.len(), ahead.len() < READ_BYTES);
            match found {
                Some(place) => self.consume(place),
                None if is_end => self.consume(length),
                // The last bytes may be the beginning of the pattern.
                None => self.consume(length.saturating_sub(pattern.len().saturating_sub(1))),
            }
            if found.is_some() || is_end {
                return Ok(self.offset - from);
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        // Not for each read: the bytes ahead may be 64 MiB, and all of them are moved.
        if self.start >= self.ahead() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let end = self.bytes.len();
        self.bytes.resize(end + READ_BYTES, 0);
        let read = loop {
            match self.read.read(self.bytes.get_mut(end..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.bytes.truncate(end + *read.as_ref().unwrap_or(&0));
        self.has_ended = read? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a few bytes at a time.
    struct FewBytes<'a>(&'a [u8], usize);

    impl Read for FewBytes<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let bytes = self.1.min(out.len()).min(self.0.len());
            let (taken, left) = self.0.split_at(bytes);
            out[..bytes].copy_from_slice(taken);
            self.0 = left;
            Ok(bytes)
        }
    }

    #[test]
    fn a_pattern_is_found_wherever_reads_end() {
        for few in 1..8 {
            let mut stream = StreamBuffer::new(FewBytes(b"some bytes|pattern|more", few));
            assert_eq!(stream.skip_until(b"|pattern|").unwrap(), 10);
            assert_eq!(stream.peek(3).unwrap(), b"|pa");
            stream.consume(1);
            assert_eq!(stream.skip_until(b"|pattern|").unwrap(), 12);
            assert_eq!((stream.offset(), stream.peek(1).unwrap()), (23, &b""[..]));
        }
    }

    #[test]
    fn a_pattern_across_two_searches_is_found() {
        for place in READ_BYTES - 12..READ_BYTES + 3 {
            let mut bytes = vec![b'.'; 2 * READ_BYTES];
            bytes[place..place + 9].copy_from_slice(b"|pattern|");
            assert_eq!(StreamBuffer::new(&*bytes).skip_until(b"|pattern|").unwrap(), place as u64);
        }
    }

    #[test]
    fn bytes_ahead_are_not_moved_for_each_read() {
        let bytes = vec![b'.'; 20 * READ_BYTES];
        let mut stream = StreamBuffer::new(&*bytes);
        let wanted = 8 * READ_BYTES;
        stream.peek(wanted).unwrap();
        let mut moves = 0;
        for _ in 0..10 * 8 {
            let front = stream.start;
            stream.consume(READ_BYTES / 8);
            stream.peek(wanted).unwrap();
            moves += usize::from(stream.start < front);
            assert!(stream.bytes.len() <= 2 * wanted + 2 * READ_BYTES, "{}", stream.bytes.len());
        }
        assert_eq!(moves, 1);
    }

    #[test]
    fn an_error_of_the_stream_comes_through() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let error = StreamBuffer::new(Broken).peek(1).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
