//! The wire format of protobuf: tags, varints, lengths.

/// How many bytes a varint of 64 bits has at most.
const VARINT_MAX_BYTES: usize = 10;

/// The tag of a field that is a varint.
pub(super) const fn varint_tag(number: u8) -> u8 {
    number << 3
}

/// The tag of a field of eight bytes.
pub(super) const fn fixed64_tag(number: u8) -> u8 {
    number << 3 | 1
}

/// The tag of a field that has its length in front: text, bytes, a message.
pub(super) const fn length_tag(number: u8) -> u8 {
    number << 3 | 2
}

/// The tag of a field of four bytes.
pub(super) const fn fixed32_tag(number: u8) -> u8 {
    number << 3 | 5
}

#[inline(always)]
pub(super) fn put_varint(out: &mut Vec<u8>, n: u64) {
    if n < 0x80 {
        out.push(n as u8);
    } else {
        put_long_varint(out, n);
    }
}

fn put_long_varint(out: &mut Vec<u8>, n: u64) {
    let (bytes, count) = varint(n);
    out.extend(bytes.into_iter().take(count));
}

/// Small numbers of either sign are short.
pub(super) const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// Appends a length, and the bytes.
#[inline(always)]
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a tag, a length, and the bytes.
#[inline(always)]
pub(super) fn put_field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_bytes(out, bytes);
}

/// Appends what `put` appends, behind its length. `RESERVED` bytes are kept for the length; where it takes others, the content is
/// moved.
#[inline(always)]
pub(super) fn put_sized<const RESERVED: usize>(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let place = out.len();
    out.extend_from_slice(&[0; RESERVED]);
    put(out);
    set_length::<RESERVED>(out, place);
}

/// Writes the length of what stands behind the bytes that are reserved for it at `place`.
#[inline(always)]
pub(super) fn set_length<const RESERVED: usize>(out: &mut Vec<u8>, place: usize) {
    let len = out.len() - place - RESERVED;
    match out.get_mut(place..place + RESERVED) {
        Some([one]) if len < 0x80 => *one = len as u8,
        Some([low, high]) if (0x80..0x4000).contains(&len) => (*low, *high) = (len as u8 | 0x80, (len >> 7) as u8),
        _ => move_behind_length(out, place, RESERVED, len),
    }
}

/// Writes a length that takes another number of bytes than are reserved.
fn move_behind_length(out: &mut Vec<u8>, place: usize, reserved: usize, len: usize) {
    let (length, count) = varint(len as u64);
    let (start, moved_to) = (place + reserved, place + count);
    if count > reserved {
        out.resize(moved_to + len, 0);
    }
    out.copy_within(start..start + len, moved_to);
    out.truncate(moved_to + len);
    out.iter_mut().skip(place).zip(length.into_iter().take(count)).for_each(|(to, from)| *to = from);
}

/// A varint in front of padding, and its length.
fn varint(mut n: u64) -> ([u8; VARINT_MAX_BYTES], usize) {
    let mut bytes = [0; VARINT_MAX_BYTES];
    let mut count = 0;
    for byte in &mut bytes {
        // Its lowest seven bits, and the mark that others follow.
        *byte = n as u8 | 0x80;
        n >>= 7;
        count += 1;
        if n == 0 {
            *byte &= 0x7f;
            break;
        }
    }
    (bytes, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_has_seven_bits_a_byte_the_lowest_first() {
        for (n, bytes) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 1]),
            (300, &[0xac, 2]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, n);
            assert_eq!(out, bytes, "{n}");
        }
    }

    #[test]
    fn numbers_of_either_sign_alternate() {
        assert_eq!([0, -1, 1, -2, i64::MAX, i64::MIN].map(zigzag), [0, 1, 2, 3, u64::MAX - 1, u64::MAX]);
    }

    #[test]
    fn a_length_is_as_short_as_it_can_be_however_much_was_reserved() {
        for len in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let mut expected = b"before".to_vec();
            prost::encode_length_delimiter(len, &mut expected).unwrap();
            expected.extend_from_slice(&content);
            let (mut one, mut two) = (b"before".to_vec(), b"before".to_vec());
            put_sized::<1>(&mut one, |out| out.extend_from_slice(&content));
            put_sized::<2>(&mut two, |out| out.extend_from_slice(&content));
            assert!(one == expected && two == expected, "{len}");
        }
    }
}
