//! Short copies.
//!
//! A copy whose length is known to the compiler is a few vector stores; any other is a call of `memmove`, which for
//! texts as short as a log line's costs more than the copy. So all that is written often is copied in pieces of fixed
//! length, padding and all, and the padding is removed again.

const CHUNK_BYTES: usize = 32;

/// Appends the first `len` bytes of an array.
#[inline(always)]
pub fn put_front<const N: usize>(out: &mut Vec<u8>, bytes: &[u8; N], len: usize) {
    let start = out.len();
    out.extend_from_slice(bytes);
    out.truncate(start + len);
}

/// Text that is made once and written many times.
#[derive(Debug, Default)]
pub struct FixedText {
    /// The last one is filled up with zeros.
    chunks: Vec<[u8; CHUNK_BYTES]>,
    padding_bytes: usize,
}

impl FixedText {
    /// No text.
    pub const EMPTY: Self = Self { chunks: Vec::new(), padding_bytes: 0 };

    /// A copy of `text`.
    pub fn new(text: &[u8]) -> Self {
        let mut fixed = Self::default();
        fixed.set(text);
        fixed
    }

    /// Changes the text; the memory stays.
    pub fn set(&mut self, text: &[u8]) {
        let (chunks, tail) = text.as_chunks::<CHUNK_BYTES>();
        self.chunks.clear();
        self.chunks.extend_from_slice(chunks);
        self.padding_bytes = 0;
        if !tail.is_empty() {
            let mut last = [0; CHUNK_BYTES];
            last.iter_mut().zip(tail).for_each(|(to, from)| *to = *from);
            self.chunks.push(last);
            self.padding_bytes = CHUNK_BYTES - tail.len();
        }
    }

    /// Appends the text.
    #[inline(always)]
    pub fn put(&self, out: &mut Vec<u8>) {
        for chunk in &self.chunks {
            out.extend_from_slice(chunk);
        }
        out.truncate(out.len() - self.padding_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_length_comes_out_as_it_went_in() {
        let text: Vec<u8> = (0..100).collect();
        let mut fixed = FixedText::new(&text);
        for len in (0..=text.len()).rev() {
            fixed.set(&text[..len]);
            let mut out = b"before".to_vec();
            fixed.put(&mut out);
            assert_eq!(out, [b"before", &text[..len]].concat());
        }
    }
}
