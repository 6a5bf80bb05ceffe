//! The ends of records in the bytes of a formatter.

/// How a sink finds the ends of records in the bytes that a formatter has rendered.
///
/// A sink that has written a part of a payload counts the records that are whole by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RecordEnd {
    /// Nothing is known: a payload that is not delivered whole counts as not delivered.
    #[default]
    Unknown,
    /// A record ends in a line feed, and has no other.
    LineFeed,
    /// A record is a line, and the lines behind it that begin with a space.
    IndentedLines,
}

/// The whole records at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WholeRecords {
    /// Their number.
    pub records: u64,
    /// Their length, all together.
    pub bytes: usize,
}

impl RecordEnd {
    /// Counts the whole records in `bytes`, which begin with the beginning of a record. `next` is the byte behind them, if it
    /// is known.
    #[must_use]
    pub fn whole_records(self, bytes: &[u8], next: Option<u8>) -> WholeRecords {
        let mut whole = WholeRecords::default();
        for (place, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            let behind = bytes.get(place + 1).copied().or(next);
            let is_end = match self {
                Self::Unknown => false,
                Self::LineFeed => true,
                Self::IndentedLines => behind.is_some_and(|byte| byte != b' '),
            };
            if is_end {
                whole = WholeRecords { records: whole.records + 1, bytes: place + 1 };
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(records: u64, bytes: usize) -> WholeRecords {
        WholeRecords { records, bytes }
    }

    #[test]
    fn a_record_of_one_line_is_whole_with_its_line_feed() {
        assert_eq!(RecordEnd::LineFeed.whole_records(b"one\ntwo\nthr", None), whole(2, 8));
        assert_eq!(RecordEnd::LineFeed.whole_records(b"one\n two\n", None), whole(2, 9));
        assert_eq!(RecordEnd::LineFeed.whole_records(b"one", Some(b'\n')), whole(0, 0));
    }

    #[test]
    fn a_record_of_several_lines_is_whole_where_the_next_line_is_not_indented() {
        let bytes = b"one\n two\n three\nfour\n";
        assert_eq!(RecordEnd::IndentedLines.whole_records(bytes, Some(b'f')), whole(2, bytes.len()));
        assert_eq!(RecordEnd::IndentedLines.whole_records(bytes, Some(b' ')), whole(1, 16));
        assert_eq!(RecordEnd::IndentedLines.whole_records(bytes, None), whole(1, 16));
    }

    #[test]
    fn bytes_whose_ends_are_unknown_have_no_whole_record() {
        assert_eq!(RecordEnd::Unknown.whole_records(b"one\ntwo\n", Some(b't')), whole(0, 0));
    }
}
