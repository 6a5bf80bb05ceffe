//! Values of headers.

use http::HeaderValue;

/// The rule for the value of a header.
pub(crate) const HEADER_TEXT_RULE: &str = "a header has visible ASCII characters and spaces";

/// The value of a header, if the text has visible ASCII characters and spaces only (RFC 9110, section 5.5, without what is obsolete).
pub(crate) fn header_value(text: &[u8]) -> Option<HeaderValue> {
    let is_visible = text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    HeaderValue::from_bytes(text).ok().filter(|_| is_visible)
}
