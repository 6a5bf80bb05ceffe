//! Keys as text: Bech32m, with a prefix for each kind of key. The checksum finds up to four wrong characters for certain.

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret_key::{KEY_BYTES, SecretKey};

/// The prefix of a recipient: a public key.
pub(crate) const RECIPIENT: &str = "fapilog";
/// The prefix of an identity: a private key.
pub(crate) const IDENTITY: &str = "fapilog-identity-";
/// The prefix of a key-encryption key.
pub(crate) const KEY: &str = "fapilog-key-";

/// Why a text is no key. It holds no part of the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// It has no checksum, or the wrong one: characters are missing or wrong.
    #[error("the text is no key: a character of it is missing or wrong")]
    Checksum,
    /// It is a key of another kind.
    #[error("the text is a key of another kind; it must begin with {expected:?}")]
    Kind {
        /// The first characters of the right kind.
        expected: &'static str,
    },
    /// It has another number of bytes.
    #[error("the key has {bytes} bytes; it must have 32")]
    Length {
        /// The number of bytes.
        bytes: usize,
    },
}

/// More than the text of a key has: a text that grows leaves copies of its beginning behind.
const TEXT_BYTES_MAX: usize = 128;

/// The text of a key, in lower case.
pub(crate) fn write(prefix: &'static str, key: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
    // Neither can fail: the prefixes are valid, and 32 bytes are far below the limit.
    let written =
        Hrp::parse(prefix).map(|prefix| bech32::encode_lower_to_fmt::<Bech32m, String>(&mut text, prefix, key));
    if !matches!(written, Ok(Ok(()))) {
        text.clear();
    }
    text
}

/// Reads the text of a key, in lower or upper case, with white space around it.
pub(crate) fn read(prefix: &'static str, begins: &'static str, text: &str) -> Result<SecretKey, KeyTextError> {
    let checked = CheckedHrpstring::new::<Bech32m>(text.trim()).map_err(|_| KeyTextError::Checksum)?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return Err(KeyTextError::Kind { expected: begins });
    }
    // Longer texts than 1023 characters have no valid checksum, so the buffer never grows, which would leave copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    bytes.extend(checked.byte_iter());
    SecretKey::from_slice(&bytes).ok_or(KeyTextError::Length { bytes: bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_key_is_written_in_one_piece_of_memory() {
        for prefix in [RECIPIENT, IDENTITY, KEY] {
            let text = write(prefix, &[0xab; KEY_BYTES]);
            assert!(text.starts_with(prefix));
            assert_eq!(text.capacity(), TEXT_BYTES_MAX);
        }
    }
}
