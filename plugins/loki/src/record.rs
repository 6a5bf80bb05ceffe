//! Records of a payload. Each has all that a request needs, so that a payload from disk can be sent by other settings:
//!
//! | bytes | content |
//! |---|---|
//! | 4 | [`MAGIC`] |
//! | 1 | the encoding |
//! | 8 | nanoseconds since 1970 (little-endian, as the lengths) |
//! | 1, 4 | the lengths of tenant and labels |
//! | | tenant, labels, entry |

use crate::settings::LokiEncoding;

/// The front of a record. No line of a formatter begins with it.
const MAGIC: [u8; 4] = [0, b'L', b'k', 1];

const HEAD_BYTES: usize = 18;

/// A record, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LokiRecord<'a> {
    pub(crate) encoding: LokiEncoding,
    pub(crate) unix_nanos: u64,
    pub(crate) tenant: &'a [u8],
    /// As the encoding has them.
    pub(crate) labels: &'a [u8],
    /// As the encoding has it, without its length.
    pub(crate) entry: &'a [u8],
}

impl<'a> LokiRecord<'a> {
    /// Reads a record. `None`: it is no record of this sink.
    pub(crate) fn read(record: &'a [u8]) -> Option<Self> {
        let record = record.strip_prefix(&MAGIC)?;
        let (&encoding, record) = record.split_first()?;
        let (nanos, record) = record.split_first_chunk::<8>()?;
        let (&tenant_bytes, record) = record.split_first()?;
        let (labels_bytes, record) = record.split_first_chunk::<4>()?;
        let (tenant, record) = record.split_at_checked(usize::from(tenant_bytes))?;
        let (labels, entry) = record.split_at_checked(usize::try_from(u32::from_le_bytes(*labels_bytes)).ok()?)?;
        let encoding = match encoding {
            0 => LokiEncoding::Protobuf,
            1 => LokiEncoding::Json,
            _ => return None,
        };
        Some(Self { encoding, unix_nanos: u64::from_le_bytes(*nanos), tenant, labels, entry })
    }

    /// Appends all of a record that stands in front of its entry.
    pub(crate) fn put_front(
        encoding: LokiEncoding,
        unix_nanos: u64,
        put_tenant: impl FnOnce(&mut Vec<u8>),
        labels: &[u8],
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD_BYTES]);
        put_tenant(out);
        let tenant_bytes = out.len() - start - HEAD_BYTES;
        out.extend_from_slice(labels);
        // A tenant has 150 bytes at most. 15 labels are shorter than 1 MiB.
        let tenant_bytes = u8::try_from(tenant_bytes).unwrap_or(u8::MAX);
        let labels_bytes = u32::try_from(labels.len()).unwrap_or(u32::MAX);
        if let Some(head) = out.get_mut(start..).and_then(|record| record.first_chunk_mut::<HEAD_BYTES>()) {
            let encoding = u8::from(encoding == LokiEncoding::Json);
            let (magic, tail) = head.split_at_mut(4);
            magic.copy_from_slice(&MAGIC);
            let (front, tail) = tail.split_at_mut(1);
            front.copy_from_slice(&[encoding]);
            let (nanos, tail) = tail.split_at_mut(8);
            nanos.copy_from_slice(&unix_nanos.to_le_bytes());
            let (tenant, labels) = tail.split_at_mut(1);
            tenant.copy_from_slice(&[tenant_bytes]);
            labels.copy_from_slice(&labels_bytes.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = Vec::new();
        let tenant = |out: &mut Vec<u8>| out.extend_from_slice(b"shop");
        LokiRecord::put_front(LokiEncoding::Json, 1 << 60, tenant, b"{}", &mut record);
        record.extend_from_slice(b"entry");
        let read = LokiRecord::read(&record).unwrap();
        let expected = LokiRecord {
            encoding: LokiEncoding::Json,
            unix_nanos: 1 << 60,
            tenant: b"shop",
            labels: b"{}",
            entry: b"entry",
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn other_bytes_are_no_record() {
        let mut record = Vec::new();
        LokiRecord::put_front(LokiEncoding::Protobuf, 1, |_| {}, b"{a=\"b\"}", &mut record);
        for end in 0..record.len() {
            assert_eq!(LokiRecord::read(&record[..end]), None);
        }
        assert_eq!(LokiRecord::read(b"{\"message\":\"a line of a formatter\"}\n"), None);
    }
}
