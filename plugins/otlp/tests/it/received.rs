//! Requests, read by the official messages.

use fapilog_test_servers::{EventLedger, FakeHttp, FakeRequest};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
};
use prost::Message;

pub(crate) fn read(request: &FakeRequest) -> ExportLogsServiceRequest {
    match request.header("content-type") {
        Some("application/x-protobuf") => ExportLogsServiceRequest::decode(request.body.as_slice()).unwrap(),
        // Not by serde_json: where another crate enables its `arbitrary_precision`, it cannot read the official messages.
        Some("application/json") => json5::from_str(request.text()).unwrap(),
        other => panic!("the type of the body is {other:?}"),
    }
}

/// The records of a request, each with the name of its scope.
pub(crate) fn records(request: &FakeRequest) -> Vec<(String, LogRecord)> {
    records_of(read(request))
}

pub(crate) fn records_of(request: ExportLogsServiceRequest) -> Vec<(String, LogRecord)> {
    let scopes = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
    let records = scopes.flat_map(|scope| {
        let name = scope.scope.map(|scope| scope.name).unwrap_or_default();
        scope.log_records.into_iter().map(move |record| (name.clone(), record))
    });
    records.collect()
}

pub(crate) fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
}

pub(crate) fn text(value: Option<&Value>) -> &str {
    match value {
        Some(Value::StringValue(text)) => text,
        other => panic!("no text: {other:?}"),
    }
}

pub(crate) fn body(record: &LogRecord) -> &str {
    text(record.body.as_ref().and_then(|AnyValue { value, .. }| value.as_ref()))
}

/// The numbers in the records of a request.
pub(crate) fn numbers(request: &FakeRequest) -> Vec<u64> {
    numbers_of(read(request))
}

pub(crate) fn numbers_of(request: ExportLogsServiceRequest) -> Vec<u64> {
    let number = |(_, record): (String, LogRecord)| match attribute(&record.attributes, "number") {
        Some(Value::IntValue(number)) => u64::try_from(*number).unwrap(),
        other => panic!("no number: {other:?}"),
    };
    records_of(request).into_iter().map(number).collect()
}

/// The events with these numbers, and those that a server has accepted.
pub(crate) fn ledger(submitted: std::ops::Range<u64>, server: &FakeHttp) -> EventLedger {
    let mut ledger = EventLedger::new();
    ledger.submit_all(submitted.map(|number| number.to_string()));
    for request in server.accepted() {
        ledger.receive_all(numbers(&request).iter().map(u64::to_string));
    }
    ledger
}
