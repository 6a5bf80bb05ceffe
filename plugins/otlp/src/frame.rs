//! Frames of records: a log record with the name of its scope in front, so that a payload from disk can be sent.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the form: `0xF8` for protobuf, `0xF9` for JSON. UTF-8 has neither, so no text passes for a frame |
//! | 1 to 10 | the length of the scope's name, as a varint |
//! | | the name: in protobuf its text, in JSON a string with its quotes |
//! | all others | the `LogRecord` |

use fapilog_format::protobuf_wire::{put_varint, take_varint};

const PROTOBUF: u8 = 0xf8;
const JSON: u8 = 0xf9;

/// The form of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtlpForm {
    Protobuf,
    Json,
}

/// A record of a payload, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordFrame<'a> {
    pub(crate) form: OtlpForm,
    pub(crate) scope: &'a [u8],
    pub(crate) record: &'a [u8],
}

impl<'a> RecordFrame<'a> {
    /// The parts of a record. `None` for one that another sink has encoded.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (first, behind) = bytes.split_first()?;
        let form = match *first {
            PROTOBUF => OtlpForm::Protobuf,
            JSON => OtlpForm::Json,
            _ => return None,
        };
        let (len, behind) = take_varint(behind)?;
        let (scope, record) = behind.split_at_checked(usize::try_from(len).ok()?)?;
        Some(Self { form, scope, record })
    }

    /// Appends what stands in front of the record.
    pub(crate) fn put_front(form: OtlpForm, scope: &[u8], out: &mut Vec<u8>) {
        out.push(match form {
            OtlpForm::Protobuf => PROTOBUF,
            OtlpForm::Json => JSON,
        });
        put_varint(out, scope.len() as u64);
        out.extend_from_slice(scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written_and_nothing_else_is_a_frame() {
        for form in [OtlpForm::Protobuf, OtlpForm::Json] {
            for scope in [b"".as_slice(), b"shop", &[b'x'; 300]] {
                let mut bytes = Vec::new();
                RecordFrame::put_front(form, scope, &mut bytes);
                bytes.extend_from_slice(b"record");
                assert_eq!(RecordFrame::parse(&bytes), Some(RecordFrame { form, scope, record: b"record" }));
            }
        }
        for other in [b"".as_slice(), b"{\"a\":1}\n", "\u{f8}".as_bytes(), &[PROTOBUF], &[JSON, 9, b'a']] {
            assert_eq!(RecordFrame::parse(other), None, "{other:?}");
        }
    }
}
