//! The HTTP sink, and the client core of every sink whose destination is reached by HTTP.
//!
//! | module | what |
//! |---|---|
//! | [`Http`] | the sink `http`: NDJSON, a JSON array, or an object around it |
//! | [`sink`] | a sink with a protocol over HTTP: an [encoder](encode::EventEncoder) and an [exchange](exchange::HttpExchange) |
//! | [`encode`] | events become records of a payload |
//! | [`exchange`] | records become requests, and answers become outcomes |
//! | [`client`] | sends requests: keep-alive, TLS, time limits, compression, credentials |
//! | [`settings`] | the settings that all of these sinks have |
//!
//! # Delivery of a payload
//!
//! 1. Records: A payload is a row of records, one for each event. The exchange may put them into [parts](exchange::HttpExchange::partition), such as one for
//!    each tenant. A part that exceeds the limits of a request is divided.
//! 2. Request: The exchange writes the body of a part. The client compresses it, and the exchange may sign the bytes that are sent.
//! 3. Answer: The exchange reads the answer: all records are accepted, or some are, or none.
//! 4. Halves: A part that is too large for the destination (status 413) is sent again in two halves. A single record that is too large is
//!    rejected. The client keeps the length that was too large, and divides later parts before it sends them.
//! 5. Time: The requests of a payload are begun within `request.timeout`; the parts that are left then are retryable.
//! 6. End: A destination that is not reached, or answers 5xx, ends the attempt: the parts that were not sent are retryable. Any other answer that
//!    is retryable ends the attempt of its part: a tenant that sends too much, or a path that is not there, keeps no other part from being sent. The
//!    longest `Retry-After` of all parts counts. The engine repeats the delivery of the records that are left, and of no others.
//!
//! # Errors and their kinds
//!
//! | answer | kind |
//! |---|---|
//! | 2xx | delivered |
//! | no connection, a connection that broke, a time limit | retryable |
//! | 408, 409, 421, 423, 425, 429 and all 5xx but 501 and 505 | retryable, after `Retry-After` if there is one |
//! | 401, 402, 403, 404, 407, 451 and other 4xx | retryable: the program or the destination is not set up, and the records are not the reason |
//! | 400, 405, 406, 411, 412, 414, 415, 416, 417, 422, 424, 426, 428, 431, 501, 505 | permanent: the same request would be refused again |
//! | 413 | the part is divided |
//! | 307, 308 to the same scheme, host and port | followed, three times at most |
//! | other 3xx | retryable: an operator has to correct the URL |

#[cfg(doctest)]
#[doc = include_str!("../../../docs/http-sink.md")]
struct HttpSinkPage;

// The macro of the settings names this crate as other crates do.
extern crate self as fapilog_sink_http;

pub mod client;
pub mod encode;
mod error;
pub mod exchange;
mod parts;
mod plain;
mod registration;
pub mod settings;
pub mod sink;

pub use error::HttpError;
pub use plain::{BodyForm, BodySigner, Http, HttpMethod, HttpSinkSettings, WrapperSettings};
pub use registration::register;
