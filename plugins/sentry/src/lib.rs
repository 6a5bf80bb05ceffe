//! Sentry: the sink `sentry`.
//!
//! It sends envelopes to the endpoint of a DSN. A grave event is an error event of Sentry, with the events before it as breadcrumbs; others are
//! structured logs. Limits that are enforced before a request is sent:
//!
//! | limit | effect |
//! |---|---|
//! | one error event for an envelope | an envelope for each |
//! | 100 logs for an envelope | an envelope for each 100 |
//! | 1 MB for an error event or a log | fields that exceed it are left out, and their number is in `omitted_fields` |
//! | the rate limits that Sentry asks for, by category | the events wait, and are sent then |
//!
//! The form of an event is on the page `docs/sentry-sink.md`.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/sentry-sink.md")]
struct SentrySinkPage;

mod deliver;
mod dsn;
mod encode;
mod rate_limits;
mod registration;
mod settings;
mod sink;

pub use registration::register;
pub use settings::SentrySettings;
pub use sink::Sentry;
