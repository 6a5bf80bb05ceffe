//! Requests to Alertmanager.

use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{
    client::OutgoingRequest,
    exchange::{HttpExchange, Records},
};
use http::header;

use crate::{
    encode::{ALERT_OPEN, NO_ALERT},
    error::AlertmanagerError,
};

/// Sends a JSON array of alerts. The [status](fapilog_sink_http) decides on the outcome.
pub(crate) struct AlertmanagerExchange;

impl HttpExchange for AlertmanagerExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        // Parts have records of one kind.
        if !records.iter().all(is_alert) {
            return Err(SinkError::rejected((0..records.len()).collect::<Vec<_>>(), AlertmanagerError::NoAlert));
        }
        request.set_default(header::CONTENT_TYPE, "application/json");
        request.body.push(b'[');
        for (index, record) in records.iter().enumerate() {
            if index > 0 {
                request.body.push(b',');
            }
            request.body.extend_from_slice(record);
        }
        request.body.push(b']');
        Ok(())
    }

    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        let (alerts, others) = (0..records.len()).partition(|index| records.get(*index).is_some_and(is_alert));
        vec![alerts, others]
    }
}

/// Records of another sink, which a fallback has handed over, are no alerts.
fn is_alert(record: &[u8]) -> bool {
    debug_assert!(!NO_ALERT.starts_with(ALERT_OPEN), "the two kinds of records differ");
    record.starts_with(ALERT_OPEN)
}
