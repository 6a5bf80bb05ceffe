//! The ends of messages on a stream: RFC 6587.

use fapilog_plugin::{named_enum, sink::Payload, text::number::put_u64};

named_enum! {
    /// The ends of messages on a stream.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum Framing {
        /// The length in decimal and a space, in front of each message: RFC 6587, section 3.4.1. TLS by RFC 5425 has it.
        #[default]
        OctetCounting = "octet_counting",
        /// A line feed behind each message: RFC 6587, section 3.4.2.
        LineFeed = "line_feed",
    }
}

/// The frames of a payload.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Frames {
    /// Makes the frames of a payload, in the memory of those before.
    pub(super) fn fill(&mut self, payload: &Payload, framing: Framing) {
        self.bytes.clear();
        self.ends.clear();
        for record in (0..payload.marked_records()).filter_map(|index| payload.record(index)) {
            match framing {
                Framing::OctetCounting => {
                    put_u64(&mut self.bytes, record.len() as u64);
                    self.bytes.push(b' ');
                    self.bytes.extend_from_slice(record);
                }
                Framing::LineFeed => {
                    self.bytes.extend_from_slice(record);
                    self.bytes.push(b'\n');
                }
            }
            self.ends.push(self.bytes.len());
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of frames that are whole within the first bytes.
    pub(super) fn whole(&self, bytes: usize) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(framing: Framing) -> Frames {
        let mut payload = Payload::new(100);
        for record in ["<14>1 a", "<14>1 longer"] {
            payload.buffer().extend_from_slice(record.as_bytes());
            payload.end_record();
        }
        let mut frames = Frames::default();
        frames.fill(&payload, framing);
        frames
    }

    #[test]
    fn a_frame_has_its_length_in_front_or_a_line_feed_behind() {
        assert_eq!(frames(Framing::OctetCounting).bytes(), b"7 <14>1 a12 <14>1 longer");
        assert_eq!(frames(Framing::LineFeed).bytes(), b"<14>1 a\n<14>1 longer\n");
    }

    #[test]
    fn a_frame_is_whole_with_its_last_byte() {
        let frames = frames(Framing::OctetCounting);
        assert_eq!([0, 8, 9, 23, 24].map(|bytes| frames.whole(bytes)), [0, 0, 1, 1, 2]);
    }
}
