//! Personal data, logged as a pseudonym: a keyed hash of its text.

use std::{
    fmt::{self, Display, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    keyed_hash::{HASH_TEXT_MAX_BYTES, HashText},
    self_typed::SelfTypedWriter,
    value::{Key, Kind, REDACTED, Value, exposing::exposing, pseudonym_key::pseudonym_key, sealed::Sealed},
    writer::SlotWriter,
};

/// The wire form: the length of the text, the text, zeros.
pub(super) const PSEUDONYM_BYTES: usize = 1 + HASH_TEXT_MAX_BYTES;

/// Data about a person that is logged as a pseudonym: `hmac:k1:9f86d081884c7d659a2feaa0c55ad015`.
///
/// The pseudonym is a keyed hash of the text that `T` has as a value or a [key](Key), which is that of its `Display`. Under the
/// [key that the program has set](super::set_pseudonym_key), equal texts have equal pseudonyms: events about one person are
/// found by it, and only who has the key can test a guess at the person. Without a key, the value is logged as
/// `[redacted]`: there is never a plain hash, which a list of all telephone numbers would undo.
///
/// It is a value for text, integers, `Uuid`, `IpAddr`, and enums that derive [`Value`](trait@Value) and have no fields. For any other
/// `T` with a `Display` write `%value`: `Display` writes the pseudonym, and so does `Serialize`. `Debug` writes `[redacted]`, whatever `T` is.
///
/// ```
/// use fapilog_record::value::{Pii, set_pseudonym_key};
///
/// let email = Pii::new("ada@example.org");
/// assert_eq!(email.to_string(), "[redacted]");
///
/// let key: [u8; 32] = std::array::from_fn(|index| index as u8); // of the program's secrets
/// set_pseudonym_key("k1", &key)?;
/// assert_eq!(email.to_string(), Pii::new(String::from("ada@example.org")).to_string());
/// assert!(email.to_string().starts_with("hmac:k1:"));
/// # Ok::<(), fapilog_record::value::PseudonymKeyError>(())
/// ```
///
/// A type without such a text does not compile as it is:
///
/// ```compile_fail,E0277
/// use fapilog_record::value::{OwnedValue, Pii};
///
/// OwnedValue::of(&Pii::new(1.5)); // `%value` logs the pseudonym of its Display
/// ```
///
/// # The hash
///
/// The first 16 bytes of HMAC-SHA-256 over the bytes of the text as it is. A [`KeyedHash`](crate::keyed_hash::KeyedHash) of the same id and key, as the
/// redactor's action `hash` has one, makes the same text. So texts have to be brought to one form before they are wrapped, as by `to_lowercase`.
#[derive(Clone, Copy, Default)]
pub struct Pii<T> {
    value: T,
}

exposing!(Pii);

/// The pseudonym. The text of `T` is hashed as it is written, and kept nowhere.
impl<T: Display> Display for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(key) = pseudonym_key() else { return f.pad(REDACTED) };
        let mut hasher = key.hasher();
        // A text that is written by halves has no pseudonym.
        write!(hasher, "{}", self.value)?;
        f.pad(hasher.finish().as_str())
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(REDACTED)
    }
}

/// The pseudonym.
impl<T: Display> Serialize for Pii<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a `T`. An error does not repeat the value, as that of a `T` may do.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pii<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match T::deserialize(deserializer) {
            Ok(value) => Ok(Self::new(value)),
            Err(_) => Err(de::Error::custom("personal data is of a wrong type or form")),
        }
    }
}

/// A type whose text is found without code of the user's, within a log call.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`Pii<{Self}>` cannot be the value of a log field as it is",
    label = "has no text that a log call may ask for",
    note = "`Pii` of text, integers, `bool`, `char`, `Uuid` and IP addresses is a value as it is, and so is that of an enum that derives `fapilog::event::Value` and has no fields",
    note = "write `%value` to log the pseudonym of the text that its Display writes"
)]
pub trait PiiText {
    /// Shows the text.
    fn with_text<R>(&self, look: impl FnOnce(&str) -> R) -> R;
}

// Without it, an error is about keys of maps.
#[diagnostic::do_not_recommend]
impl<K: Key> PiiText for K {
    #[inline]
    fn with_text<R>(&self, look: impl FnOnce(&str) -> R) -> R {
        Key::with_text(self, look)
    }
}

macro_rules! shown {
    ($($type:ty),*) => {$(
        impl PiiText for $type {
            fn with_text<R>(&self, look: impl FnOnce(&str) -> R) -> R {
                let mut text = AddressText::default();
                // It has room for the longest.
                let _ = write!(text, "{self}");
                look(text.as_str())
            }
        }
    )*};
}

shown!(IpAddr, Ipv4Addr, Ipv6Addr);

/// Room for the text of an address: eight groups of four digits, and the form that embeds the other version.
#[derive(Default)]
struct AddressText {
    bytes: [[u8; 16]; 4],
    len: usize,
}

impl AddressText {
    fn as_str(&self) -> &str {
        std::str::from_utf8(self.bytes.as_flattened().get(..self.len).unwrap_or_default()).unwrap_or_default()
    }
}

impl Write for AddressText {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = self.bytes.as_flattened_mut().get_mut(self.len..).and_then(|room| room.get_mut(..piece.len()));
        room.ok_or(fmt::Error)?.copy_from_slice(piece.as_bytes());
        self.len += piece.len();
        Ok(())
    }
}

impl<T: PiiText> Sealed for Pii<T> {}

impl<T: PiiText> Value for Pii<T> {
    /// In the root, so that its length is known before the key is.
    type Wire = [u8; PSEUDONYM_BYTES];
    const KIND: Kind = Kind::Pseudonym;

    #[inline]
    fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; PSEUDONYM_BYTES] {
        wire_of(&self.value.with_text(pseudonym_or_redacted))
    }

    #[inline]
    fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
        out.text(self.value.with_text(pseudonym_or_redacted).as_str());
    }
}

/// The pseudonym of a text under the present key, as a search for a person's events needs it; `None` while there is no
/// [key](super::set_pseudonym_key).
#[must_use]
pub fn pseudonym(text: &str) -> Option<String> {
    pseudonym_key().map(|key| key.hash(text).as_str().to_owned())
}

#[inline]
fn pseudonym_or_redacted(text: &str) -> HashText {
    match pseudonym_key() {
        Some(key) => key.hash(text),
        None => HashText::of_parts(&[REDACTED.as_bytes()]),
    }
}

#[inline]
fn wire_of(text: &HashText) -> [u8; PSEUDONYM_BYTES] {
    let mut wire = [0; PSEUDONYM_BYTES];
    let text = text.as_str().as_bytes();
    if let Some((len, room)) = wire.split_first_mut() {
        // A text has `HASH_TEXT_MAX_BYTES` at most.
        *len = text.len() as u8;
        room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    }
    wire
}

/// The text in a wire form.
pub(super) fn text_in(wire: &[u8]) -> Option<&str> {
    let (len, text) = wire.split_first()?;
    std::str::from_utf8(text.get(..usize::from(*len))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        arguments::{Arg, Arguments, End},
        as_logged::as_logged,
        head::Head,
        keyed_hash::{KeyedHash, is_hash_text},
        value::{self, OwnedValue, ValueRef, debug, display, remove_pseudonym_key, serialized, set_pseudonym_key},
        writer::{record_bytes, write_record},
    };

    const KEY: &[u8; 32] = b"whats the Elvish word for friend";
    /// The hash of the empty text: `printf '' | openssl mac -digest SHA256 -macopt "key:whats the Elvish word for friend" HMAC`.
    const OF_NOTHING: &str = "hmac:k1:ac5cdc92d0353395a93bf097797193a9";

    fn shown<T: Value + ?Sized>(value: &T) -> String {
        as_logged(value, |value| value.to_string())
    }

    fn body<T: Value>(value: &T) -> Vec<u8> {
        let arguments = (Arg(value), End);
        let mut record = vec![0xee; record_bytes(&arguments, 0)];
        write_record(&mut record, 0, &arguments, &[]).unwrap();
        record.split_off(Head::BYTES)
    }

    fn text(value: &str) -> String {
        shown(&Pii::new(value))
    }

    /// The key belongs to the process, so the promises that depend on it are in a single test.
    #[test]
    fn a_value_is_logged_as_a_pseudonym_while_there_is_a_key() {
        remove_pseudonym_key().unwrap();
        let redacted = |value: &Pii<&str>| [shown(value), value.to_string(), shown(&[*value])];
        let ada = Pii::new("ada");
        assert_eq!(redacted(&ada), ["[redacted]", "[redacted]", "[[redacted]]"]);
        assert_eq!((value::pseudonym("ada"), body(&ada)[..11].to_vec()), (None, b"\x0a[redacted]".to_vec()));

        set_pseudonym_key("k1", KEY).unwrap();
        let pseudonym = text("ada");
        assert!(is_hash_text(&pseudonym) && pseudonym.starts_with("hmac:k1:"), "{pseudonym}");
        assert_eq!(value::pseudonym("ada").as_ref(), Some(&pseudonym));
        // Each way leads to the same.
        let own = Pii::new(String::from("ada"));
        let pseudonyms =
            [own.to_string(), shown(&own), shown(&Some(&own)), shown(&display(&own)), shown(&serialized(&own))];
        assert_eq!(pseudonyms, std::array::from_fn(|_| pseudonym.clone()));
        assert_eq!(OwnedValue::of(&own).view(), ValueRef::Text(&pseudonym));
        assert_eq!(shown(&(1, [&own])), format!("(1, [{pseudonym}])").replace('(', "[").replace(')', "]"));
        assert_eq!(shown(&debug(&own)), "[redacted]");
        assert!(text("bob") != pseudonym && text("Ada") != pseudonym);

        // Numbers and addresses, too, by the text of their `Display`.
        assert_eq!(shown(&Pii::new(42_u64)), text("42"));
        assert_eq!(shown(&Pii::new(uuid::Uuid::nil())), text(&uuid::Uuid::nil().to_string()));
        for ip in ["192.0.2.1", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:255.255.255.255"] {
            let address: IpAddr = ip.parse().unwrap();
            assert_eq!(shown(&Pii::new(address)), text(ip));
        }

        // Another key has other pseudonyms, and the longest id has room.
        set_pseudonym_key("2026-11-30.k_345", b"any other key of 16 bytes or more").unwrap();
        let other = text("ada");
        assert!(is_hash_text(&other) && other.starts_with("hmac:2026-11-30.k_345:"), "{other}");
        assert!(other.split(':').next_back() != pseudonym.split(':').next_back());
        remove_pseudonym_key().unwrap();
        assert_eq!(text("ada"), "[redacted]");
    }

    #[test]
    fn the_wire_form_is_the_length_the_text_and_zeros() {
        let wire = wire_of(&KeyedHash::new("k1", KEY).unwrap().hash(""));
        let mut expected = vec![40];
        expected.extend(OF_NOTHING.as_bytes());
        expected.resize(55, 0);
        assert_eq!(wire[..], expected);
        assert_eq!(value::read(&wire, 0, &Kind::Pseudonym), ValueRef::Text(OF_NOTHING));
        assert_eq!((Kind::Pseudonym.wire_bytes(), Kind::Pseudonym.has_tail()), (55, false));
        assert_eq!(body(&None::<Pii<u8>>), [0; 56]);
        assert_eq!(Arguments::tail_bytes(&(Arg(&Pii::new("ada")), End)), 0);
    }

    #[test]
    fn bytes_that_are_no_wire_form_are_no_value() {
        for bytes in [&[][..], &[1; 54], &[255; 55], &[55; 55], &[2, 0xff, 0xff]] {
            assert_eq!(value::read(bytes, 0, &Kind::Pseudonym), ValueRef::None, "{bytes:?}");
        }
    }

    #[test]
    fn only_a_whole_pseudonym_is_taken_for_one() {
        let hash = "6d7878dfff2f485635d39013278ae14f";
        assert!(is_hash_text(&format!("hmac:a:{hash}")) && ValueRef::Text(&format!("hmac:a:{hash}")).is_redaction());
        let wrong = [
            format!("hmac::{hash}"),
            format!("hmac:12345678901234567:{hash}"),
            format!("hmac:a b:{hash}"),
            format!("hmac:a:{}", hash.to_uppercase()),
            format!("hmac:a:{hash}0"),
            format!("ssn:a:{hash}"),
            "hmac:a".to_owned(),
        ];
        assert!(wrong.iter().all(|text| !is_hash_text(text)));
    }

    #[test]
    fn debug_has_no_pseudonym_and_an_error_of_reading_no_value() {
        struct Opaque;
        assert_eq!(format!("{:?}", Pii::new(Opaque)), "[redacted]");
        let error = serde_json::from_str::<Pii<u64>>(r#""ada""#).unwrap_err().to_string();
        assert!(error.contains("personal data is of a wrong type or form") && !error.contains("ada"), "{error}");
        assert_eq!(serde_json::from_str::<Pii<String>>(r#""ada""#).unwrap().into_inner(), "ada");
    }

    #[test]
    fn the_value_comes_out_only_by_name() {
        let mut email = Pii::from(String::from("ADA"));
        email.expose_mut().make_ascii_lowercase();
        assert_eq!(email.expose(), "ada");
    }
}
