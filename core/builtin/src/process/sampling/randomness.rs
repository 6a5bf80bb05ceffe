//! Randomness of traces: a number that every process computes alike from a trace id, and the threshold of a rate.

use fapilog_plugin::event::Event;
use fapilog_record::value::ValueRef;

use crate::process::{FieldPath, digest::DigestKey};

/// The bits of randomness that a W3C trace id has, and that OpenTelemetry's thresholds compare.
const RANDOM_BITS: u32 = 56;
/// The length of a W3C trace id as text.
const TRACE_ID_DIGITS: usize = 32;

/// The randomness of a trace or of an event: below 2^56.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct TraceRandomness(u64);

impl TraceRandomness {
    /// The randomness of a trace id. A W3C trace id has its low 56 bits, as in OpenTelemetry's consistent probability sampling; any other text is
    /// hashed.
    pub(in crate::process) fn of_trace_id(id: &str) -> Self {
        w3c_randomness(id).unwrap_or_else(|| {
            let mut digest = DigestKey::fixed().digest();
            digest.text(id);
            Self::of_hash(digest.finish_short())
        })
    }

    fn of_value(value: ValueRef<'_>) -> Self {
        if let ValueRef::Text(id) = value {
            return Self::of_trace_id(id);
        }
        let mut digest = DigestKey::fixed().digest();
        digest.value(value);
        Self::of_hash(digest.finish_short())
    }

    /// The randomness of an event on its own: the same in every run of a program that logs the same.
    pub(in crate::process) fn of_event(event: &Event<'_>) -> Self {
        let mut digest = DigestKey::fixed().digest();
        digest.number(event.id().producer.into());
        digest.number(event.id().sequence);
        Self::of_hash(digest.finish_short())
    }

    fn of_hash(hash: u64) -> Self {
        Self(!hash >> (u64::BITS - RANDOM_BITS))
    }
}

/// The low 56 bits of a W3C trace id: 32 hexadecimal digits, not all of them zero. `None` for other texts.
fn w3c_randomness(id: &str) -> Option<TraceRandomness> {
    let digits = id.as_bytes();
    let is_trace_id = digits.len() == TRACE_ID_DIGITS
        && digits.iter().all(u8::is_ascii_hexdigit)
        && digits.iter().any(|digit| *digit != b'0');
    let low = id.get(TRACE_ID_DIGITS - RANDOM_BITS as usize / 4..).filter(|_| is_trace_id)?;
    u64::from_str_radix(low, 16).ok().map(TraceRandomness)
}

/// The least randomness that is kept: `(1 - rate) * 2^56`. All that a low rate keeps, a higher rate keeps, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::process) struct SamplingThreshold(u64);

impl SamplingThreshold {
    /// The threshold of a rate from 0 to 1.
    pub(in crate::process) fn of_rate(rate: f64) -> Self {
        const RANGE: u64 = 1 << RANDOM_BITS;
        Self(RANGE.saturating_sub((rate * RANGE as f64).round() as u64))
    }

    #[inline]
    pub(in crate::process) fn keeps(self, randomness: TraceRandomness) -> bool {
        randomness.0 >= self.0
    }
}

/// The place of an event's trace id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::process) struct TraceIdPlace {
    /// A field in front of the correlation id.
    pub(in crate::process) field: Option<FieldPath>,
}

impl TraceIdPlace {
    /// The randomness of an event's trace: by the field, else by the correlation id. `None` for an event without either.
    pub(in crate::process) fn randomness(&self, event: &Event<'_>) -> Option<TraceRandomness> {
        let value = self.field.as_ref().and_then(|field| field.of(event)).filter(|value| *value != ValueRef::None);
        match value {
            Some(value) => Some(TraceRandomness::of_value(value)),
            None => event.correlation_id().map(TraceRandomness::of_trace_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_w3c_trace_id_has_its_low_56_bits_as_randomness() {
        for (id, randomness) in [
            ("4bf92f3577b34da6a3ce929d0e0e4736", 0xce_929d_0e0e_4736),
            ("4BF92F3577B34DA6A3CE929D0E0E4736", 0xce_929d_0e0e_4736),
            ("00000000000000000000000000000001", 1),
            ("ffffffffffffffff01ffffffffffffff", 0xff_ffff_ffff_ffff),
        ] {
            assert_eq!(TraceRandomness::of_trace_id(id), TraceRandomness(randomness), "{id}");
        }
    }

    #[test]
    fn other_ids_are_hashed() {
        for id in ["", "00000000000000000000000000000000", "4bf92f3577b34da6", "order-4bf92f3577b34da6a3ce929d0e0e"] {
            assert_eq!(w3c_randomness(id), None, "{id}");
            assert!(TraceRandomness::of_trace_id(id).0 < 1 << RANDOM_BITS, "{id}");
        }
    }

    #[test]
    fn thresholds_are_those_of_opentelemetry() {
        // Its specification: a rate of 1/4 has the threshold `c`, one of 1/3 begins with `aaaa`, and one of 1 is zero.
        assert_eq!(SamplingThreshold::of_rate(0.25), SamplingThreshold(0xc0_0000_0000_0000));
        assert_eq!(SamplingThreshold::of_rate(1.0 / 3.0).0 >> 40, 0xaaaa);
        assert_eq!(SamplingThreshold::of_rate(1.0), SamplingThreshold(0));
        let [least, greatest] = [0, (1 << RANDOM_BITS) - 1].map(TraceRandomness);
        assert!(SamplingThreshold::of_rate(1.0).keeps(least) && !SamplingThreshold::of_rate(0.0).keeps(greatest));
        assert!(SamplingThreshold::of_rate(1e-16).keeps(greatest));
    }
}
