//! Requests: `ExportLogsServiceRequest`.

use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{
    client::{HttpAnswer, OutgoingRequest},
    exchange::{ExchangeError, HttpExchange, Records},
};
use http::header;

use crate::{
    answer,
    error::OtlpError,
    frame::{OtlpForm, RecordFrame},
    resource::ResourceBytes,
};
use fapilog_format::protobuf_wire::{field_len, length_tag, put_field, put_head};

/// The tags of `ExportLogsServiceRequest.resource_logs` and of `InstrumentationScope.name`.
const FIRST: u8 = length_tag(1);
/// The tag of `ScopeLogs.log_records`.
const SECOND: u8 = length_tag(2);

/// The protocol, on the thread of a shard's client.
pub(crate) struct OtlpExchange {
    resource: ResourceBytes,
}

impl OtlpExchange {
    pub(crate) fn new(resource: ResourceBytes) -> Self {
        Self { resource }
    }
}

impl HttpExchange for OtlpExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        let scopes = ScopeGroup::of(records);
        match common_form(records)? {
            OtlpForm::Protobuf => {
                request.set_default(header::CONTENT_TYPE, "application/x-protobuf");
                put_protobuf(&self.resource.protobuf, &scopes, &mut request.body);
            }
            OtlpForm::Json => {
                request.set_default(header::CONTENT_TYPE, "application/json");
                put_json(&self.resource.json, &scopes, &mut request.body);
            }
        }
        Ok(())
    }

    fn outcome(&mut self, answer: &HttpAnswer, records: &Records<'_>) -> Result<(), ExchangeError> {
        answer::outcome(answer, records.len())
    }

    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        by_form(records)
    }
}

/// The records in protobuf, those in JSON, and those that are neither. A payload from disk may have records of the other form: before a restart, the settings
/// were others.
pub(crate) fn by_form(records: &Records<'_>) -> Vec<Vec<usize>> {
    let of_form = |form| (0..records.len()).filter(move |place| form_of(records.get(*place)) == form).collect();
    [Some(OtlpForm::Protobuf), Some(OtlpForm::Json), None].map(of_form).to_vec()
}

fn form_of(record: Option<&[u8]>) -> Option<OtlpForm> {
    record.and_then(RecordFrame::parse).map(|frame| frame.form)
}

/// The form of all records of a part.
///
/// # Errors
/// When they are no records of this sink: a request without them would be accepted, and they would count as delivered.
pub(crate) fn common_form(records: &Records<'_>) -> Result<OtlpForm, SinkError> {
    form_of(records.get(0)).ok_or_else(|| SinkError::permanent(OtlpError::UnknownRecord))
}

/// The records of a scope.
pub(crate) struct ScopeGroup<'a> {
    scope: &'a [u8],
    records: Vec<&'a [u8]>,
}

impl<'a> ScopeGroup<'a> {
    /// The records by their scopes, in the order in which the scopes come first. Within a scope, records stay in order.
    pub(crate) fn of(records: &Records<'a>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let mut last = None;
        for RecordFrame { scope, record, .. } in records.iter().filter_map(RecordFrame::parse) {
            // Records of a scope come in runs.
            let place = match last {
                Some((known, place)) if known == scope => place,
                _ => *places.entry(scope).or_insert_with(|| {
                    groups.push(Self { scope, records: Vec::new() });
                    groups.len() - 1
                }),
            };
            last = Some((scope, place));
            if let Some(group) = groups.get_mut(place) {
                group.records.push(record);
            }
        }
        groups
    }

    /// The length of `ScopeLogs` in protobuf.
    fn protobuf_len(&self) -> usize {
        let records: usize = self.records.iter().map(|record| field_len(record.len())).sum();
        field_len(field_len(self.scope.len())) + records
    }
}

/// Appends the request. `resource` is the message `Resource`.
pub(crate) fn put_protobuf(resource: &[u8], scopes: &[ScopeGroup<'_>], out: &mut Vec<u8>) {
    let lengths: Vec<usize> = scopes.iter().map(ScopeGroup::protobuf_len).collect();
    let len = field_len(resource.len()) + lengths.iter().map(|len| field_len(*len)).sum::<usize>();
    out.reserve(field_len(len));
    put_head(out, FIRST, len);
    put_field(out, FIRST, resource);
    for (group, len) in scopes.iter().zip(lengths) {
        put_head(out, SECOND, len);
        put_head(out, FIRST, field_len(group.scope.len()));
        put_field(out, FIRST, group.scope);
        group.records.iter().for_each(|record| put_field(out, SECOND, record));
    }
}

/// Appends the request. `resource` is the object of the resource.
fn put_json(resource: &[u8], scopes: &[ScopeGroup<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"resourceLogs\":[{\"resource\":");
    out.extend_from_slice(resource);
    out.extend_from_slice(b",\"scopeLogs\":[");
    for (index, group) in scopes.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b"," });
        out.extend_from_slice(b"{\"scope\":{\"name\":");
        out.extend_from_slice(group.scope);
        out.extend_from_slice(b"},\"logRecords\":[");
        for (index, record) in group.records.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"" } else { b"," });
            out.extend_from_slice(record);
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"]}]}");
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::sink::Payload;

    use super::*;

    fn payload(records: &[(OtlpForm, &str)]) -> Payload {
        let mut payload = Payload::new(0);
        for (form, record) in records {
            RecordFrame::put_front(*form, b"\"s\"", payload.buffer());
            payload.buffer().extend_from_slice(record.as_bytes());
            payload.end_record();
        }
        payload
    }

    #[test]
    fn records_of_the_other_form_are_sent_apart_as_they_were_encoded() {
        let (protobuf, json) = (OtlpForm::Protobuf, OtlpForm::Json);
        let payload = payload(&[(json, "{}"), (protobuf, ""), (json, "{\"flags\":1}")]);
        let resource = ResourceBytes { protobuf: Vec::new(), json: b"{}".to_vec() };
        let parts = OtlpExchange::new(resource).partition(&Records::new(&payload, &[0, 1, 2]));
        assert_eq!(parts, [vec![1], vec![0, 2], vec![]]);
        let records = Records::new(&payload, &[0, 2]);
        assert_eq!(common_form(&records).unwrap(), json);
        let mut body = Vec::new();
        put_json(b"{}", &ScopeGroup::of(&records), &mut body);
        let expected =
            r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{"name":"s"},"logRecords":[{},{"flags":1}]}]}]}"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn records_that_are_none_of_this_sink_are_refused_alone() {
        let mut payload = payload(&[(OtlpForm::Protobuf, "")]);
        payload.buffer().extend_from_slice(b"a line\n");
        payload.end_record();
        let resource = ResourceBytes { protobuf: Vec::new(), json: b"{}".to_vec() };
        let parts = OtlpExchange::new(resource).partition(&Records::new(&payload, &[0, 1]));
        assert_eq!(parts, [vec![0], vec![], vec![1]]);
        let error = common_form(&Records::new(&payload, &[1])).unwrap_err();
        assert!(matches!(error, SinkError::Other(_)), "{error:?}");
    }

    #[test]
    fn a_request_in_protobuf_is_as_documented() {
        let payload = payload(&[(OtlpForm::Protobuf, "\x10\x09")]);
        let mut body = Vec::new();
        put_protobuf(b"", &ScopeGroup::of(&Records::new(&payload, &[0])), &mut body);
        // resource_logs { resource {}, scope_logs { scope { name: "\"s\"" }, log_records { severity_number: 9 } } }
        assert_eq!(body, [10, 15, 10, 0, 18, 11, 10, 5, 10, 3, b'"', b's', b'"', 18, 2, 16, 9]);
    }
}
