//! JSON web tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};

use super::{rule::ContentRule::Jwt, search::Search, text::is_base64url};

/// The longest header that is decoded whole. A longer one has certificates.
const LONGEST_HEADER_BYTES: usize = 1024;

/// The part of a header that every token has.
#[derive(Deserialize)]
struct TokenHeader {
    #[serde(rename = "alg")]
    _algorithm: IgnoredAny,
}

impl Search<'_> {
    /// A word that begins with `eyJ`, which is `{"` in base64.
    pub(super) fn json_web_token(&mut self, at: usize) {
        let text = self.text;
        // The start of a run: so that a text of many `eyJ-` is not read again for each.
        if !text.has(at, b"eyJ") || matches!(text.before(at), b'-' | b'_') {
            return;
        }
        let part = |start| text.run(start, usize::MAX, is_base64url);
        let header = part(at);
        if text.at(header) != b'.' {
            return;
        }
        let payload = part(header + 1);
        let is_token = payload > header + 1 && text.at(payload) == b'.' && is_header(text.part(at, header));
        if !is_token {
            return;
        }
        let mut end = part(payload + 1);
        // An encrypted token has two more parts.
        for _ in 0..2 {
            let next = part(end + 1);
            if text.at(end) == b'.' && next > end + 1 {
                end = next;
            }
        }
        if self.found(Jwt, at, end) {
            self.token_end = end;
        }
    }
}

/// Whether this is a JSON object with an algorithm.
fn is_header(encoded: &[u8]) -> bool {
    let mut decoded = [0; LONGEST_HEADER_BYTES];
    let short = encoded.get(..LONGEST_HEADER_BYTES / 3 * 4).unwrap_or(encoded);
    let Ok(length) = URL_SAFE_NO_PAD.decode_slice(short, &mut decoded) else { return false };
    let json = decoded.get(..length).unwrap_or_default();
    match short.len() == encoded.len() {
        // The error of a parser needs memory, so the name is looked for first.
        true => memmem::find(json, b"\"alg\"").is_some() && serde_json::from_slice::<TokenHeader>(json).is_ok(),
        false => json.starts_with(b"{\""),
    }
}
