//! Lines of known numbers and lengths, and their check.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

/// The length of a line, with its line feed.
pub(crate) const LINE_BYTES: usize = 20_000;

/// Digits of the number that a line begins with.
const DIGITS: usize = 12;

/// The line of a number, without its line feed.
pub(crate) fn numbered_line(number: u64) -> String {
    let mut line = format!("{number:012} ");
    line.push_str(&"x".repeat(LINE_BYTES - 1 - line.len()));
    line
}

/// Checks that lines come one by one, without a NUL.
#[derive(Debug, Default)]
pub(crate) struct NumberedLines {
    /// The number of whole lines so far.
    pub(crate) count: u64,
    /// The bytes of a line that has begun.
    begun: Vec<u8>,
}

impl NumberedLines {
    /// Takes the next bytes of the file.
    #[track_caller]
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        assert!(!bytes.contains(&0), "a NUL behind line {}", self.count);
        while let Some((line, tail)) = bytes.split_at_checked(LINE_BYTES - self.begun.len()) {
            self.begun.extend_from_slice(line);
            self.check_line();
            bytes = tail;
        }
        self.begun.extend_from_slice(bytes);
    }

    #[track_caller]
    fn check_line(&mut self) {
        let line = String::from_utf8(std::mem::take(&mut self.begun)).unwrap();
        let number = line.get(..DIGITS).and_then(|digits| digits.parse().ok());
        assert_eq!(number, Some(self.count), "another line: {line:?}");
        assert!(line.ends_with("x\n"), "a line that does not end: {line:?}");
        self.count += 1;
    }

    /// Asserts that no line has only begun.
    #[track_caller]
    pub(crate) fn assert_whole(&self) {
        assert!(self.begun.is_empty(), "half a line behind line {}", self.count);
    }

    /// Asserts that the line that has only begun is the next one.
    #[track_caller]
    pub(crate) fn assert_begun(&self) {
        let next = numbered_line(self.count);
        assert!(next.as_bytes().starts_with(&self.begun), "no beginning of line {}: {:?}", self.count, self.begun);
    }
}
