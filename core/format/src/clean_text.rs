//! The search for bytes that a format cannot copy as they are.
//!
//! A format gives two functions of a byte that agree: whether it must be looked at, and its distance from the closest such byte, which is zero for
//! those. The compiler makes vector code of the latter.

/// How many bytes are looked at in one go. The loop over them has no early exit, so that it becomes vector code.
const CHUNK_BYTES: usize = 32;

#[inline(always)]
fn is_clean_chunk(chunk: &[u8; CHUNK_BYTES], distance: impl Fn(u8) -> u8) -> bool {
    !chunk.iter().fold(false, |any, &byte| any | (distance(byte) == 0))
}

/// Whether text can be copied as it is.
#[inline(always)]
pub(super) fn is_clean(text: &[u8], must_look: impl Fn(u8) -> bool, distance: impl Fn(u8) -> u8) -> bool {
    let (chunks, tail) = text.as_chunks::<CHUNK_BYTES>();
    chunks.iter().all(|chunk| is_clean_chunk(chunk, &distance))
        && !tail.iter().fold(false, |any, &byte| any | must_look(byte))
}

/// How many bytes at the front can be copied as they are.
#[inline(always)]
pub(super) fn clean_bytes(text: &[u8], must_look: impl Fn(u8) -> bool, distance: impl Fn(u8) -> u8) -> usize {
    let (chunks, _) = text.as_chunks::<CHUNK_BYTES>();
    let clean = chunks.iter().take_while(|chunk| is_clean_chunk(chunk, &distance)).count() * CHUNK_BYTES;
    let tail = text.get(clean..).unwrap_or_default();
    clean + tail.iter().position(|&byte| must_look(byte)).unwrap_or(tail.len())
}
