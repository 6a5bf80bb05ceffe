//! Frames of messages: a byte that is 1 for a compressed message, the length in four bytes, the message.

use bytes::Bytes;

/// The length of the front of a frame.
const FRONT_BYTES: usize = 5;

/// The message in its frame. `None` for one that is longer than a frame can be.
pub(super) fn framed(message: &[u8], is_compressed: bool) -> Option<Bytes> {
    let len = u32::try_from(message.len()).ok()?;
    let mut frame = Vec::with_capacity(FRONT_BYTES + message.len());
    frame.push(u8::from(is_compressed));
    frame.extend_from_slice(&len.to_be_bytes());
    frame.extend_from_slice(message);
    Some(frame.into())
}

/// The message in the first frame of an answer. It is empty if the answer has none that can be read: no answer is asked to be compressed.
pub(super) fn content(body: &[u8]) -> &[u8] {
    let message = || {
        let (front, behind) = body.split_first_chunk::<FRONT_BYTES>()?;
        let [0, a, b, c, d] = *front else { return None };
        behind.get(..usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?)
    };
    message().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_from_its_frame() {
        assert_eq!(&framed(b"abc", false).unwrap()[..], [0, 0, 0, 0, 3, b'a', b'b', b'c']);
        assert_eq!(framed(b"abc", true).unwrap()[0], 1);
        assert_eq!(content(&framed(b"abc", false).unwrap()), b"abc");
    }

    #[test]
    fn a_frame_that_is_cut_or_compressed_has_no_message() {
        let cut: [&[u8]; 5] = [b"", &[0], &[0, 0, 0, 0, 3, 1, 2], &[0, 255, 255, 255, 255, 1], &[1, 0, 0, 0, 1, 1]];
        for body in cut {
            assert_eq!(content(body), b"", "{body:?}");
        }
    }
}
