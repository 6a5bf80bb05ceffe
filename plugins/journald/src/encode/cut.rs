//! Cuts of entries that are too long.

use crate::{
    encode::TRUNCATED,
    entry::{EntryField, EntryFields, LENGTH_BYTES},
};

/// Cuts the entry that begins at `start` to `bytes_max`: the first value that does not fit is cut, at the end of a character
/// if it is text, and the fields behind it are left out.
#[cold]
pub(super) fn cut_entry(out: &mut Vec<u8>, start: usize, bytes_max: usize) {
    let room = bytes_max.saturating_sub(TRUNCATED.len());
    let entry = out.get(start..).unwrap_or_default();
    let field = EntryFields::new(entry).find(|field| field.end > room);
    let Some(field) = field else { return };
    match cut_value(entry, &field, room) {
        Some(value_end) => {
            let length = (value_end - field.value.start) as u64;
            out.truncate(start + value_end);
            let place = start + field.value.start;
            let place = place.saturating_sub(LENGTH_BYTES)..place;
            if let Some(place) = out.get_mut(place).filter(|_| field.is_binary) {
                place.iter_mut().zip(length.to_le_bytes()).for_each(|(to, from)| *to = from);
            }
            out.push(b'\n');
        }
        None => out.truncate(start + field.start),
    }
    out.extend_from_slice(TRUNCATED);
}

/// Where the value of a field ends so that the field ends at `room`. `None` if nothing of the value has room.
fn cut_value(entry: &[u8], field: &EntryField, room: usize) -> Option<usize> {
    let end = room.checked_sub(1).filter(|end| *end > field.value.start)?;
    let value = entry.get(field.value.clone())?;
    let kept = entry.get(field.value.start..end)?;
    let is_text = std::str::from_utf8(value).is_ok();
    let kept = if is_text { kept.utf8_chunks().next()?.valid().len() } else { kept.len() };
    (kept > 0).then_some(field.value.start + kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(entry: &[u8], bytes_max: usize) -> Vec<u8> {
        let mut out = [b"before", entry].concat();
        cut_entry(&mut out, 6, bytes_max);
        assert!(out.starts_with(b"before") && out.len() - 6 <= bytes_max);
        out.split_off(6)
    }

    #[test]
    fn the_first_value_that_does_not_fit_is_cut_and_fields_behind_it_are_left_out() {
        let entry = b"PRIORITY=6\nMESSAGE=0123456789012345678901234567890123456789\nLAST=1\n";
        assert_eq!(cut(entry, 40), b"PRIORITY=6\nMESSAGE=01234\nTRUNCATED=true\n");
        assert_eq!(cut(entry, 35), b"PRIORITY=6\nTRUNCATED=true\n");
    }

    #[test]
    fn text_is_cut_at_the_end_of_a_character() {
        let entry = "PRIORITY=6\nMESSAGE=a\u{20ac}\u{20ac}\u{20ac}\u{20ac}\u{20ac}\u{20ac}\u{20ac}\n".as_bytes();
        let expected = "PRIORITY=6\nMESSAGE=a\u{20ac}\nTRUNCATED=true\n".as_bytes();
        assert_eq!([39, 40, 41].map(|bytes_max| cut(entry, bytes_max)), [expected; 3]);
    }

    #[test]
    fn a_binary_value_that_is_cut_has_its_new_length() {
        let entry = [b"MESSAGE\n\x20\0\0\0\0\0\0\0".as_slice(), &[0xff; 32], b"\n"].concat();
        let expected = [b"MESSAGE\n\x05\0\0\0\0\0\0\0".as_slice(), &[0xff; 5], b"\nTRUNCATED=true\n"].concat();
        assert_eq!(cut(&entry, 37), expected);
    }
}
