//! Numbers in decimal, as JSON has them and everybody reads them.

use crate::text::{digits::EightDigits, fixed::put_front};

const EIGHT_DIGITS: u64 = EightDigits::NUMBERS as u64;

/// Appends a number.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, n: u64) {
    if n < EIGHT_DIGITS {
        put_below_eight_digits(out, n as u32);
    } else {
        put_large(out, n);
    }
}

/// Appends a number.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, n: i64) {
    if n < 0 {
        out.push(b'-');
    }
    put_u64(out, n.unsigned_abs());
}

#[inline(always)]
fn put_below_eight_digits(out: &mut Vec<u8>, n: u32) {
    let (text, len) = EightDigits::of(n).text_from_first();
    put_front(out, &text, len);
}

/// A number of more than eight digits.
fn put_large(out: &mut Vec<u8>, n: u64) {
    // Twice at most: a `u64` has 20 digits.
    put_u64(out, n / EIGHT_DIGITS);
    out.extend_from_slice(&EightDigits::of((n % EIGHT_DIGITS) as u32).text());
}

/// The shortest decimal that reads back the same. A value that is no number is a name, with `quote` around it: `NaN`, `Infinity`,
/// `-Infinity`.
#[inline]
pub fn put_f64(out: &mut Vec<u8>, x: f64, quote: &str) {
    match ShortDecimal::of(x) {
        Some(decimal) => decimal.put(out),
        None if x.is_finite() => put_shortest(out, x),
        None => put_no_number(out, x, quote),
    }
}

/// As [`put_f64`], with the fewer digits that distinguish an `f32` from its neighbours.
pub fn put_f32(out: &mut Vec<u8>, x: f32, quote: &str) {
    if x.is_finite() { put_shortest(out, x) } else { put_no_number(out, x.into(), quote) }
}

fn put_shortest(out: &mut Vec<u8>, x: impl zmij::Float) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(x).as_bytes());
}

#[cold]
fn put_no_number(out: &mut Vec<u8>, x: f64, quote: &str) {
    let name = match (x.is_nan(), x > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    };
    for text in [quote, name, quote] {
        out.extend_from_slice(text.as_bytes());
    }
}

/// A float whose shortest decimal has few places: what prices, rates and latencies are, as a rule.
///
/// If `n / 10^6` gives the float back, then so does the decimal of these digits, as both are rounded from the same
/// number. And no other decimal of at most six places does: those stand 10^-6 apart, while all numbers that are rounded
/// to a float below 10^8 lie within 2^-26 (1.5 * 10^-8). Any decimal that is shorter has no more places; so this one,
/// without trailing zeros, is the shortest.
struct ShortDecimal {
    is_negative: bool,
    whole: u32,
    /// Millionths.
    fraction: u32,
}

impl ShortDecimal {
    const PER_ONE: u32 = 1_000_000;

    #[inline(always)]
    fn of(x: f64) -> Option<Self> {
        let size = x.abs();
        if size.is_nan() || size >= f64::from(EightDigits::NUMBERS) {
            return None;
        }
        // The error of the product is 2^-53 of it at most, which is less than a tenth: if there is such a decimal, this is it.
        let millionths = (size * f64::from(Self::PER_ONE) + 0.5) as i64;
        let is_exact = millionths as f64 / f64::from(Self::PER_ONE) == size;
        // A number below 10^-5 is shorter with an exponent.
        let has_exponent = (1..10).contains(&millionths);
        // Below 10^14, and not negative.
        let millionths = millionths as u64;
        let per_one = u64::from(Self::PER_ONE);
        (is_exact && !has_exponent).then_some(Self {
            is_negative: x.is_sign_negative(),
            whole: (millionths / per_one) as u32,
            fraction: (millionths % per_one) as u32,
        })
    }

    #[inline(always)]
    fn put(self, out: &mut Vec<u8>) {
        if self.is_negative {
            out.push(b'-');
        }
        put_below_eight_digits(out, self.whole);
        // Six digits, and two zeros behind them.
        let places = EightDigits::of(self.fraction * 100);
        let [a, b, c, d, e, f, ..] = places.text();
        put_front(out, &[b'.', a, b, c, d, e, f, b'0'], 1 + places.count_to_last());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn assert_shortest(x: f64) {
        assert_eq!(text(|out| put_f64(out, x, "\"")), zmij::Buffer::new().format_finite(x), "{x:e}");
        assert_eq!(text(|out| put_f64(out, -x, "\"")), zmij::Buffer::new().format_finite(-x), "-{x:e}");
    }

    /// As many numbers as a test has time for, spread over all of `u64` (SplitMix64, by Sebastiano Vigna).
    fn numbers(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(|index| {
            let mut n = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            n ^ n >> 31
        })
    }

    #[test]
    fn integers_have_all_their_digits_and_no_more() {
        let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
        let edges = powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX, u64::MAX - 1]);
        let spread = numbers(100_000).map(|n| n >> (n % 64));
        for n in edges.chain(spread) {
            assert_eq!(text(|out| put_u64(out, n)), n.to_string());
            let n = n as i64;
            assert_eq!(text(|out| put_i64(out, n)), n.to_string());
            assert_eq!(text(|out| put_i64(out, n.wrapping_neg())), n.wrapping_neg().to_string());
        }
    }

    #[test]
    fn decimals_of_every_number_of_places_are_the_shortest() {
        for n in numbers(if cfg!(miri) { 100 } else { 400_000 }) {
            let digits = (n >> 20) % 10_u64.pow(1 + n as u32 % 15);
            for places in 0..9 {
                assert_shortest(digits as f64 / 10_f64.powi(places));
            }
        }
    }

    #[test]
    fn the_smallest_decimals_are_the_shortest() {
        for digits in 0..20_000 {
            for places in 0..12 {
                assert_shortest(f64::from(digits) / 10_f64.powi(places));
            }
        }
    }

    #[test]
    fn the_neighbours_of_decimals_are_the_shortest() {
        for n in numbers(100_000) {
            let decimal = (n % 10_u64.pow(1 + (n >> 60) as u32)) as f64 / 1e6;
            for bits in [decimal.to_bits().wrapping_sub(1), decimal.to_bits() + 1] {
                let neighbour = f64::from_bits(bits);
                if neighbour.is_finite() {
                    assert_shortest(neighbour);
                }
            }
        }
    }

    #[test]
    fn floats_of_any_bits_are_the_shortest() {
        for bits in numbers(1_000_000) {
            let near_one = f64::from_bits(bits >> 12 | (1003 + (bits & 63)) << 52);
            for x in [f64::from_bits(bits), near_one] {
                if x.is_finite() {
                    assert_shortest(x);
                }
            }
        }
    }

    #[test]
    fn the_edges_of_floats_are_written_as_ever() {
        for x in [0.0, 1e8, 1e8 - 0.5, 99_999_999.999_999, 1e-4, 1e-5, 1e-6, 5e-7, f64::MAX, f64::MIN_POSITIVE, 5e-324]
        {
            assert_shortest(x);
        }
        assert_eq!(text(|out| put_f64(out, -0.0, "\"")), "-0.0");
        assert_eq!(text(|out| put_f64(out, f64::NAN, "\"")), "\"NaN\"");
        assert_eq!(text(|out| put_f64(out, f64::INFINITY, "\"")), "\"Infinity\"");
        assert_eq!(text(|out| put_f64(out, f64::NEG_INFINITY, "\"")), "\"-Infinity\"");
        assert_eq!(text(|out| put_f32(out, f32::NEG_INFINITY, "")), "-Infinity");
    }
}
