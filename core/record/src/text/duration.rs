//! Durations as people write them.

use std::{io::Write, time::Duration};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Units of a second and longer, behind which the next shorter one follows.
const LONG_UNITS: [(u64, &str); 3] = [(86_400, "d"), (3_600, "h"), (60, "m")];

/// The unit of the seconds and of what is shorter than one, and its nanoseconds.
const SHORT_UNITS: [(u64, &str); 4] = [(NANOS_PER_SECOND, "s"), (1_000_000, "ms"), (1_000, "µs"), (1, "ns")];

/// Appends a duration in the units that fit it, without rounding: `17µs`, `1.5ms`, `250ms`, `12.75s`, `1m30s`, `2d3h`. It is an
/// atom: there is no space in it.
pub fn put_duration_for_people(out: &mut Vec<u8>, span: Duration) {
    let mut seconds = span.as_secs();
    let has_long = seconds >= 60;
    for (unit_seconds, unit) in LONG_UNITS {
        let count = seconds / unit_seconds;
        seconds %= unit_seconds;
        if count > 0 {
            put(out, format_args!("{count}{unit}"));
        }
    }
    // Below a minute now.
    let nanos = seconds * NANOS_PER_SECOND + u64::from(span.subsec_nanos());
    if has_long {
        if nanos > 0 {
            put_decimal(out, nanos, NANOS_PER_SECOND, "s");
        }
        return;
    }
    // The longest unit of which there is one at least; none of any: `0s`.
    let (unit_nanos, unit) =
        SHORT_UNITS.into_iter().find(|(unit_nanos, _)| nanos >= *unit_nanos).unwrap_or((NANOS_PER_SECOND, "s"));
    put_decimal(out, nanos, unit_nanos, unit);
}

/// Appends a number of a unit, with as many decimals as there are.
fn put_decimal(out: &mut Vec<u8>, nanos: u64, unit_nanos: u64, unit: &str) {
    put(out, format_args!("{}", nanos / unit_nanos));
    let fraction = nanos % unit_nanos;
    if fraction > 0 {
        let digits = unit_nanos.ilog10() as usize;
        put(out, format_args!(".{fraction:0digits$}"));
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.extend_from_slice(unit.as_bytes());
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_the_unit_that_a_person_would_choose() {
        for (span, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_nanos(1), "1ns"),
            (Duration::from_nanos(999), "999ns"),
            (Duration::from_micros(17), "17µs"),
            (Duration::from_nanos(1_050), "1.05µs"),
            (Duration::from_nanos(1_234_567), "1.234567ms"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_millis(12_750), "12.75s"),
            (Duration::new(59, 999_999_999), "59.999999999s"),
            (Duration::from_secs(60), "1m"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::new(3_600, 1), "1h0.000000001s"),
            (Duration::from_secs(2 * 86_400 + 3 * 3_600), "2d3h"),
            (Duration::MAX, "213503982334601d7h15.999999999s"),
        ] {
            let mut out = Vec::new();
            put_duration_for_people(&mut out, span);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
