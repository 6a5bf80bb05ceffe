//! Indexer acknowledgement.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::SinkError;
use fapilog_sink_http::{
    client::{HttpAnswer, HttpClient},
    settings::HttpTarget,
};
use http::{HeaderValue, header};
use serde::Deserialize;

use crate::{deliver::CHANNEL_HEADER, error::HecError};

/// The code of a token without acknowledgement.
const ACK_IS_DISABLED: u32 = 14;

/// The settings of acknowledgements.
#[derive(Debug)]
pub(crate) struct AckSettings {
    pub(crate) target: HttpTarget,
    pub(crate) timeout: Duration,
    pub(crate) interval: Duration,
}

/// Asks for acknowledgements.
#[derive(Debug)]
pub(crate) struct AckClient {
    client: HttpClient,
    timeout: Duration,
    interval: Duration,
}

/// `{"acks":{"7":true}}`, or a code.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AckAnswer {
    acks: HashMap<String, bool>,
    code: Option<u32>,
}

impl AckClient {
    pub(crate) fn new(settings: &AckSettings) -> Self {
        let client = HttpClient::new(settings.target.clone());
        Self { client, timeout: settings.timeout, interval: settings.interval }
    }

    /// Waits until the id of the channel is acknowledged. A query that fails is repeated: the indexer may be restarted.
    pub(crate) fn wait(&mut self, channel: &HeaderValue, id: u64) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(SinkError::retryable(HecError::NotAcknowledged { limit: self.timeout }));
            }
            thread::sleep(self.interval.min(left));
            let Ok(answer) = self.query(channel, id) else { continue };
            if is_acknowledged(&answer, id)? {
                return Ok(());
            }
        }
    }

    fn query(&mut self, channel: &HeaderValue, id: u64) -> Result<HttpAnswer, fapilog_sink_http::HttpError> {
        let mut request = self.client.request();
        request.path_and_query.push_str("?channel=");
        request.path_and_query.push_str(channel.to_str().unwrap_or_default());
        request.set_default(header::CONTENT_TYPE, "application/json");
        request.headers.insert(CHANNEL_HEADER, channel.clone());
        request.body.extend_from_slice(format!("{{\"acks\":[{id}]}}").as_bytes());
        self.client.send(&mut request, |_, _| {})
    }
}

fn is_acknowledged(answer: &HttpAnswer, id: u64) -> Result<bool, SinkError> {
    let body: AckAnswer = serde_json::from_slice(answer.body()).unwrap_or_default();
    if body.code == Some(ACK_IS_DISABLED) {
        // The events are taken: another attempt would duplicate them.
        return Err(SinkError::permanent(HecError::NoAckId));
    }
    Ok(answer.is_success() && body.acks.get(&id.to_string()).copied().unwrap_or(false))
}
