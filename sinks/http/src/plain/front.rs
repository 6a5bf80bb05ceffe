//! The text in front of a record: the path and the headers that its event has chosen.
//!
//! A payload may come from disk, and may have been encoded under other settings. So the text is marked, and has a checksum of the templates that it
//! was made by:
//!
//! | bytes | content |
//! |---|---|
//! | 4 | `FA 66 72 01`: `FA` is in no UTF-8 text, so that no line of a formatter begins so |
//! | 4 | CRC-32 of the templates, little-endian |
//! | 2 | length of the text, little-endian |
//! | | the text: the path and the values of the headers, each with a line feed behind it |
//! | | the record |

use fapilog_plugin::error::PluginError;
use flate2::Crc;

const MARK: [u8; 4] = [0xfa, b'f', b'r', 1];

/// Writes and reads the text, for the templates of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordFront {
    checksum: [u8; 4],
}

impl RecordFront {
    /// For these templates, as the settings have them.
    pub(super) fn of<'a>(templates: impl IntoIterator<Item = &'a str>) -> Self {
        let mut crc = Crc::new();
        for template in templates {
            crc.update(template.as_bytes());
            crc.update(b"\n");
        }
        Self { checksum: crc.sum().to_le_bytes() }
    }

    /// Appends the text that `put` appends, with its mark.
    pub(super) fn put(&self, put: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) -> Result<(), PluginError> {
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&self.checksum);
        let place = out.len();
        out.extend_from_slice(&[0; 2]);
        put(out);
        let length = u16::try_from(out.len() - place - 2)
            .map_err(|_| PluginError::failed("url and headers of an event are longer than 64 KiB"))?;
        if let Some(bytes) = out.get_mut(place..place + 2) {
            bytes.copy_from_slice(&length.to_le_bytes());
        }
        Ok(())
    }

    /// The text in front of a record, and the record. The text of other templates has no meaning to these: it is left out then.
    pub(super) fn split<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let (checksum, text, record) = parts_of(bytes).unwrap_or((&self.checksum, &[], bytes));
        if checksum == &self.checksum { (text, record) } else { (&[], record) }
    }
}

/// Checksum, text and record. `None`: there is no text in front.
fn parts_of(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let behind = bytes.strip_prefix(&MARK)?;
    let (checksum, behind) = behind.split_first_chunk::<4>()?;
    let (length, behind) = behind.split_first_chunk::<2>()?;
    let (text, record) = behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((checksum, text, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(front: RecordFront) -> Vec<u8> {
        let mut bytes = Vec::new();
        front.put(|out| out.extend_from_slice(b"/INFO\n"), &mut bytes).unwrap();
        bytes.extend_from_slice(b"{\"number\":7}\n");
        bytes
    }

    #[test]
    fn a_text_is_read_back_by_the_templates_that_it_was_made_by() {
        let front = RecordFront::of(["/{level}"]);
        assert_eq!(front.split(&marked(front)), (&b"/INFO\n"[..], &b"{\"number\":7}\n"[..]));
    }

    #[test]
    fn a_text_of_other_templates_is_ignored_and_the_record_is_whole() {
        let record = marked(RecordFront::of(["/{level}"]));
        for other in [RecordFront::of([]), RecordFront::of(["/{tags.region}"]), RecordFront::of(["/{level}", "x"])] {
            assert_eq!(other.split(&record), (&b""[..], &b"{\"number\":7}\n"[..]));
        }
    }

    #[test]
    fn a_record_without_a_text_is_whole() {
        let front = RecordFront::of(["/{level}"]);
        for record in [&b"{\"number\":7}\n"[..], b"", b"\xfa", b"\xfafr\x01", b"\xfafr\x01abcd\xff\xffshort"] {
            assert_eq!(front.split(record), (&b""[..], record));
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_an_error() {
        let front = RecordFront::of(["/{level}"]);
        assert!(front.put(|out| out.resize(out.len() + 65_536, b'x'), &mut Vec::new()).is_err());
    }
}
