//! Entries as bytes: a reader of what the encoder has written.

use std::ops::Range;

/// The bytes of the length in front of a binary value.
pub(crate) const LENGTH_BYTES: usize = 8;

/// Walks over the fields of an entry. It ends behind the last byte, or where bytes are no field.
#[derive(Debug, Clone)]
pub(crate) struct EntryFields<'a> {
    entry: &'a [u8],
    start: usize,
}

/// A field of an entry, as places in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryField {
    /// The first byte of the name.
    pub(crate) start: usize,
    /// Behind the name.
    pub(crate) name_end: usize,
    pub(crate) value: Range<usize>,
    /// Whether the value has its length in front.
    pub(crate) is_binary: bool,
    /// Behind the line feed that ends the field.
    pub(crate) end: usize,
}

impl<'a> EntryFields<'a> {
    pub(crate) fn new(entry: &'a [u8]) -> Self {
        Self { entry, start: 0 }
    }

    /// Whether all bytes were fields.
    pub(crate) fn is_at_end(&self) -> bool {
        self.start == self.entry.len()
    }

    fn read(&self) -> Option<EntryField> {
        let start = self.start;
        let tail = self.entry.get(start..)?;
        let name_end = start + memchr::memchr2(b'=', b'\n', tail)?;
        let is_name = |name: &[u8]| !name.is_empty() && name.iter().all(|byte| is_name_byte(*byte));
        if !is_name(self.entry.get(start..name_end)?) {
            return None;
        }
        let is_binary = *self.entry.get(name_end)? == b'\n';
        let value = if is_binary { self.binary(name_end + 1)? } else { self.text(name_end + 1)? };
        let end = value.end + 1;
        (*self.entry.get(value.end)? == b'\n').then_some(EntryField { start, name_end, value, is_binary, end })
    }

    fn text(&self, start: usize) -> Option<Range<usize>> {
        Some(start..start + memchr::memchr(b'\n', self.entry.get(start..)?)?)
    }

    fn binary(&self, start: usize) -> Option<Range<usize>> {
        let length = u64::from_le_bytes(*self.entry.get(start..)?.first_chunk::<LENGTH_BYTES>()?);
        let start = start + LENGTH_BYTES;
        Some(start..start.checked_add(usize::try_from(length).ok()?)?)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

impl Iterator for EntryFields<'_> {
    type Item = EntryField;

    fn next(&mut self) -> Option<EntryField> {
        let field = self.read()?;
        self.start = field.end;
        Some(field)
    }
}

/// Whether bytes are an entry of this sink, or of another one like it: fields alone, the first of them `PRIORITY`.
pub(crate) fn is_entry(bytes: &[u8]) -> bool {
    let mut fields = EntryFields::new(bytes);
    bytes.starts_with(b"PRIORITY=") && fields.by_ref().count() > 0 && fields.is_at_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_both_forms_are_found() {
        let entry = b"PRIORITY=6\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nLAST=\n";
        let read: Vec<_> = EntryFields::new(entry)
            .map(|field| (&entry[field.start..field.name_end], &entry[field.value.clone()], field.is_binary))
            .collect();
        let expected: [(&[u8], &[u8], bool); 3] =
            [(b"PRIORITY", b"6", false), (b"MESSAGE", b"a\nb", true), (b"LAST", b"", false)];
        assert_eq!(read, expected);
        assert!(is_entry(entry));
    }

    #[test]
    fn bytes_that_are_no_fields_are_no_entry() {
        let huge = [b"PRIORITY=6\nMESSAGE\n".as_slice(), &u64::MAX.to_le_bytes(), b"x\n"].concat();
        for bytes in [
            b"".as_slice(),
            b"{\"level\":\"INFO\"}\n",
            b"MESSAGE=x\n",
            b"PRIORITY=6",
            b"PRIORITY=6\n\n",
            b"PRIORITY=6\nname=x\n",
            b"PRIORITY=6\nMESSAGE\n\x03\0\0\0\0\0\0\0ab\n",
            b"PRIORITY=6\nMESSAGE\n\x03\0\0\0",
            &huge,
        ] {
            assert!(!is_entry(bytes), "{}", bytes.escape_ascii());
        }
    }
}
