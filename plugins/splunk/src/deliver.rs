//! Requests to the collector.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::sink::{SinkError, SinkErrorKind};
use fapilog_sink_http::{
    client::{HttpAnswer, HttpClient, OutgoingRequest},
    exchange::{ExchangeError, HttpExchange, Records},
    settings::HttpTarget,
};
use http::{HeaderName, HeaderValue, header};
use uuid::Builder;

use crate::{
    acks::{AckClient, AckSettings},
    answer::HecVerdict,
    encode::index_of,
    error::HecError,
    settings::{HecEndpoint, SplunkSettings},
};

/// The header with the channel, which acknowledgements belong to.
pub(crate) const CHANNEL_HEADER: HeaderName = HeaderName::from_static("x-splunk-request-channel");

/// The parts of requests that are the same for all shards.
#[derive(Debug)]
pub(crate) struct HecRequests {
    content_type: &'static str,
    /// The metadata of the endpoint `raw`, or nothing.
    query: String,
    is_index_of_event: bool,
    acks: Option<AckSettings>,
    /// The time in which requests without rejected events are begun.
    resend_time: Duration,
}

impl HecRequests {
    pub(crate) fn new(settings: &SplunkSettings, acks: Option<HttpTarget>) -> Self {
        let (content_type, query) = match settings.endpoint {
            HecEndpoint::Event => ("application/json", String::new()),
            HecEndpoint::Raw => ("text/plain; charset=utf-8", raw_query(settings)),
        };
        let acks =
            acks.map(|target| AckSettings { target, timeout: settings.ack_timeout, interval: settings.ack_interval });
        Self {
            content_type,
            query,
            is_index_of_event: settings.index_field.is_some(),
            acks,
            resend_time: settings.request.timeout,
        }
    }
}

/// `?host=web-1&sourcetype=_json`.
fn raw_query(settings: &SplunkSettings) -> String {
    let host = settings.host_name();
    let metadata = [
        ("host", Some(&*host)),
        ("source", settings.source.as_deref()),
        ("sourcetype", Some(&*settings.sourcetype)),
        ("index", settings.index.as_deref()),
    ];
    let mut query = String::new();
    for (name, value) in metadata {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        put_encoded(&mut query, value);
    }
    query
}

/// Percent-encodes all bytes but the unreserved ones of RFC 3986.
fn put_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// The requests of a shard's sink.
pub(crate) struct HecExchange {
    shared: Arc<HecRequests>,
    channel: Option<HeaderValue>,
    acks: Option<AckClient>,
}

impl HecExchange {
    pub(crate) fn new(shared: Arc<HecRequests>) -> Self {
        let acks = shared.acks.as_ref().map(AckClient::new);
        Self { shared, channel: None, acks }
    }

    /// The id of the channel, which is made with the first request.
    fn channel(&mut self) -> Result<HeaderValue, SinkError> {
        if let Some(channel) = &self.channel {
            return Ok(channel.clone());
        }
        let channel = new_channel().map_err(|error| SinkError::retryable(HecError::Channel(error)))?;
        Ok(self.channel.insert(channel).clone())
    }

    fn write<'a>(
        &mut self,
        records: impl Iterator<Item = &'a [u8]>,
        request: &mut OutgoingRequest,
    ) -> Result<(), SinkError> {
        request.set_default(header::CONTENT_TYPE, self.shared.content_type);
        request.headers.insert(CHANNEL_HEADER, self.channel()?);
        request.path_and_query.push_str(&self.shared.query);
        records.for_each(|record| request.body.extend_from_slice(record));
        Ok(())
    }

    fn verdict(&self, answer: &HttpAnswer) -> HecVerdict {
        HecVerdict::of(answer, self.shared.is_index_of_event)
    }

    /// Sends the records at these indices.
    fn send(&mut self, client: &mut HttpClient, records: &Records<'_>, indices: &[usize]) -> HecVerdict {
        let mut request = client.request();
        let left = indices.iter().filter_map(|index| records.get(*index));
        if let Err(error) = self.write(left, &mut request) {
            return HecVerdict::Failed(error.into());
        }
        match client.send(&mut request, |_, _| {}) {
            Ok(answer) => self.verdict(&answer),
            Err(error) => HecVerdict::Failed(error.into_sink_error().into()),
        }
    }

    /// Waits for the acknowledgement of a request.
    fn acknowledge(&mut self, ack_id: Option<u64>) -> Result<(), SinkError> {
        let channel = self.channel()?;
        match (&mut self.acks, ack_id) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(SinkError::permanent(HecError::NoAckId)),
            (Some(acks), Some(id)) => acks.wait(&channel, id),
        }
    }
}

fn new_channel() -> Result<HeaderValue, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let text = Builder::from_random_bytes(bytes).into_uuid().hyphenated().to_string();
    Ok(HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("")))
}

impl HttpExchange for HecExchange {
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
        self.write(records.iter(), request)
    }

    /// A request with a record that is refused for good goes to [`confirm`](Self::confirm), which has the client.
    fn outcome(&mut self, answer: &HttpAnswer, _: &Records<'_>) -> Result<(), ExchangeError> {
        match self.verdict(answer) {
            HecVerdict::Taken { .. } | HecVerdict::InvalidRecord { .. } => Ok(()),
            HecVerdict::Failed(error) => Err(error),
        }
    }

    /// Sends the records again without the ones that are refused, until all others are taken, and waits for the acknowledgement.
    fn confirm(
        &mut self,
        client: &mut HttpClient,
        answer: &HttpAnswer,
        records: &Records<'_>,
    ) -> Result<(), ExchangeError> {
        let deadline = Instant::now() + self.shared.resend_time;
        let mut left = UnsentRecords::new(records.len());
        let mut verdict = self.verdict(answer);
        loop {
            match verdict {
                HecVerdict::Taken { ack_id } => return left.result(self.acknowledge(ack_id)),
                HecVerdict::Failed(ExchangeError::Failed(error)) => return left.result(Err(error)),
                HecVerdict::Failed(_) => return left.result(Err(SinkError::retryable(answer.error()))),
                HecVerdict::InvalidRecord { index, error } => left.reject(index, error)?,
            }
            if left.indices.is_empty() {
                return left.result(Ok(()));
            }
            if Instant::now() >= deadline {
                let limit = self.shared.resend_time;
                return left.result(Err(SinkError::retryable(HecError::Late { limit })));
            }
            verdict = self.send(client, records, &left.indices);
        }
    }

    /// Events of the same index go together: one that the token does not allow refuses no others.
    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        if !self.shared.is_index_of_event {
            return vec![(0..records.len()).collect()];
        }
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut numbers: HashMap<&[u8], usize> = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            let number = *numbers.entry(index_of(record)).or_insert(parts.len());
            match parts.get_mut(number) {
                Some(part) => part.push(place),
                None => parts.push(vec![place]),
            }
        }
        parts
    }
}

/// The records of a request that are not refused.
struct UnsentRecords {
    indices: Vec<usize>,
    rejected: Vec<usize>,
    /// The first refusal.
    refusal: Option<SinkError>,
}

impl UnsentRecords {
    fn new(records: usize) -> Self {
        Self { indices: (0..records).collect(), rejected: Vec::new(), refusal: None }
    }

    /// Takes out the record with this number in the last request.
    fn reject(&mut self, number: usize, error: SinkError) -> Result<(), SinkError> {
        if number >= self.indices.len() {
            // A number of no record: the request as a whole is refused.
            return Err(error);
        }
        self.rejected.push(self.indices.remove(number));
        self.refusal.get_or_insert(error);
        Ok(())
    }

    /// The outcome of all records, by that of the ones that were sent last.
    fn result(self, sent: Result<(), SinkError>) -> Result<(), ExchangeError> {
        let Self { indices, mut rejected, refusal } = self;
        let Some(refusal) = refusal else { return sent.map_err(Into::into) };
        let (retryable, retry_after) = match sent.as_ref().map_err(SinkError::kind) {
            Ok(()) => (Vec::new(), None),
            Err(SinkErrorKind::Retryable { retry_after }) => (indices, retry_after),
            Err(_) => {
                rejected.extend(indices);
                (Vec::new(), None)
            }
        };
        let source = sent.err().unwrap_or(refusal).into();
        Err(SinkError::PerRecord { rejected, retryable, retry_after, source }.into())
    }
}
