//! A record of a payload: the parts of a Kafka record, one behind the other.
//!
//! A record is complete by itself, so that a payload from disk is sent as it is. Numbers are little-endian:
//!
//! | bytes | part |
//! |---|---|
//! | 4 | NUL, `K`, `R`, version 1: no text begins so |
//! | 8 | the time, in milliseconds since 1970 |
//! | 2 | length of the topic |
//! | 4 | length of the key; `u32::MAX`: there is none |
//! | 2 | the number of headers |
//! | 4 | length of the value |
//! | | the topic, the key |
//! | | each header: 2 bytes length of the name, 4 bytes length of the value, both texts |
//! | | the value |

const MAGIC: [u8; 4] = [0, b'K', b'R', 1];
const HEAD_BYTES: usize = 24;
const HEADERS_AT: usize = 18;
const VALUE_AT: usize = 20;
const NO_KEY: u32 = u32::MAX;

/// Writes one record behind the end of a buffer.
pub(crate) struct KafkaRecordWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    headers: u16,
}

impl<'a> KafkaRecordWriter<'a> {
    /// Begins a record. The topic has 249 bytes at most, and the key less than 4 GiB.
    pub(crate) fn new(out: &'a mut Vec<u8>, timestamp: i64, topic: &[u8], key: Option<&[u8]>) -> Self {
        let start = out.len();
        let key_length = key.map_or(NO_KEY, length_of);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&timestamp.to_le_bytes());
        out.extend_from_slice(&u16::try_from(topic.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&key_length.to_le_bytes());
        // The numbers of headers and of the value's bytes are set when they are known.
        out.extend_from_slice(&[0; HEAD_BYTES - HEADERS_AT]);
        out.extend_from_slice(topic);
        out.extend_from_slice(key.unwrap_or_default());
        Self { out, start, headers: 0 }
    }

    /// Appends a header, if `put` returns that there is one. `name` has less than 64 KiB.
    pub(crate) fn header(&mut self, name: &str, put: impl FnOnce(&mut Vec<u8>) -> bool) {
        let start = self.out.len();
        self.out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.out.extend_from_slice(&[0; 4]);
        self.out.extend_from_slice(name.as_bytes());
        let value_start = self.out.len();
        if !put(self.out) {
            self.out.truncate(start);
            return;
        }
        let length = u32::try_from(self.out.len() - value_start).unwrap_or(u32::MAX);
        self.patch(start + 2, &length.to_le_bytes());
        self.headers += 1;
    }

    /// Appends the value, and ends the record.
    pub(crate) fn end(mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
        let (headers, length) = (self.headers.to_le_bytes(), length_of(value).to_le_bytes());
        self.patch(self.start + HEADERS_AT, &headers);
        self.patch(self.start + VALUE_AT, &length);
    }

    fn patch(&mut self, place: usize, bytes: &[u8]) {
        if let Some(target) = self.out.get_mut(place..place + bytes.len()) {
            target.copy_from_slice(bytes);
        }
    }
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(NO_KEY - 1)
}

/// A record that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KafkaRecord<'a> {
    pub(crate) timestamp: i64,
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) header_count: u16,
    headers: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> KafkaRecord<'a> {
    /// Reads a record. `None`: the bytes are none, or more than one.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = PartReader(bytes);
        if reader.array::<4>()? != MAGIC {
            return None;
        }
        let timestamp = i64::from_le_bytes(reader.array()?);
        let topic_length = u16::from_le_bytes(reader.array()?);
        let key_length = u32::from_le_bytes(reader.array()?);
        let header_count = u16::from_le_bytes(reader.array()?);
        let value_length = u32::from_le_bytes(reader.array()?);
        let topic = reader.text(topic_length.into())?;
        let key = if key_length == NO_KEY { None } else { Some(reader.take(usize::try_from(key_length).ok()?)?) };
        let front = reader.0;
        for _ in 0..header_count {
            reader.header()?;
        }
        let headers = front.get(..front.len() - reader.0.len())?;
        let value = reader.take(usize::try_from(value_length).ok()?)?;
        reader.0.is_empty().then_some(Self { timestamp, topic, key, header_count, headers, value })
    }

    /// The headers: names and values.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let mut reader = PartReader(self.headers);
        std::iter::from_fn(move || reader.header())
    }
}

struct PartReader<'a>(&'a [u8]);

impl<'a> PartReader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(part)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// A name: a text without NUL, where C's texts end.
    fn text(&mut self, length: usize) -> Option<&'a str> {
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        (!text.is_empty() && !text.contains('\0')).then_some(text)
    }

    fn header(&mut self) -> Option<(&'a str, &'a [u8])> {
        let name = u16::from_le_bytes(self.array()?);
        let value = u32::from_le_bytes(self.array()?);
        Some((self.text(name.into())?, self.take(usize::try_from(value).ok()?)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = KafkaRecordWriter::new(&mut out, 1_700_000_000_123, b"logs", Some(b"k"));
        writer.header("id", |out| {
            out.extend_from_slice(b"a-1");
            true
        });
        writer.header("user", |_| false);
        writer.end(b"{}");
        out
    }

    #[test]
    fn a_record_has_golden_bytes() {
        let mut expected = vec![0, b'K', b'R', 1];
        expected.extend_from_slice(&1_700_000_000_123_i64.to_le_bytes());
        expected.extend_from_slice(&[4, 0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0]);
        expected.extend_from_slice(b"logsk\x02\0\x03\0\0\0ida-1{}");
        assert_eq!(record(), expected);
    }

    #[test]
    fn a_record_reads_back_as_it_was() {
        let bytes = record();
        let record = KafkaRecord::read(&bytes).unwrap();
        assert_eq!((record.timestamp, record.topic, record.key), (1_700_000_000_123, "logs", Some(&b"k"[..])));
        assert_eq!(record.headers().collect::<Vec<_>>(), [("id", &b"a-1"[..])]);
        assert_eq!((record.header_count, record.value), (1, &b"{}"[..]));
    }

    #[test]
    fn a_record_without_key_and_headers_is_no_record_with_an_empty_key() {
        let mut out = Vec::new();
        KafkaRecordWriter::new(&mut out, 0, b"logs", None).end(b"");
        let record = KafkaRecord::read(&out).unwrap();
        assert_eq!((record.key, record.header_count, record.value), (None, 0, &b""[..]));
        out.clear();
        KafkaRecordWriter::new(&mut out, 0, b"logs", Some(b"")).end(b"");
        assert_eq!(KafkaRecord::read(&out).unwrap().key, Some(&b""[..]));
    }

    #[test]
    fn bytes_that_are_not_one_whole_record_are_none() {
        let bytes = record();
        for end in 0..bytes.len() {
            assert_eq!(KafkaRecord::read(&bytes[..end]), None, "{end}");
        }
        assert_eq!(KafkaRecord::read(&[bytes.clone(), bytes.clone()].concat()), None);
        assert_eq!(KafkaRecord::read(b"{\"level\":\"INFO\"}\n"), None);
        let with_nul = record().iter().map(|byte| if *byte == b'l' { 0 } else { *byte }).collect::<Vec<_>>();
        assert_eq!(KafkaRecord::read(&with_nul), None);
        // A number of headers and lengths that are far above the bytes that there are.
        for place in 12..24 {
            let mut wrong = bytes.clone();
            wrong[place] = 0xff;
            assert_eq!(KafkaRecord::read(&wrong), None, "{place}");
        }
    }
}
