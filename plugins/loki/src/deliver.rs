//! Records become requests, and answers become outcomes. It happens on the thread of the sink.

use std::collections::HashMap;

use fapilog_format::protobuf_wire::{field_len, put_field, put_varint};
use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{
    client::{HttpAnswer, OutgoingRequest},
    exchange::{ExchangeError, HttpExchange, Records},
};
use http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
use snap::raw::{Encoder, max_compress_len};

use crate::{
    error::{LokiError, LokiReason},
    record::LokiRecord,
    settings::LokiEncoding,
};

/// The path of the push API, where the URL has none.
const PUSH_PATH: &str = "/loki/api/v1/push";

const TENANT_HEADER: HeaderName = HeaderName::from_static("x-scope-orgid");

/// The status by which Loki refuses a tenant that is blocked (`block_ingestion_status_code`).
const BLOCKED: u16 = 260;

// The tags of `PushRequest` and of `StreamAdapter` (`pkg/push/push.proto` of Loki).
const PUSH_STREAM: u8 = 0x0a;
const STREAM_LABELS: u8 = 0x0a;
const STREAM_ENTRY: u8 = 0x12;

/// The protocol.
#[derive(Debug)]
pub(crate) struct LokiExchange {
    max_streams: usize,
    snappy: Encoder,
    /// A request before its compression by snappy.
    message: Vec<u8>,
}

impl LokiExchange {
    pub(crate) fn new(max_streams: usize) -> Self {
        Self { max_streams, snappy: Encoder::new(), message: Vec::new() }
    }

    fn write_protobuf(&mut self, streams: &[LokiStream<'_>], request: &mut OutgoingRequest) -> Result<(), LokiError> {
        self.message.clear();
        streams.iter().for_each(|stream| stream.put_protobuf(&mut self.message));
        // It is 0 where the message is too long, which the encoder then refuses.
        request.body.resize(max_compress_len(self.message.len()), 0);
        let compressed = self.snappy.compress(&self.message, &mut request.body)?;
        request.body.truncate(compressed);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Ok(())
    }
}

impl HttpExchange for LokiExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        let records: Option<Vec<_>> = records.iter().map(LokiRecord::read).collect();
        // Records that cannot be read are in a part of their own.
        let records = records.ok_or_else(|| SinkError::permanent(LokiError::UnreadableRecord))?;
        let Some(first) = records.first().copied() else { return Ok(()) };
        let streams = streams(records);
        match first.encoding {
            LokiEncoding::Protobuf => self.write_protobuf(&streams, request).map_err(SinkError::permanent)?,
            LokiEncoding::Json => {
                put_json(&streams, &mut request.body);
                request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
        }
        if let Ok(tenant) = HeaderValue::from_bytes(first.tenant)
            && !tenant.is_empty()
        {
            request.headers.insert(TENANT_HEADER, tenant);
        }
        if request.path_and_query == "/" {
            PUSH_PATH.clone_into(&mut request.path_and_query);
        }
        Ok(())
    }

    fn outcome(&mut self, answer: &HttpAnswer, records: &Records<'_>) -> Result<(), ExchangeError> {
        let error = match answer.status().as_u16() {
            400 => {
                let (entries, reason) = (records.len(), LokiReason::of(answer.body()));
                LokiError::Refused { entries, reason, answer: answer.error() }
            }
            BLOCKED => LokiError::Blocked { answer: answer.error() },
            _ => return answer.outcome(),
        };
        Err(SinkError::permanent(error).into())
    }

    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        partition(records.iter(), self.max_streams)
    }
}

/// Puts records into parts: a part has one tenant and one encoding, all entries of its streams, and no more streams than allowed.
fn partition<'a>(records: impl Iterator<Item = &'a [u8]>, max_streams: usize) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut part_of_stream = HashMap::new();
    // The last part of a tenant, and the number of its streams.
    let mut last_parts: HashMap<_, (usize, usize)> = HashMap::new();
    for (place, record) in records.enumerate() {
        let record = LokiRecord::read(record);
        let owner = record.map(|record| (record.encoding, record.tenant));
        let stream = (owner, record.map(|record| record.labels));
        let part = *part_of_stream.entry(stream).or_insert_with(|| {
            let (part, streams) = last_parts.entry(owner).or_insert((parts.len(), 0));
            if *streams == max_streams {
                (*part, *streams) = (parts.len(), 0);
            }
            *streams += 1;
            if *part == parts.len() {
                parts.push(Vec::new());
            }
            *part
        });
        if let Some(part) = parts.get_mut(part) {
            part.push(place);
        }
    }
    parts
}

/// The entries of a request with the same labels.
#[derive(Debug)]
struct LokiStream<'a> {
    labels: &'a [u8],
    entries: Vec<LokiRecord<'a>>,
}

impl LokiStream<'_> {
    fn put_protobuf(&self, out: &mut Vec<u8>) {
        let entries = self.entries.iter().map(|record| field_len(record.entry.len()));
        let bytes = field_len(self.labels.len()) + entries.sum::<usize>();
        out.push(PUSH_STREAM);
        put_varint(out, bytes as u64);
        put_field(out, STREAM_LABELS, self.labels);
        self.entries.iter().for_each(|record| put_field(out, STREAM_ENTRY, record.entry));
    }

    fn put_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"stream\":");
        out.extend_from_slice(self.labels);
        out.extend_from_slice(b",\"values\":");
        put_array(&self.entries, |record, out| out.extend_from_slice(record.entry), out);
        out.push(b'}');
    }
}

/// The streams of records, each in the order of time. Entries of the same time stay in their order.
fn streams(records: Vec<LokiRecord<'_>>) -> Vec<LokiStream<'_>> {
    let mut streams: Vec<LokiStream<'_>> = Vec::new();
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    for record in records {
        let number = *numbers.entry(record.labels).or_insert(streams.len());
        match streams.get_mut(number) {
            Some(stream) => stream.entries.push(record),
            None => streams.push(LokiStream { labels: record.labels, entries: vec![record] }),
        }
    }
    streams.iter_mut().for_each(|stream| stream.entries.sort_by_key(|record| record.unix_nanos));
    streams
}

fn put_json(streams: &[LokiStream<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"streams\":");
    put_array(streams, LokiStream::put_json, out);
    out.push(b'}');
}

fn put_array<T>(items: &[T], put: impl Fn(&T, &mut Vec<u8>), out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tenant: &str, labels: &str, unix_nanos: u64) -> Vec<u8> {
        let mut record = Vec::new();
        let tenant = |out: &mut Vec<u8>| out.extend_from_slice(tenant.as_bytes());
        LokiRecord::put_front(LokiEncoding::Protobuf, unix_nanos, tenant, labels.as_bytes(), &mut record);
        record
    }

    #[test]
    fn a_part_has_one_tenant_and_all_entries_of_its_streams() {
        let records = [
            record("a", "{x}", 1),
            record("b", "{x}", 2),
            record("a", "{y}", 3),
            record("a", "{z}", 4),
            record("a", "{x}", 5),
            b"a damaged record".to_vec(),
        ];
        let parts = partition(records.iter().map(Vec::as_slice), 2);
        assert_eq!(parts, [vec![0, 2, 4], vec![1], vec![3], vec![5]]);
    }

    #[test]
    fn entries_of_a_stream_are_in_the_order_of_time() {
        let records = [record("", "{x}", 3), record("", "{y}", 2), record("", "{x}", 1)];
        let streams = streams(records.iter().map(|record| LokiRecord::read(record).unwrap()).collect());
        let times: Vec<Vec<u64>> =
            streams.iter().map(|stream| stream.entries.iter().map(|record| record.unix_nanos).collect()).collect();
        assert_eq!(times, [vec![1, 3], vec![2]]);
    }
}
