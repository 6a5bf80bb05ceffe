//! Numbers and texts in the body of an entry.

/// Reads fields one after the other. Every method returns `None` where bytes are missing.
pub(super) struct BodyReader<'a> {
    bytes: &'a [u8],
}

impl<'a> BodyReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, behind) = self.bytes.split_at_checked(count)?;
        self.bytes = behind;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length of two bytes, and so many bytes of UTF-8.
    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.u16()?;
        let bytes = self.bytes(usize::from(length))?;
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Appends a text with its length. A text of more than 65,535 bytes is cut; names of files and keys are shorter.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    let bytes = text.as_bytes().get(..length).unwrap_or_default();
    out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(bytes);
}
