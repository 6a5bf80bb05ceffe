//! Decimal digits, eight at a time.

/// Eight decimal digits, one in a byte, the first digit in the lowest byte: in memory, they stand as they are read.
#[derive(Debug, Clone, Copy)]
pub struct EightDigits(u64);

const ASCII_ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);

impl EightDigits {
    /// How many numbers have eight digits at most.
    pub const NUMBERS: u32 = 100_000_000;

    /// The digits of a number below [`NUMBERS`](Self::NUMBERS).
    ///
    /// Halves the number three times, all parts of it in one go: two numbers of four digits, four of two, eight of one.
    /// A part is divided by multiplying with the divisor's inverse, rounded up, which is exact for parts so small.
    #[inline(always)]
    pub const fn of(number: u32) -> Self {
        debug_assert!(number < Self::NUMBERS);
        let (high, low) = (number / 10_000, number % 10_000);
        let fours = high as u64 | (low as u64) << 32;
        // 5243 / 2^19 is 1/100, for numbers below 10,000.
        let hundreds = ((fours * 5243) >> 19) & 0x0000_007f_0000_007f;
        let twos = hundreds | (fours - hundreds * 100) << 16;
        // 103 / 2^10 is 1/10, for numbers below 100.
        let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
        Self(tens | (twos - tens * 10) << 8)
    }

    /// The text, with leading zeros.
    #[inline(always)]
    pub const fn text(self) -> [u8; 8] {
        (self.0 | ASCII_ZEROS).to_le_bytes()
    }

    /// The text without leading zeros, at the front of the array, and its length: at least one digit.
    #[inline(always)]
    pub const fn text_from_first(self) -> ([u8; 8], usize) {
        // A bit in the last digit, so that this one stays.
        let zeros = (self.0 | 1 << 56).trailing_zeros() / 8;
        (((self.0 | ASCII_ZEROS) >> (zeros * 8)).to_le_bytes(), 8 - zeros as usize)
    }

    /// How many digits there are without trailing zeros: at least one.
    #[inline(always)]
    pub const fn count_to_last(self) -> usize {
        8 - (self.0 | 1).leading_zeros() as usize / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_four_digits_is_written_right() {
        for part in 0..10_000 {
            for number in [part, part * 10_000, part * 10_001] {
                let digits = EightDigits::of(number);
                assert_eq!(digits.text(), format!("{number:08}").as_bytes());
                let (text, count) = digits.text_from_first();
                assert_eq!(&text[..count], number.to_string().as_bytes());
                let to_last = format!("{number:08}").trim_end_matches('0').len().max(1);
                assert_eq!(digits.count_to_last(), to_last);
            }
        }
    }
}
