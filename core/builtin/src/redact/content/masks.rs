//! Classes of the bytes of a chunk, as bit masks: bit `i` stands for byte `i`.
//!
//! The masks are what makes the scan fast: a question such as "four digits, a space, and three digits" is a few operations for 64 bytes, and
//! a text without candidates has no branch for a byte.

/// Bytes of a chunk.
pub(super) const CHUNK_BYTES: usize = 64;
const LANE_BYTES: usize = 16;

/// The bytes of each class in a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByteMasks {
    pub(super) alpha: u64,
    pub(super) digit: u64,
    pub(super) colon: u64,
    pub(super) equals: u64,
    /// `\`, which makes the letter after it a part of itself.
    pub(super) backslash: u64,
    pub(super) percent: u64,
    pub(super) at_sign: u64,
    pub(super) plus: u64,
    pub(super) dash: u64,
    pub(super) dot: u64,
    pub(super) space: u64,
}

impl ByteMasks {
    /// The masks of a chunk of at most 64 bytes. `ALL` includes the bytes that only rules other than credentials need.
    #[inline]
    pub(super) fn of<const ALL: bool>(chunk: &[u8]) -> Self {
        let mut masks = Self::default();
        let (lanes, tail) = chunk.as_chunks::<LANE_BYTES>();
        let mut shift = 0;
        for lane in lanes {
            masks.put::<ALL>(lane, shift);
            shift += LANE_BYTES;
        }
        if !tail.is_empty() {
            let mut lane = [0; LANE_BYTES];
            for (to, from) in lane.iter_mut().zip(tail) {
                *to = *from;
            }
            masks.put::<ALL>(&lane, shift);
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
        self.add::<ALL>(&lane, shift);
    }

    #[inline]
    fn add<const ALL: bool>(&mut self, lane: &LaneMasks, shift: usize) {
        let put = |mask: &mut u64, lane: u32| *mask |= u64::from(lane) << shift;
        put(&mut self.alpha, lane.alpha);
        put(&mut self.digit, lane.digit);
        put(&mut self.colon, lane.colon);
        put(&mut self.equals, lane.equals);
        put(&mut self.backslash, lane.backslash);
        put(&mut self.percent, lane.percent);
        if ALL {
            put(&mut self.at_sign, lane.at_sign);
            put(&mut self.plus, lane.plus);
            put(&mut self.dash, lane.dash);
            put(&mut self.dot, lane.dot);
            put(&mut self.space, lane.space);
        }
    }
}

/// The masks of 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LaneMasks {
    alpha: u32,
    digit: u32,
    colon: u32,
    equals: u32,
    backslash: u32,
    percent: u32,
    at_sign: u32,
    plus: u32,
    dash: u32,
    dot: u32,
    space: u32,
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
        // A byte of no ASCII is negative: below every bound.
        let lower_case = _mm_or_si128(lane, _mm_set1_epi8(0x20));
        let mut masks = LaneMasks {
            alpha: within(lower_case, b'a', b'z'),
            digit: within(lane, b'0', b'9'),
            colon: equal(lane, b':'),
            equals: equal(lane, b'='),
            backslash: equal(lane, b'\\'),
            percent: equal(lane, b'%'),
            ..LaneMasks::default()
        };
        if ALL {
            masks.at_sign = equal(lane, b'@');
            masks.plus = equal(lane, b'+');
            masks.dash = equal(lane, b'-');
            masks.dot = equal(lane, b'.');
            masks.space = equal(lane, b' ');
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
    fn equal(lane: __m128i, byte: u8) -> u32 {
        bits_of(_mm_cmpeq_epi8(lane, _mm_set1_epi8(byte.cast_signed())))
    }

    /// Bytes from `first` to `last`, both ASCII.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn within(lane: __m128i, first: u8, last: u8) -> u32 {
        let below = _mm_set1_epi8(first.cast_signed() - 1);
        let above = _mm_set1_epi8(last.cast_signed() + 1);
        bits_of(_mm_and_si128(_mm_cmpgt_epi8(lane, below), _mm_cmpgt_epi8(above, lane)))
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
        let lower_case = lane | u128::from_le_bytes([0x20; LANE_BYTES]);
        let mut masks = LaneMasks {
            alpha: within(lower_case, b'a', b'z'),
            digit: within(lane, b'0', b'9'),
            colon: within(lane, b':', b':'),
            equals: within(lane, b'=', b'='),
            backslash: within(lane, b'\\', b'\\'),
            percent: within(lane, b'%', b'%'),
            ..LaneMasks::default()
        };
        if ALL {
            masks.at_sign = within(lane, b'@', b'@');
            masks.plus = within(lane, b'+', b'+');
            masks.dash = within(lane, b'-', b'-');
            masks.dot = within(lane, b'.', b'.');
            masks.space = within(lane, b' ', b' ');
        }
        masks
    }

    /// Bytes from `first` to `last`, both ASCII.
    #[inline]
    fn within(lane: u128, first: u8, last: u8) -> u32 {
        within_halves(lane, |word| {
            let low = word & !TOPS;
            let at_least_first = low + ONES * u64::from(0x80 - first);
            let above_last = low + ONES * u64::from(0x7f - last);
            at_least_first & !above_last & !word & TOPS
        })
    }

    /// The highest bits of the bytes, of each half.
    #[inline]
    fn within_halves(lane: u128, tops: impl Fn(u64) -> u64) -> u32 {
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
            alpha: mask(chunk, |byte| byte.is_ascii_alphabetic()),
            digit: mask(chunk, |byte| byte.is_ascii_digit()),
            colon: mask(chunk, |byte| byte == b':'),
            equals: mask(chunk, |byte| byte == b'='),
            backslash: mask(chunk, |byte| byte == b'\\'),
            percent: mask(chunk, |byte| byte == b'%'),
            at_sign: mask(chunk, |byte| byte == b'@'),
            plus: mask(chunk, |byte| byte == b'+'),
            dash: mask(chunk, |byte| byte == b'-'),
            dot: mask(chunk, |byte| byte == b'.'),
            space: mask(chunk, |byte| byte == b' '),
        }
    }

    #[test]
    fn each_byte_is_in_its_classes_at_each_place() {
        for byte in 0..=u8::MAX {
            for length in [1, 7, 16, 17, 40, 63, 64] {
                let chunk = vec![byte; length];
                assert_eq!(ByteMasks::of::<true>(&chunk), by_byte(&chunk), "{byte} {length} times");
            }
        }
    }

    #[test]
    fn bytes_do_not_touch_those_beside_them() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for start in 0..bytes.len() - CHUNK_BYTES {
            let chunk = &bytes[start..start + CHUNK_BYTES];
            assert_eq!(ByteMasks::of::<true>(chunk), by_byte(chunk), "from {start} on");
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
