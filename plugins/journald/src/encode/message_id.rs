//! Ids of kinds of messages: 128 bits, as `MESSAGE_ID` has them.

use fapilog_plugin::value::ValueRef;

/// Hexadecimal digits of an id.
const DIGITS: usize = 32;

/// The id of a kind of messages, in lower case without dashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageId([u8; DIGITS]);

impl MessageId {
    /// Reads an id: 32 hexadecimal digits, or a UUID with its dashes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_uuid =
            text.len() == DIGITS + 4 && [8, 13, 18, 23].iter().all(|place| text.as_bytes().get(*place) == Some(&b'-'));
        let mut digits = [0; DIGITS];
        let mut written = text.bytes().filter(|byte| !(is_uuid && *byte == b'-'));
        for digit in &mut digits {
            *digit = written.next().filter(u8::is_ascii_hexdigit)?.to_ascii_lowercase();
        }
        written.next().is_none().then_some(Self(digits))
    }

    /// The id that a field holds: a text, or a UUID.
    pub(crate) fn of_value(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Text(text) => Self::parse(text),
            ValueRef::Uuid(bytes) => {
                let mut digits = [0; DIGITS];
                let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
                let hex = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                digits.iter_mut().zip(nibbles.map(hex)).for_each(|(to, from)| *to = from);
                Some(Self(digits))
            }
            _ => None,
        }
    }

    pub(crate) fn digits(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f77379a8490b408bbe5f6940505a777b";

    #[test]
    fn an_id_is_32_digits_or_a_uuid() {
        let id = MessageId::parse(ID);
        assert_eq!(id.map(|id| id.digits().to_vec()), Some(ID.as_bytes().to_vec()));
        assert_eq!(MessageId::parse("F77379A8-490B-408B-BE5F-6940505A777B"), id);
        let bytes = std::array::from_fn(|place| u8::from_str_radix(&ID[place * 2..place * 2 + 2], 16).unwrap());
        assert_eq!(MessageId::of_value(ValueRef::Uuid(bytes)), id);
        assert_eq!(MessageId::of_value(ValueRef::Text(ID)), id);
    }

    #[test]
    fn other_texts_and_values_are_no_id() {
        let long = format!("{ID}0");
        for text in
            ["", "started", &ID[1..], &long, "f77379a8490b408bbe5f6940505a777g", "f77379a8490b-408bbe5f-6940-505a-777b"]
        {
            assert_eq!(MessageId::parse(text), None, "{text}");
        }
        assert_eq!(MessageId::of_value(ValueRef::U64(7)), None);
    }
}
