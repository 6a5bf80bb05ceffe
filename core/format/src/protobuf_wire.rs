//! The wire format of protobuf: tags, varints, lengths. For encoders that write messages straight from events, and for readers of short answers.
//!
//! The format is that of <https://protobuf.dev/programming-guides/encoding/>. A tag has one byte: field numbers are 1 to 15.

/// How many bytes a varint of 64 bits has at most.
const VARINT_MAX_BYTES: usize = 10;

/// The tag of a field that is a varint.
#[must_use]
pub const fn varint_tag(number: u8) -> u8 {
    number << 3
}

/// The tag of a field of eight bytes.
#[must_use]
pub const fn fixed64_tag(number: u8) -> u8 {
    number << 3 | 1
}

/// The tag of a field that has its length in front: text, bytes, a message.
#[must_use]
pub const fn length_tag(number: u8) -> u8 {
    number << 3 | 2
}

/// The tag of a field of four bytes.
#[must_use]
pub const fn fixed32_tag(number: u8) -> u8 {
    number << 3 | 5
}

/// Appends a number.
#[inline(always)]
pub fn put_varint(out: &mut Vec<u8>, n: u64) {
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

/// A number of either sign as one without: small numbers are short.
#[must_use]
pub const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// How many bytes a number has as a varint.
#[inline]
#[must_use]
pub const fn varint_len(n: u64) -> usize {
    let bits = 64 - (n | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// How many bytes a field has whose content has this length: tag, length and content.
#[inline]
#[must_use]
pub const fn field_len(content: usize) -> usize {
    1 + varint_len(content as u64) + content
}

/// Appends a tag and a length.
#[inline(always)]
pub fn put_head(out: &mut Vec<u8>, tag: u8, len: usize) {
    out.push(tag);
    put_varint(out, len as u64);
}

/// Appends a length, and the bytes.
#[inline(always)]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a tag, a length, and the bytes.
#[inline(always)]
pub fn put_field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_bytes(out, bytes);
}

/// Appends what `put` appends, behind its length. `RESERVED` bytes are kept for the length; where it takes others, the content is
/// moved.
#[inline(always)]
pub fn put_sized<const RESERVED: usize>(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let place = out.len();
    out.extend_from_slice(&[0; RESERVED]);
    put(out);
    set_length::<RESERVED>(out, place);
}

/// Writes the length of what stands behind the bytes that are reserved for it at `place`.
#[inline(always)]
pub fn set_length<const RESERVED: usize>(out: &mut Vec<u8>, place: usize) {
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

/// Reads a varint of 64 bits. Returns it, and the bytes behind it; `None` if it does not end.
#[must_use]
pub fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0;
    for (place, byte) in bytes.iter().take(VARINT_MAX_BYTES).enumerate() {
        n |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((n, bytes.get(place + 1..)?));
        }
    }
    None
}

/// A field that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireField<'a> {
    /// A number.
    Varint(u64),
    /// A text, bytes, or a message.
    Bytes(&'a [u8]),
    /// A number of four bytes.
    Fixed32(u32),
    /// A number of eight bytes.
    Fixed64(u64),
}

/// Reads a field. Returns its number, the field, and the bytes behind it; `None` if it is none, or not whole.
#[must_use]
pub fn take_field(bytes: &[u8]) -> Option<(u64, WireField<'_>, &[u8])> {
    let (tag, behind) = take_varint(bytes)?;
    let (field, behind) = match tag & 7 {
        0 => take_varint(behind).map(|(n, behind)| (WireField::Varint(n), behind))?,
        1 => {
            let (bytes, behind) = behind.split_first_chunk()?;
            (WireField::Fixed64(u64::from_le_bytes(*bytes)), behind)
        }
        2 => {
            let (len, behind) = take_varint(behind)?;
            let (content, behind) = behind.split_at_checked(usize::try_from(len).ok()?)?;
            (WireField::Bytes(content), behind)
        }
        5 => {
            let (bytes, behind) = behind.split_first_chunk()?;
            (WireField::Fixed32(u32::from_le_bytes(*bytes)), behind)
        }
        _ => return None,
    };
    Some((tag >> 3, field, behind))
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
    fn varints_are_those_of_an_independent_encoder_and_are_read_back() {
        for n in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
            let (mut own, mut other) = (Vec::new(), Vec::new());
            put_varint(&mut own, n);
            prost::encoding::encode_varint(n, &mut other);
            assert_eq!((&own, own.len()), (&other, varint_len(n)), "{n}");
            assert_eq!(take_varint(&own), Some((n, &[][..])));
            assert_eq!(take_varint(&own[..own.len() - 1]), None);
        }
        assert_eq!(take_varint(&[0xff; 11]), None);
    }

    #[test]
    fn fields_of_each_wire_type_are_read() {
        let bytes = [8, 150, 1, 17, 1, 2, 3, 4, 5, 6, 7, 8, 26, 2, 9, 9, 37, 1, 2, 3, 4];
        let mut remaining = &bytes[..];
        let mut fields = Vec::new();
        while let Some((number, field, behind)) = take_field(remaining) {
            fields.push((number, field));
            remaining = behind;
        }
        let expected = [
            (1, WireField::Varint(150)),
            (2, WireField::Fixed64(0x0807_0605_0403_0201)),
            (3, WireField::Bytes(&[9, 9])),
            (4, WireField::Fixed32(0x0403_0201)),
        ];
        assert_eq!((&fields[..], remaining), (&expected[..], &[][..]));
        // A group, and a length beyond the end.
        assert_eq!((take_field(&[11]), take_field(&[26, 5, 1])), (None, None));
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
