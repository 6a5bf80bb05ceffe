//! Requests to the logs API.

use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{
    client::OutgoingRequest,
    exchange::{HttpExchange, Records},
};
use http::header;

/// The most entries of a request: "Maximum array size if sending multiple logs in an array: 1000 entries".
pub(crate) const ENTRIES_MAX: usize = 1000;

/// The most bytes of the entries of a request: "Maximum content size per payload (uncompressed): 5MB", and the brackets and commas around the entries.
pub(crate) const ENTRY_BYTES_OF_REQUEST_MAX: usize = 5_000_000 - (ENTRIES_MAX + 1);

/// Sends a JSON array of entries. The [status](fapilog_sink_http) decides on the outcome.
pub(crate) struct DatadogExchange;

impl HttpExchange for DatadogExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        request.set_default(header::CONTENT_TYPE, "application/json");
        request.body.push(b'[');
        for (index, record) in records.iter().enumerate() {
            if index > 0 {
                request.body.push(b',');
            }
            // Records of another sink may have a line feed.
            request.body.extend_from_slice(record.trim_ascii_end());
        }
        request.body.push(b']');
        Ok(())
    }
}
