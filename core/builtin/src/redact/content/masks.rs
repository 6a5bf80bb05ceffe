//! Classes of the bytes of a chunk, as bit masks: bit `i` stands for byte `i`.
//!
//! The masks are the reason why the scan is fast: a question such as "four digits, a space, and three digits" is a few operations for 64
//! bytes, and a text without candidates has no branch for a byte. Bytes that are rare share a mask; the check of a candidate reads the byte.

/// Bytes of a chunk.
pub(super) const CHUNK_BYTES: usize = 64;
const LANE_BYTES: usize = 16;

/// The bytes of each class in a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByteMasks {
    /// Letters and digits of ASCII.
    pub(super) word: u64,
    /// `:` and `=`.
    pub(super) pair: u64,
    /// `\` and `%`, which make letters after them a part of themselves.
    pub(super) escape: u64,
    pub(super) digit: u64,
    /// `@` and `+`.
    pub(super) sign: u64,
    /// A space and `-`.
    pub(super) gap: u64,
    pub(super) dot: u64,
}

impl ByteMasks {
    /// The masks of a chunk of at most 64 bytes. `ALL` includes the classes that only rules other than credentials need.
    #[inline]
    pub(super) fn of<const ALL: bool>(chunk: &[u8]) -> Self {
        let mut masks = Self::default();
        if let Some(lanes) = chunk.first_chunk::<CHUNK_BYTES>() {
            let (lanes, _) = lanes.as_chunks();
            lanes.iter().enumerate().for_each(|(at, lane)| masks.put::<ALL>(lane, at * LANE_BYTES));
            return masks;
        }
        let (lanes, tail) = chunk.as_chunks();
        lanes.iter().enumerate().for_each(|(at, lane)| masks.put::<ALL>(lane, at * LANE_BYTES));
        // The last 16 bytes: the masks of those that are in both lanes are the same.
        match chunk.last_chunk() {
            Some(lane) => masks.put::<ALL>(lane, chunk.len() - LANE_BYTES),
            None if !tail.is_empty() => masks.put::<ALL>(&padded(tail), 0),
            None => {}
        }
        masks
    }

    #[inline]
    fn put<const ALL: bool>(&mut self, bytes: &[u8; LANE_BYTES], shift: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE2 is a part of x86_64.
        let lane = unsafe { sse2::classify::<ALL>(bytes) };
        #[cfg(not(target_arch = "x86_64"))]
        let lane = words::classify::<ALL>(bytes);
        let put = |mask: &mut u64, lane: u32| *mask |= u64::from(lane) << shift;
        put(&mut self.word, lane.word);
        put(&mut self.pair, lane.pair);
        put(&mut self.escape, lane.escape);
        if ALL {
            put(&mut self.digit, lane.digit);
            put(&mut self.sign, lane.sign);
            put(&mut self.gap, lane.gap);
            put(&mut self.dot, lane.dot);
        }
    }
}

/// Fewer than 16 bytes, and zeros. Loads of eight and four bytes that overlap are faster than a loop.
#[inline]
fn padded(bytes: &[u8]) -> [u8; LANE_BYTES] {
    let bits = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            overlapping(u64::from_le_bytes(*first), u64::from_le_bytes(*last), bytes.len() - 8)
        }
        _ => match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => {
                overlapping(u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into(), bytes.len() - 4)
            }
            _ => bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u128::from(*byte)),
        },
    };
    bits.to_le_bytes()
}

#[inline]
fn overlapping(first: u64, last: u64, distance: usize) -> u128 {
    u128::from(first) | u128::from(last) << (8 * distance)
}

/// The masks of 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LaneMasks {
    word: u32,
    pair: u32,
    escape: u32,
    digit: u32,
    sign: u32,
    gap: u32,
    dot: u32,
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };

    use super::{LANE_BYTES, LaneMasks};

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn classify<const ALL: bool>(bytes: &[u8; LANE_BYTES]) -> LaneMasks {
        let bits = u128::from_le_bytes(*bytes);
        let lane = _mm_set_epi64x((bits >> 64) as i64, bits as i64);
        // A byte that is not ASCII is negative: below every limit.
        let letters = within(_mm_or_si128(lane, _mm_set1_epi8(0x20)), b'a', b'z');
        let digits = within(lane, b'0', b'9');
        let mut masks = LaneMasks {
            word: bits_of(_mm_or_si128(letters, digits)),
            pair: bits_of(either(lane, b':', b'=')),
            escape: bits_of(either(lane, b'\\', b'%')),
            ..LaneMasks::default()
        };
        if ALL {
            masks.digit = bits_of(digits);
            masks.sign = bits_of(either(lane, b'@', b'+'));
            masks.gap = bits_of(either(lane, b' ', b'-'));
            masks.dot = bits_of(equal(lane, b'.'));
        }
        masks
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn bits_of(lane: __m128i) -> u32 {
        _mm_movemask_epi8(lane).cast_unsigned()
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn equal(lane: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(lane, _mm_set1_epi8(byte.cast_signed()))
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn either(lane: __m128i, first: u8, second: u8) -> __m128i {
        _mm_or_si128(equal(lane, first), equal(lane, second))
    }

    /// Bytes from `first` to `last`, both ASCII.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn within(lane: __m128i, first: u8, last: u8) -> __m128i {
        let below = _mm_set1_epi8(first.cast_signed() - 1);
        let above = _mm_set1_epi8(last.cast_signed() + 1);
        _mm_and_si128(_mm_cmpgt_epi8(lane, below), _mm_cmpgt_epi8(above, lane))
    }
}

/// The same with words of 64 bits, for other processors. Every operation is exact for each byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    use super::{LANE_BYTES, LaneMasks};

    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;

    #[inline]
    pub(super) fn classify<const ALL: bool>(bytes: &[u8; LANE_BYTES]) -> LaneMasks {
        let lane = u128::from_le_bytes(*bytes);
        let letters = within(lane | u128::from_le_bytes([0x20; LANE_BYTES]), b'a', b'z');
        let digits = within(lane, b'0', b'9');
        let mut masks = LaneMasks {
            word: letters | digits,
            pair: either(lane, b':', b'='),
            escape: either(lane, b'\\', b'%'),
            ..LaneMasks::default()
        };
        if ALL {
            masks.digit = digits;
            masks.sign = either(lane, b'@', b'+');
            masks.gap = either(lane, b' ', b'-');
            masks.dot = within(lane, b'.', b'.');
        }
        masks
    }

    #[inline]
    fn either(lane: u128, first: u8, second: u8) -> u32 {
        within(lane, first, first) | within(lane, second, second)
    }

    /// Bytes from `first` to `last`, both ASCII.
    #[inline]
    fn within(lane: u128, first: u8, last: u8) -> u32 {
        let tops = |word: u64| {
            let low = word & !TOPS;
            let at_least_first = low + ONES * u64::from(0x80 - first);
            let above_last = low + ONES * u64::from(0x7f - last);
            at_least_first & !above_last & !word & TOPS
        };
        let bits = |word: u64| ((tops(word) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32;
        bits(lane as u64) | bits((lane >> 64) as u64) << 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(chunk: &[u8], is: impl Fn(u8) -> bool) -> u64 {
        chunk.iter().enumerate().map(|(at, byte)| u64::from(is(*byte)) << at).sum()
    }

    fn by_byte(chunk: &[u8]) -> ByteMasks {
        ByteMasks {
            word: mask(chunk, |byte| byte.is_ascii_alphanumeric()),
            pair: mask(chunk, |byte| matches!(byte, b':' | b'=')),
            escape: mask(chunk, |byte| matches!(byte, b'\\' | b'%')),
            digit: mask(chunk, |byte| byte.is_ascii_digit()),
            sign: mask(chunk, |byte| matches!(byte, b'@' | b'+')),
            gap: mask(chunk, |byte| matches!(byte, b' ' | b'-')),
            dot: mask(chunk, |byte| byte == b'.'),
        }
    }

    #[test]
    fn each_byte_is_in_its_classes_at_each_place() {
        for byte in 0..=u8::MAX {
            for length in 1..=CHUNK_BYTES {
                let chunk = vec![byte; length];
                assert_eq!(ByteMasks::of::<true>(&chunk), by_byte(&chunk), "{byte} {length} times");
            }
        }
    }

    #[test]
    fn bytes_do_not_touch_those_beside_them() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for start in 0..bytes.len() - CHUNK_BYTES {
            for length in 1..=CHUNK_BYTES {
                let chunk = &bytes[start..start + length];
                assert_eq!(ByteMasks::of::<true>(chunk), by_byte(chunk), "{length} from {start} on");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn words_and_registers_agree() {
        let bytes: Vec<u8> = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
        for lane in bytes.windows(LANE_BYTES) {
            let lane = lane.try_into().unwrap();
            // SAFETY: SSE2 is a part of x86_64.
            let by_register = unsafe { sse2::classify::<true>(lane) };
            assert_eq!(words::classify::<true>(lane), by_register, "{lane:?}");
        }
    }
}
