//! Envelopes.

use std::time::Instant;

use fapilog_plugin::{sink::SinkError, text::number::put_u64};
use fapilog_sink_http::{
    HttpError,
    client::{HttpAnswer, OutgoingRequest},
    exchange::{ExchangeError, HttpExchange, Records},
};
use http::{HeaderName, StatusCode, header};

use crate::{
    encode::{ERROR_KIND, ID_DIGITS, LOG_KIND},
    rate_limits::SentryLimits,
};

/// The most logs of an envelope.
const LOGS_MAX: usize = 100;

/// The longest front of a log item: far below the 20 MB of an envelope.
const LOG_BYTES_OF_ENVELOPE_MAX: usize = 1_000_000;

const RATE_LIMITS: HeaderName = HeaderName::from_static("x-sentry-rate-limits");

const SDK: &str = concat!(r#""sdk":{"name":"fapilog","version":""#, env!("CARGO_PKG_VERSION"), "\"}}\n");

/// Sends an envelope for each error event, and one for each 100 logs: Sentry takes one error event of an envelope, and wants no other kind beside it.
#[derive(Default)]
pub(crate) struct SentryExchange {
    limits: SentryLimits,
    /// The payload of a log item.
    items: Vec<u8>,
}

impl SentryExchange {
    fn put_error(record: &[u8], body: &mut Vec<u8>) {
        let (id, event) = record.get(1..).unwrap_or_default().split_at_checked(ID_DIGITS).unwrap_or_default();
        body.extend_from_slice(b"{\"event_id\":\"");
        body.extend_from_slice(id);
        body.extend_from_slice(b"\",");
        body.extend_from_slice(SDK.as_bytes());
        body.extend_from_slice(b"{\"type\":\"event\",\"content_type\":\"application/json\",\"length\":");
        put_item(event, body);
    }

    fn put_logs(&mut self, records: &Records<'_>, body: &mut Vec<u8>) {
        self.items.clear();
        self.items.extend_from_slice(b"{\"items\":[");
        for (index, record) in records.iter().enumerate() {
            if index > 0 {
                self.items.push(b',');
            }
            self.items.extend_from_slice(record.get(1..).unwrap_or_default());
        }
        self.items.extend_from_slice(b"]}");
        body.push(b'{');
        body.extend_from_slice(SDK.as_bytes());
        body.extend_from_slice(b"{\"type\":\"log\",\"item_count\":");
        put_u64(body, records.len() as u64);
        body.extend_from_slice(b",\"content_type\":\"application/vnd.sentry.items.log+json\",\"length\":");
        put_item(&self.items, body);
    }
}

/// Puts the end of an item's header, and its payload.
fn put_item(payload: &[u8], body: &mut Vec<u8>) {
    put_u64(body, payload.len() as u64);
    body.extend_from_slice(b"}\n");
    body.extend_from_slice(payload);
    body.push(b'\n');
}

fn is_error(record: &[u8]) -> bool {
    record.first() == Some(&ERROR_KIND)
}

impl HttpExchange for SentryExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        request.set_default(header::CONTENT_TYPE, "application/x-sentry-envelope");
        let first = records.get(0).unwrap_or_default();
        if let Some(wait) = self.limits.wait(is_error(first), Instant::now()) {
            let category = if is_error(first) { "error" } else { "log_item" };
            let reason = format!("a rate limit of the category {category}");
            return Err(SinkError::Retryable { retry_after: Some(wait), source: HttpError::Refused { reason }.into() });
        }
        match first.first() {
            Some(&ERROR_KIND) => Self::put_error(first, &mut request.body),
            Some(&LOG_KIND) => self.put_logs(records, &mut request.body),
            // A record of another sink, by a spill or a fallback.
            _ => {
                return Err(SinkError::permanent(HttpError::Refused { reason: "a record of another sink".to_owned() }));
            }
        }
        Ok(())
    }

    fn outcome(&mut self, answer: &HttpAnswer, _: &Records<'_>) -> Result<(), ExchangeError> {
        let now = Instant::now();
        let limits = answer.header(&RATE_LIMITS);
        if let Some(limits) = limits {
            self.limits.read(limits, now);
        }
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return answer.outcome();
        }
        if limits.is_none() {
            self.limits.busy(answer.retry_after(), now);
        }
        // A category without a limit is sent in this attempt, and the other one waits: `write` refuses its parts.
        let waits = [true, false].map(|is_error| self.limits.wait(is_error, now));
        let retry_after = match waits {
            [Some(errors), Some(logs)] => Some(errors.min(logs)),
            _ => None,
        };
        Err(SinkError::Retryable { retry_after, source: answer.error().into() }.into())
    }

    /// Parts of a category with a limit are behind all others. Breadcrumbs are in no part.
    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        let (mut errors, mut logs) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut open: Vec<usize> = Vec::new();
        for (place, record) in records.iter().enumerate() {
            match record.first() {
                Some(&LOG_KIND) => {
                    if !open.is_empty() && (open.len() == LOGS_MAX || bytes + record.len() > LOG_BYTES_OF_ENVELOPE_MAX)
                    {
                        logs.push(std::mem::take(&mut open));
                        bytes = 0;
                    }
                    bytes += record.len();
                    open.push(place);
                }
                Some(&crate::encode::CRUMB_KIND) => {}
                _ => errors.push(vec![place]),
            }
        }
        if !open.is_empty() {
            logs.push(open);
        }
        if self.limits.wait(true, Instant::now()).is_some() {
            logs.append(&mut errors);
            return logs;
        }
        errors.append(&mut logs);
        errors
    }
}
