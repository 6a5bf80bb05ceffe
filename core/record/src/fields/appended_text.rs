//! A text that user code writes at the end of a field's bytes.

use std::fmt::{self, Write};

use crate::{
    self_typed::types,
    text::bounded::front,
    value::{
        rendered::write_unless_refused,
        scratch::{PIECE_MAX_BYTES, nested},
    },
};

/// Writes to the end of `bytes`, up to a limit.
struct AppendedText<'a> {
    bytes: &'a mut Vec<u8>,
    end_max: usize,
    is_cut: bool,
}

/// Appends a text with its type and its length in front. Returns whether it is cut.
pub(super) fn append_text(bytes: &mut Vec<u8>, text: impl FnOnce(&mut dyn Write) -> fmt::Result) -> bool {
    bytes.push(types::TEXT);
    let count_start = bytes.len();
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    let start = bytes.len();
    let mut out = AppendedText { end_max: start + PIECE_MAX_BYTES, bytes, is_cut: false };
    nested(|is_refused| write_unless_refused(is_refused, text, &mut out));
    let AppendedText { bytes, is_cut, .. } = out;
    // Held to 64 KiB above.
    let count = (bytes.len() - start) as u32;
    if let Some(place) = bytes.get_mut(count_start..start) {
        place.copy_from_slice(&count.to_le_bytes());
    }
    is_cut
}

impl Write for AppendedText<'_> {
    #[inline]
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let fits = front(piece, self.end_max.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(fits.as_bytes());
        if fits.len() == piece.len() {
            return Ok(());
        }
        // A `Display` that goes on all the same writes nothing behind the cut.
        (self.end_max, self.is_cut) = (self.bytes.len(), true);
        Err(fmt::Error)
    }
}
