//! How the text behind a reference is written.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, Encoding, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use crate::named_enum;

named_enum! {
    /// How the bytes of a secret are written in the variable, the file or the output that a reference names.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum SecretEncoding {
        /// As they are.
        #[default]
        Text = "text",
        /// Two hexadecimal digits for each byte, in capitals or not.
        Hex = "hex",
        /// Base64 of RFC 4648, in the standard or the URL-safe alphabet, with or without padding.
        Base64 = "base64",
    }
}

impl SecretEncoding {
    /// The bytes; without a copy of the text for [`Text`](Self::Text). `None` if the text is not of this encoding: the reasons of the decoder name
    /// bytes of the secret.
    pub(super) fn decode(self, text: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Text => Some(text),
            Self::Hex => decode(&HEXLOWER_PERMISSIVE, &text),
            Self::Base64 => decode(&base64_of(&text), &text),
        }
    }
}

fn decode(encoding: &Encoding, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Decoded in place, so that a wrong text leaves no copy of its front part behind.
    let mut decoded = Zeroizing::new(vec![0; encoding.decode_len(text.len()).ok()?]);
    let length = encoding.decode_mut(text, &mut decoded).ok()?;
    decoded.truncate(length);
    Some(decoded)
}

/// The alphabet and the padding that the text shows.
fn base64_of(text: &[u8]) -> Encoding {
    let is_url_safe = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    match (is_url_safe, text.ends_with(b"=")) {
        (false, false) => BASE64_NOPAD,
        (false, true) => BASE64,
        (true, false) => BASE64URL_NOPAD,
        (true, true) => BASE64URL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoding: SecretEncoding, text: &str) -> Option<Vec<u8>> {
        encoding.decode(Zeroizing::new(text.into())).map(|bytes| bytes.to_vec())
    }

    #[test]
    fn base64_is_read_in_both_alphabets_with_and_without_padding() {
        let bytes = vec![0xfb, 0xff, 0xfe, 0x01];
        for text in ["+//+AQ==", "+//+AQ", "-__-AQ==", "-__-AQ"] {
            assert_eq!(decoded(SecretEncoding::Base64, text), Some(bytes.clone()), "{text}");
        }
        for text in ["+__-AQ", "+//+AQ=", "+//+A", "hunter 2"] {
            assert_eq!(decoded(SecretEncoding::Base64, text), None, "{text}");
        }
    }

    #[test]
    fn hex_is_read_in_capitals_and_not() {
        assert_eq!(decoded(SecretEncoding::Hex, "00fFA0"), Some(vec![0, 0xff, 0xa0]));
        assert_eq!(decoded(SecretEncoding::Hex, "00f"), None);
        assert_eq!(decoded(SecretEncoding::Hex, "hunter22"), None);
    }
}
