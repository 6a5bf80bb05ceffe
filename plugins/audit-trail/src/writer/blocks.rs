//! Blocks of a payload.

use fapilog_plugin::{record_end::RecordEnd, sink::Payload};

/// A block of a payload: its length, and the number of records that end in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PayloadBlock {
    pub(super) bytes: usize,
    pub(super) records: u32,
}

/// Splits the records of a payload into blocks of `max` bytes at most, behind a record where that is possible. A record that is longer
/// than a block spans several.
pub(super) fn split(payload: &Payload, record_end: RecordEnd, max: usize) -> Vec<PayloadBlock> {
    let bytes = payload.records();
    if payload.marked_records() == 0 && record_end == RecordEnd::LineFeed {
        return split_lines(bytes, max);
    }
    let mut ends = Vec::with_capacity(payload.marked_records());
    let mut end = 0;
    for index in 0..payload.marked_records() {
        end += payload.record(index).map_or(0, <[u8]>::len);
        ends.push(end);
    }
    // A fallback's records, or those of a formatter without ends, are one record.
    if ends.last() != Some(&bytes.len()) && !bytes.is_empty() {
        ends.push(bytes.len());
    }
    split_at(&ends, max)
}

fn split_lines(mut bytes: &[u8], max: usize) -> Vec<PayloadBlock> {
    let mut blocks = Vec::with_capacity(bytes.len() / max + 1);
    while !bytes.is_empty() {
        let window = bytes.get(..max).unwrap_or(bytes);
        let length = match memchr::memrchr(b'\n', window) {
            Some(last) if window.len() < bytes.len() => last + 1,
            _ => window.len(),
        };
        let (block, behind) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        let records = memchr::memchr_iter(b'\n', block).count();
        blocks.push(PayloadBlock { bytes: length, records: u32::try_from(records).unwrap_or(u32::MAX) });
        bytes = behind;
    }
    blocks
}

fn split_at(ends: &[usize], max: usize) -> Vec<PayloadBlock> {
    let mut blocks = Vec::new();
    let (mut start, mut last, mut records) = (0, 0, 0);
    for &end in ends {
        if end - start > max && records > 0 {
            blocks.push(PayloadBlock { bytes: last - start, records });
            (start, records) = (last, 0);
        }
        while end - start > max {
            blocks.push(PayloadBlock { bytes: max, records: 0 });
            start += max;
        }
        (last, records) = (end, records + 1);
    }
    if last > start {
        blocks.push(PayloadBlock { bytes: last - start, records });
    }
    blocks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &[u8], max: usize) -> Vec<(usize, u32)> {
        split_lines(text, max).iter().map(|block| (block.bytes, block.records)).collect()
    }

    #[test]
    fn a_block_ends_behind_a_line_where_one_ends_in_it() {
        assert_eq!(lines(b"one\ntwo\nthree\n", 9), [(8, 2), (6, 1)]);
        assert_eq!(lines(b"", 9), []);
    }

    #[test]
    fn a_long_line_spans_blocks_and_counts_where_it_ends() {
        assert_eq!(lines(b"a long line\nx\n", 5), [(5, 0), (5, 0), (4, 2)]);
    }

    fn payload(records: &[Vec<u8>]) -> Payload {
        let mut payload = Payload::new(1);
        for record in records {
            payload.buffer().extend_from_slice(record);
            payload.end_record();
        }
        payload
    }

    proptest! {
        #[test]
        fn blocks_have_all_bytes_and_all_records(lengths in prop::collection::vec(1usize..40, 0..30), max in 1usize..64) {
            let records: Vec<Vec<u8>> = lengths.iter().map(|length| vec![b'x'; *length]).collect();
            let blocks = split(&payload(&records), RecordEnd::Unknown, max);
            prop_assert_eq!(blocks.iter().map(|block| block.bytes).sum::<usize>(), lengths.iter().sum::<usize>());
            prop_assert_eq!(blocks.iter().map(|block| block.records as usize).sum::<usize>(), lengths.len());
            prop_assert!(blocks.iter().all(|block| block.bytes > 0 && block.bytes <= max));
        }

        #[test]
        fn marked_lines_and_found_lines_make_the_same_blocks(lengths in prop::collection::vec(1usize..40, 0..30)) {
            let records: Vec<Vec<u8>> = lengths.iter().map(|length| [vec![b'x'; *length], vec![b'\n']].concat()).collect();
            let marked = split(&payload(&records), RecordEnd::LineFeed, 64);
            prop_assert_eq!(marked, split_lines(&records.concat(), 64));
        }
    }
}
