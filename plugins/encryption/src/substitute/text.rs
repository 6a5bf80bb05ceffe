//! Texts that stand for values: docs/encryption-format.md has them byte by byte.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use zeroize::Zeroize;

use super::token_key::SIV_BYTES;
use crate::{bytes::ByteReader, error::EncryptError, recipient::ShortId, wrap::KeyId};

/// The first characters of a sealed value.
pub(super) const SEALED_BEGINS: &str = "sealed1:";
/// The first characters of a token. "token" in front of a colon would be the name of a secret, and redacted by the next redactor.
pub(super) const TOKEN_BEGINS: &str = "tok1:";
/// The last characters of both beginnings.
pub(super) const BEGINNINGS_END: &[u8] = b"1:";

/// The length of the id of a data key, in Base64.
const DATA_KEY_ID_CHARACTERS: usize = 22;
/// The length of the id of a key-encryption key, in hexadecimal digits.
const KEY_ID_CHARACTERS: usize = 16;
/// The length of the ids of a subject and its key, in Base64.
const SUBJECT_KEY_CHARACTERS: usize = 43;

/// The length of an empty value of a subject: two ids, a nonce and a tag.
const SUBJECT_VALUE_MIN_BYTES: usize = 60;

/// Up to this length, a value is encrypted on the stack.
const STACK_BYTES: usize = 512;

/// A text that stands for a value, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SubstituteText {
    /// A value under a data key, which is wrapped in the text.
    Sealed { id: KeyId, wraps: Vec<u8>, number: u64, sealed: Vec<u8> },
    /// A value under the key of a subject, which [`SubjectKeys`](crate::SubjectKeys) opens.
    OfSubject,
    /// A token under a key that the program has.
    Token { key: ShortId, sealed: Vec<u8> },
    /// A token under the key of a subject.
    SubjectToken { subject: [u8; 16], key: KeyId, sealed: Vec<u8> },
}

impl SubstituteText {
    /// `None` if the text is none, as a whole.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.strip_prefix(SEALED_BEGINS) {
            Some(sealed) => Self::read_sealed(sealed),
            None => Self::read_token(text.strip_prefix(TOKEN_BEGINS)?),
        }
    }

    fn read_sealed(text: &str) -> Option<Self> {
        let Some((id, text)) = text.split_once(':') else {
            return (decoded(text)?.len() >= SUBJECT_VALUE_MIN_BYTES).then_some(Self::OfSubject);
        };
        let (wraps, body) = text.split_once(':')?;
        let body = decoded(body)?;
        let mut body = ByteReader::new(&body);
        let number = body.u64()?;
        Some(Self::Sealed {
            id: decoded(id)?.try_into().ok()?,
            wraps: decoded(wraps)?,
            number,
            sealed: body.remaining().to_vec(),
        })
    }

    fn read_token(text: &str) -> Option<Self> {
        let (key, body) = text.split_once(':')?;
        let sealed = decoded(body).filter(|body| body.len() >= SIV_BYTES)?;
        if key.len() == KEY_ID_CHARACTERS {
            let key = HEXLOWER.decode(key.as_bytes()).ok()?.try_into().ok()?;
            return Some(Self::Token { key, sealed });
        }
        let key = decoded(key)?;
        let mut key = ByteReader::new(&key);
        let (subject, id) = (key.array()?, key.array()?);
        key.is_empty().then_some(Self::SubjectToken { subject, key: id, sealed })
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

/// The text at the beginning of `bytes`, as far as it may go by its characters: other text may stand directly behind it.
///
/// Each part ends at a colon at the latest, so that a line of nothing but beginnings is read in linear time.
pub(super) fn longest_at(bytes: &[u8]) -> &str {
    let is_sealed = bytes.starts_with(SEALED_BEGINS.as_bytes());
    let start = match is_sealed {
        true => SEALED_BEGINS.len(),
        false if bytes.starts_with(TOKEN_BEGINS.as_bytes()) => TOKEN_BEGINS.len(),
        false => return "",
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let end_of = |part: usize| {
        let digits = bytes.get(part..).unwrap_or_default().iter().take_while(|byte| is_digit(byte));
        part + digits.count()
    };
    let mut end = end_of(start);
    let parts_behind = match end - start {
        DATA_KEY_ID_CHARACTERS if is_sealed => 2,
        KEY_ID_CHARACTERS | SUBJECT_KEY_CHARACTERS if !is_sealed => 1,
        _ => 0,
    };
    for _ in 0..parts_behind {
        if bytes.get(end) == Some(&b':') {
            end = end_of(end + 1);
        }
    }
    bytes.get(..end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

/// The ids of a subject and its key, as tokens have them.
pub(super) fn subject_key_text(subject: &[u8; 16], key: &KeyId) -> String {
    BASE64URL_NOPAD.encode(&[&subject[..], key].concat())
}

/// Appends the bytes in Base64 that `encrypt` makes of `value`: with `front` bytes in front of it and `behind` behind it. Values of usual
/// lengths need no memory but that of `out`.
pub(super) fn append_encrypted(
    value: &str,
    [front, behind]: [usize; 2],
    out: &mut String,
    encrypt: impl FnOnce(&mut [u8]) -> Result<(), EncryptError>,
) -> Result<(), EncryptError> {
    let length = front + value.len() + behind;
    let (mut stack, mut heap);
    let bytes: &mut [u8] = if length <= STACK_BYTES {
        stack = [0; STACK_BYTES];
        &mut stack
    } else {
        heap = vec![0; length];
        &mut heap
    };
    let bytes = bytes.get_mut(..length).ok_or(EncryptError::Cipher)?;
    bytes.get_mut(front..front + value.len()).ok_or(EncryptError::Cipher)?.copy_from_slice(value.as_bytes());
    let encrypted = encrypt(bytes);
    match &encrypted {
        Ok(()) => BASE64URL_NOPAD.encode_append(bytes, out),
        // It may hold the value. Otherwise it holds the ciphertext in its place.
        Err(_) => bytes.zeroize(),
    }
    encrypted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_ends_where_its_last_part_does() {
        let (id, wraps, token) = ("A".repeat(22), "B".repeat(124), "c".repeat(16));
        for (text, expected) in [
            (format!("sealed1:{id}:{wraps}:BODY: refused"), format!("sealed1:{id}:{wraps}:BODY")),
            (format!("sealed1:{id}:{wraps}:BODY\""), format!("sealed1:{id}:{wraps}:BODY")),
            (format!("sealed1:{wraps}:other"), format!("sealed1:{wraps}")),
            (format!("tok1:{token}:BODY:x"), format!("tok1:{token}:BODY")),
            (format!("tok1:{}:BODY@host", "d".repeat(43)), format!("tok1:{}:BODY", "d".repeat(43))),
            ("sealed1:".to_owned(), "sealed1:".to_owned()),
            ("sealed1".to_owned(), String::new()),
        ] {
            assert_eq!(longest_at(text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_text_that_is_cut_or_has_other_parts_is_none() {
        let id = "A".repeat(22);
        for text in [
            "",
            "sealed1:",
            "tok1:",
            "tok1:0011223344556677",
            "tok1:0011223344556677:",
            "tok1:0011223344556677:AAAA",
            "tok1:001122334455667:AAAAAAAAAAAAAAAAAAAAAA",
            "tok1:00112233445566GG:AAAAAAAAAAAAAAAAAAAAAA",
            "sealed1:AAAA:AAAA",
            "sealed1:AAAA:AAAA:AAAAAAAAAAAAAAAA",
            &format!("sealed1:{id}:AAAA:AAAA"),
            &format!("sealed1:{id}:AAAA:AAAAAAAAAAAAAAAA:AAAA"),
            &format!("sealed1:{id}:A:AAAAAAAAAAAAAAAA"),
            "sealed2:AAAA",
        ] {
            assert_eq!(SubstituteText::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_text_at_their_beginning_that_is_a_part_of_them(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let text = longest_at(&bytes);
            prop_assert!(bytes.starts_with(text.as_bytes()));
            let _ = SubstituteText::read(text);
        }

        #[test]
        fn long_values_and_short_ones_are_encrypted_in_the_same_places(length in 0_usize..1200) {
            let (value, mut out) = ("v".repeat(length), "in front:".to_owned());
            append_encrypted(&value, [3, 2], &mut out, |bytes| {
                bytes[0] = 1;
                *bytes.last_mut().unwrap() = 2;
                Ok(())
            }).unwrap();
            let expected = [&[1, 0, 0], value.as_bytes(), &[0, 2]].concat();
            prop_assert_eq!(out, format!("in front:{}", BASE64URL_NOPAD.encode(&expected)));
            let mut out = String::new();
            prop_assert!(append_encrypted(&value, [3, 2], &mut out, |_| Err(EncryptError::Cipher)).is_err());
            prop_assert_eq!(out, "");
        }
    }
}
