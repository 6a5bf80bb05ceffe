//! Counting what the test runner reports.

use std::{fmt, ops::AddAssign};

/// Tests by their outcome, as libtest reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TestCounts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Tests that libtest calls ignored. Tests that a filter leaves out were not meant to run, and are not counted.
    pub(crate) skipped: u64,
}

impl TestCounts {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Reads counts such as `3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; ...`.
    fn of_counts(text: &str) -> Option<Self> {
        let mut counts = text.split("; ");
        let mut count = |what| counts.next()?.strip_suffix(what)?.parse().ok();
        let counts = Self { passed: count(" passed")?, failed: count(" failed")?, skipped: count(" ignored")? };
        let _measured: u64 = count(" measured")?;
        Some(counts)
    }
}

impl AddAssign for TestCounts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for TestCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Adds up the results in an output that arrives in pieces, and collects the names of failed tests.
///
/// A result reads `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s`. It
/// need not have a line for itself: miri runs a test program under several seeds side by side, and what they print gets
/// mixed. The counts stay whole, because libtest prints them in one go, so the search is for counts.
///
/// The names come from libtest's closing list: a line `failures:`, and a name a line behind four spaces.
#[derive(Debug, Default)]
pub(crate) struct TestCounter {
    total: TestCounts,
    failed_tests: Vec<String>,
    is_in_list: bool,
    unfinished_line: Vec<u8>,
}

impl TestCounter {
    pub(crate) fn read(&mut self, piece: &[u8]) {
        for &byte in piece {
            if byte == b'\n' {
                self.end_line();
            } else {
                self.unfinished_line.push(byte);
            }
        }
    }

    /// The sum, and the names of the tests that failed.
    pub(crate) fn finish(mut self) -> (TestCounts, Vec<String>) {
        self.end_line();
        (self.total, self.failed_tests)
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.unfinished_line);
        let line = String::from_utf8_lossy(&bytes);
        for counts in line.split(". ").filter_map(TestCounts::of_counts) {
            self.total += counts;
        }
        let name = line.strip_prefix("    ").filter(|_| self.is_in_list);
        self.failed_tests.extend(name.map(str::to_owned));
        self.is_in_list = name.is_some() || line == "failures:";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 4 tests
test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s

test a ... test result: ok. 9 passed
test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.25s
";

    fn count(pieces: &[&[u8]]) -> TestCounts {
        let mut counter = TestCounter::default();
        pieces.iter().for_each(|piece| counter.read(piece));
        counter.finish().0
    }

    #[test]
    fn every_result_counts_and_nothing_else_does() {
        assert_eq!(count(&[OUTPUT.as_bytes()]), TestCounts { passed: 13, failed: 2, skipped: 1 });
    }

    #[test]
    fn results_of_two_programs_count_where_their_lines_are_mixed() {
        let mixed = b"\
test result: ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 13 filtered out. 2 passed; 0 failed; 1 ignored; 0 measured; \
13 filtered out; finished in 0.16s

; finished in 0.16s
";
        assert_eq!(count(&[mixed]), TestCounts { passed: 4, failed: 0, skipped: 2 });
    }

    #[test]
    fn the_tests_of_the_closing_list_are_the_failed_ones() {
        let output = b"\
test a::fails ... FAILED

failures:

---- a::fails stdout ----
    an indented line of its output

failures:
    a::fails
    docs/page.md - A page (line 7)

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        let mut counter = TestCounter::default();
        counter.read(output);
        assert_eq!(counter.finish().1, ["a::fails", "docs/page.md - A page (line 7)"]);
    }

    #[test]
    fn a_line_may_arrive_in_pieces() {
        for middle in 0..OUTPUT.len() {
            let (head, tail) = OUTPUT.as_bytes().split_at(middle);
            assert_eq!(count(&[head, tail]).to_string(), "13 passed, 2 failed, 1 skipped", "cut at {middle}");
        }
    }

    #[test]
    fn a_last_line_without_an_end_counts() {
        assert_eq!(count(&[OUTPUT.trim_end().as_bytes()]).passed, 13);
    }

    #[test]
    fn an_output_without_results_counts_nothing() {
        assert!(count(&[b"\xff\xfe\n", b"test result: who knows\n"]).is_empty());
    }
}
