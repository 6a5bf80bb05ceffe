//! Requests and answers of a protocol over HTTP.

use fapilog_plugin::sink::{Payload, SinkError};
use http::HeaderMap;

use crate::client::{ANSWER_BYTES_MAX, HttpAnswer, HttpClient, OutgoingRequest};

/// A protocol over HTTP: how records become a request, and what an answer means. It lives on the thread of the sink.
///
/// ```
/// use fapilog_plugin::sink::SinkError;
/// use fapilog_sink_http::{
///     client::{HttpAnswer, OutgoingRequest},
///     exchange::{ExchangeError, HttpExchange, Records},
/// };
///
/// /// Sends lines, and understands the word "later".
/// struct Lines;
///
/// impl HttpExchange for Lines {
///     fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError> {
///         records.iter().for_each(|record| request.body.extend_from_slice(record));
///         Ok(())
///     }
///
///     fn outcome(&mut self, answer: &HttpAnswer, _: &Records<'_>) -> Result<(), ExchangeError> {
///         if answer.is_success() && answer.body() == b"later" {
///             return Err(answer.retryable().into());
///         }
///         answer.outcome()
///     }
/// }
/// # let _ = Lines;
/// ```
pub trait HttpExchange: 'static {
    /// Writes the request that delivers the records: body, headers, path. The headers of the settings are there already. It is called again for
    /// the same records if the attempt is repeated, and must write the same body then.
    ///
    /// # Errors
    /// When there is no such request.
    fn write(&mut self, records: &Records<'_>, request: &mut OutgoingRequest) -> Result<(), SinkError>;

    /// Adds headers that depend on the bytes that are sent, such as a signature. Default: none.
    fn seal(&mut self, body: &[u8], headers: &mut HeaderMap) {
        let _ = (body, headers);
    }

    /// The outcome of the records by the answer. Default: [by the status](HttpAnswer::outcome).
    ///
    /// # Errors
    /// When not all records are accepted. Indices of [`SinkError::PerRecord`] are those of `records`, from 0.
    fn outcome(&mut self, answer: &HttpAnswer, records: &Records<'_>) -> Result<(), ExchangeError> {
        let _ = records;
        answer.outcome()
    }

    /// Waits until the destination confirms the records that it has accepted, by further requests of the client. It is called where
    /// [`outcome`](Self::outcome) is a success, within the time limit of the [delivery](fapilog_plugin::sink::DeliveryPolicy::timeout), which must fit it.
    /// Default: the answer is enough.
    ///
    /// # Errors
    /// When the records are not confirmed, or not all of them.
    fn confirm(
        &mut self,
        client: &mut HttpClient,
        answer: &HttpAnswer,
        records: &Records<'_>,
    ) -> Result<(), ExchangeError> {
        let _ = (client, answer, records);
        Ok(())
    }

    /// The longest body of an answer that is read. Default: [`ANSWER_BYTES_MAX`]. A destination that answers for each record may need more.
    fn answer_bytes_max(&self) -> usize {
        ANSWER_BYTES_MAX
    }

    /// Puts the records of a payload into parts that are sent apart. Within a part, they stay in order. Default: one part.
    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        vec![(0..records.len()).collect()]
    }
}

/// Sends records over a client of its own, such as one of gRPC. It lives on the thread of the sink.
pub trait RecordsSender: 'static {
    /// Sends the records as one request, and waits for the outcome, within the time limit of a request.
    ///
    /// # Errors
    /// When not all records are accepted. Indices of [`SinkError::PerRecord`] are those of `records`, from 0.
    fn send(&mut self, records: &Records<'_>) -> Result<(), PartError>;

    /// Puts the records of a payload into parts that are sent apart, as [`HttpExchange::partition`] does. Default: one part.
    fn partition(&mut self, records: &Records<'_>) -> Vec<Vec<usize>> {
        vec![(0..records.len()).collect()]
    }
}

/// Why not all records of a request are accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The request is too large for the destination: the records are sent again in smaller ones.
    TooLarge,
    /// Another reason.
    Failed(SinkError),
}

impl From<SinkError> for ExchangeError {
    fn from(error: SinkError) -> Self {
        Self::Failed(error)
    }
}

/// Why not all records of a request are accepted, and what that means to the other requests of the payload. An error is about the destination,
/// unless it is given another [scope](RefusalScope).
#[derive(Debug)]
pub struct PartError {
    /// The error.
    pub error: ExchangeError,
    /// The requests that it is about.
    pub scope: RefusalScope,
}

/// The requests of a payload that have the same outcome as one which is to be repeated later: they are not sent in this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalScope {
    /// All: the destination takes nothing now. There is no connection, no answer, or a status 5xx.
    Destination,
    /// Those of the same [part](RecordsSender::partition): a tenant that sends too much, a path that is not there.
    Part,
}

impl From<ExchangeError> for PartError {
    fn from(error: ExchangeError) -> Self {
        Self { error, scope: RefusalScope::Destination }
    }
}

impl From<SinkError> for PartError {
    fn from(error: SinkError) -> Self {
        ExchangeError::from(error).into()
    }
}

/// Records of a payload that go into one request.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    payload: &'a Payload,
    /// The places of the records in the payload.
    places: &'a [usize],
}

impl<'a> Records<'a> {
    /// The records of a payload at these places. A payload without marks is one record, at place 0.
    #[must_use]
    pub fn new(payload: &'a Payload, places: &'a [usize]) -> Self {
        Self { payload, places }
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The record of this index, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.places.get(index).map(|place| record_at(self.payload, *place))
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let payload = self.payload;
        self.places.iter().map(move |place| record_at(payload, *place))
    }

    /// The length of all records.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    /// The name of this request: the same for each attempt to deliver the same records in the same way, and no other's. A destination that keeps such
    /// keys accepts the records once.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let id = self.payload.id();
        match (self.places.first(), self.places.last()) {
            (Some(first), Some(last)) if self.len() < count_records(self.payload) => format!("{id}.{first}-{last}"),
            _ => id.to_string(),
        }
    }

    /// The places of the records in the payload.
    #[must_use]
    pub fn places(&self) -> &'a [usize] {
        self.places
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &'a Payload {
        self.payload
    }
}

/// The number of records of a payload. Another sink's payload may have no marks: it is one record.
pub(crate) fn count_records(payload: &Payload) -> usize {
    match payload.marked_records() {
        0 => usize::from(!payload.is_empty()),
        marked => marked,
    }
}

fn record_at(payload: &Payload, place: usize) -> &[u8] {
    match payload.marked_records() {
        0 => payload.records(),
        _ => payload.record(place).unwrap_or_default(),
    }
}
