//! Prometheus Alertmanager: the sink `alertmanager`.
//!
//! It sends alerts, which are events of the processor `alerting`, to the API v2 of Alertmanager. Every other event is refused.
//!
//! | part of an event | part of an alert |
//! |---|---|
//! | `tags.alert.name`, `tags.alert.severity`, other tags | labels: `alertname`, `severity`, and the names of the tags |
//! | message, `metrics.alert.count`, context | annotations |
//! | `context.alert.started_at`, `tags.alert.state`, the time of the event | `startsAt`, `endsAt` |

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../../docs/alertmanager-sink.md")]
struct AlertmanagerSinkPage;

mod deliver;
mod encode;
mod error;
mod registration;
mod settings;
mod sink;

pub use error::AlertmanagerError;
pub use registration::register;
pub use settings::AlertmanagerSettings;
pub use sink::Alertmanager;
