//! Values of placeholders in paths and headers.

use std::io::Write;

use fapilog_plugin::event::{Event, EventTemplate};

/// The longest value of a placeholder, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// The value of a placeholder whose field an event does not have.
const MISSING: &[u8] = b"-";

/// Appends a text for an event. Values are percent-encoded: no event can end a header, or leave its part of a path.
pub(super) fn put_encoded(template: &EventTemplate, event: &Event<'_>, out: &mut Vec<u8>) {
    template.put(event, out, encode_value);
}

/// Percent-encodes all bytes of a value but the unreserved ones (RFC 3986, section 2.3). A value that is a row of dots would name another
/// path, also percent-encoded (`%2E` is a dot to a server that normalises the path): its dots are underscores.
fn encode_value(out: &mut Vec<u8>, start: usize) {
    if out.len() == start {
        return out.extend_from_slice(MISSING);
    }
    out.truncate(start + VALUE_BYTES_MAX);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    let value = out.get(start..).unwrap_or_default();
    if value.iter().all(|byte| is_plain(*byte)) {
        return;
    }
    let value = value.to_vec();
    let is_dots = value.iter().all(|byte| *byte == b'.');
    out.truncate(start);
    for byte in value {
        match byte {
            b'.' => out.push(if is_dots { b'_' } else { b'.' }),
            byte if is_plain(byte) => out.push(byte),
            // A write to a vector does not fail.
            byte => _ = write!(out, "%{byte:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{
        field_group::FieldGroup,
        level::Level,
        testing::{TestBatches, test_event},
    };

    use super::*;

    #[test]
    fn placeholders_are_filled_and_percent_encoded() {
        let event = test_event("m")
            .level(Level::Warning)
            .target("shop::cart")
            .field(FieldGroup::Tags, "region", "eu/../x\r\ny")
            .field(FieldGroup::Context, "dots", "..")
            .field(FieldGroup::Context, "host", "a.b")
            .field(FieldGroup::Context, "n", 7_u64);
        let template = EventTemplate::parse("/{level}/{target}/{tags.region}/{dots}/{host}/{n}/{none}").unwrap();
        let mut out = Vec::new();
        TestBatches::new().events(&[event], |batch| put_encoded(&template, &batch.events()[0], &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "/WARNING/shop%3A%3Acart/eu%2F..%2Fx%0D%0Ay/__/a.b/7/-");
    }

    #[test]
    fn a_long_value_is_cut() {
        let mut out = [b"/".as_slice(), &b"x".repeat(999)].concat();
        encode_value(&mut out, 1);
        assert_eq!(out.len(), 1 + VALUE_BYTES_MAX);
    }
}
