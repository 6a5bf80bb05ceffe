//! The wire format of protobuf: tags, varints, lengths.

/// How many bytes a varint of 64 bits has at most.
const VARINT_BYTES_MAX: usize = 10;

/// The tag of a field that is a varint.
pub(crate) const fn varint_tag(number: u8) -> u8 {
    number << 3
}

/// The tag of a field of eight bytes.
pub(crate) const fn fixed64_tag(number: u8) -> u8 {
    number << 3 | 1
}

/// The tag of a field that has its length in front: text, bytes, a message.
pub(crate) const fn length_tag(number: u8) -> u8 {
    number << 3 | 2
}

/// The tag of a field of four bytes.
pub(crate) const fn fixed32_tag(number: u8) -> u8 {
    number << 3 | 5
}

#[inline(always)]
pub(crate) fn put_varint(out: &mut Vec<u8>, n: u64) {
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

/// How many bytes a number has as a varint.
#[inline]
pub(crate) const fn varint_len(n: u64) -> usize {
    let bits = 64 - (n | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// How many bytes a field has whose tag has a single byte, and whose content has this length.
pub(crate) const fn field_len(content: usize) -> usize {
    1 + varint_len(content as u64) + content
}

/// Appends a tag and a length.
#[inline(always)]
pub(crate) fn put_head(out: &mut Vec<u8>, tag: u8, len: usize) {
    out.push(tag);
    put_varint(out, len as u64);
}

/// Appends a tag, a length, and the bytes.
#[inline(always)]
pub(crate) fn put_field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    put_head(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends what `put` appends, behind its length. A byte is kept for the length; a longer content is moved.
#[inline(always)]
pub(crate) fn put_sized(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let place = out.len();
    out.push(0);
    put(out);
    set_length(out, place);
}

/// Writes the length of what stands behind the byte that is kept for it at `place`.
#[inline(always)]
pub(crate) fn set_length(out: &mut Vec<u8>, place: usize) {
    let len = out.len() - place - 1;
    match out.get_mut(place) {
        Some(byte) if len < 0x80 => *byte = len as u8,
        _ => move_behind_length(out, place, len),
    }
}

/// Writes a length that takes more than a byte.
#[cold]
fn move_behind_length(out: &mut Vec<u8>, place: usize, len: usize) {
    let (length, count) = varint(len as u64);
    out.resize(place + count + len, 0);
    out.copy_within(place + 1..place + 1 + len, place + count);
    out.iter_mut().skip(place).zip(length.into_iter().take(count)).for_each(|(to, from)| *to = from);
}

/// A varint in front of padding, and its length.
fn varint(mut n: u64) -> ([u8; VARINT_BYTES_MAX], usize) {
    let mut bytes = [0; VARINT_BYTES_MAX];
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

/// Reads a varint of 64 bits. Returns it, and the bytes behind it.
pub(crate) fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut n = 0;
    for (place, byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        n |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((n, bytes.get(place + 1..)?));
        }
    }
    None
}

/// A field that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireField<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A number of four or eight bytes.
    Fixed,
}

/// Reads a field. Returns its number, the field, and the bytes behind it.
pub(crate) fn take_field(bytes: &[u8]) -> Option<(u64, WireField<'_>, &[u8])> {
    let (tag, behind) = take_varint(bytes)?;
    let (field, behind) = match tag & 7 {
        0 => take_varint(behind).map(|(n, behind)| (WireField::Varint(n), behind))?,
        1 => (WireField::Fixed, behind.get(8..)?),
        2 => {
            let (len, behind) = take_varint(behind)?;
            let (content, behind) = behind.split_at_checked(usize::try_from(len).ok()?)?;
            (WireField::Bytes(content), behind)
        }
        5 => (WireField::Fixed, behind.get(4..)?),
        _ => return None,
    };
    Some((tag >> 3, field, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_those_of_an_independent_encoder_and_are_read_back() {
        for n in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
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
    fn a_length_is_as_short_as_it_can_be() {
        for len in [0, 1, 127, 128, 129, 16_383, 16_384] {
            let content = vec![7; len];
            let (mut own, mut other) = (b"before".to_vec(), b"before".to_vec());
            put_sized(&mut own, |out| out.extend_from_slice(&content));
            prost::encode_length_delimiter(len, &mut other).unwrap();
            other.extend_from_slice(&content);
            assert!(own == other, "{len}");
        }
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
        let expected =
            [(1, WireField::Varint(150)), (2, WireField::Fixed), (3, WireField::Bytes(&[9, 9])), (4, WireField::Fixed)];
        assert_eq!((&fields[..], remaining), (&expected[..], &[][..]));
        // A group, and a length beyond the end.
        assert_eq!((take_field(&[11]), take_field(&[26, 5, 1])), (None, None));
    }
}
