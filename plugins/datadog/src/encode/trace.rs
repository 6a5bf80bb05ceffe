//! The ids of a trace, as Datadog correlates logs with traces.

use fapilog_format::json::put_string;
use fapilog_plugin::{event::FieldRef, text::number::put_u64, value::ValueRef};

/// The digits of 64 bits.
const LOW_DIGITS: usize = 16;

/// The longest decimal of 64 bits.
const DECIMAL_DIGITS_MAX: usize = 20;

/// The ids of an event's trace: those of W3C's Trace Context, in hexadecimal digits, or Datadog's decimal ones.
#[derive(Debug, Default)]
pub(super) struct EntryTrace<'a> {
    trace_id: Option<&'a str>,
    span_id: Option<&'a str>,
    dd_trace_id: Option<&'a str>,
    dd_span_id: Option<&'a str>,
}

impl<'a> EntryTrace<'a> {
    /// Keeps the value of a field of the context that is an id.
    #[inline]
    pub(super) fn look_at(&mut self, field: &FieldRef<'a>) {
        let place = match field.name {
            "trace_id" => &mut self.trace_id,
            "span_id" => &mut self.span_id,
            "dd.trace_id" => &mut self.dd_trace_id,
            "dd.span_id" => &mut self.dd_span_id,
            _ => return,
        };
        if let ValueRef::Text(id) = field.value {
            *place = Some(id);
        }
    }

    /// Puts the ids as members. Texts that are no ids are fields of the context alone.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        if self.trace_id.is_some() || self.dd_trace_id.is_some() {
            self.put_ids(out);
        }
    }

    fn put_ids(&self, out: &mut Vec<u8>) {
        let trace_id = self.trace_id.filter(|id| is_hex(id, 2 * LOW_DIGITS) || is_hex(id, LOW_DIGITS));
        let span_id = self.span_id.filter(|id| is_hex(id, LOW_DIGITS));
        put_decimal(b",\"dd.trace_id\":\"", self.dd_trace_id, trace_id, out);
        put_decimal(b",\"dd.span_id\":\"", self.dd_span_id, span_id, out);
        for (key, id) in [(b",\"trace_id\":".as_slice(), trace_id), (b",\"span_id\":", span_id)] {
            if let Some(id) = id {
                out.extend_from_slice(key);
                put_string(out, id);
            }
        }
    }
}

/// Puts the decimal id that is given, or the low 64 bits of the other one.
fn put_decimal(key: &[u8], given: Option<&str>, hex: Option<&str>, out: &mut Vec<u8>) {
    let given = given.filter(|id| id.len() <= DECIMAL_DIGITS_MAX).and_then(|id| id.parse().ok());
    let low = || {
        let hex = hex?;
        u64::from_str_radix(hex.get(hex.len().checked_sub(LOW_DIGITS)?..)?, 16).ok()
    };
    if let Some(id) = given.or_else(low) {
        out.extend_from_slice(key);
        put_u64(out, id);
        out.push(b'"');
    }
}

fn is_hex(id: &str, digits: usize) -> bool {
    id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
