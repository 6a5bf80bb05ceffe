//! What a fapilog event is, and how it travels.
//!
//! Most programs use the facade crate, `fapilog`; this one is for those who write plugins or adapters.
//!
//! The modules point one way:
//!
//! | module | what |
//! |---|---|
//! | [`container`](Container) | one log with everything that belongs to it |
//! | [`intake`](Logger) | what a log call sees: loggers, lanes, overflow, scopes |
//! | [`drain`](ManualDrain) | shards and what runs them |
//! | `settings`, `registry` | what a program says about its log, and the plugins that it can name; feature `settings` |
//! | [`plugin`] | what enrichers, processors, formatters and sinks are |
//! | [`enrich`], [`process`], [`format`](mod@format) | built-in enrichers, processors and formatters |
//! | [`event`](Event) | records as plugins see them |
//! | [`record`] | one event's arguments in a frame |
//! | [`value`] | what an argument can be |

mod accounts;
pub mod call_site;
mod clock;
mod colors;
mod container;
mod directives;
mod drain;
pub mod enrich;
mod error;
mod event;
mod executor;
pub mod format;
mod intake;
#[doc(hidden)]
pub mod level;
#[cfg(fapilog_loom)]
#[doc(hidden)]
pub mod model_api;
mod name;
mod notices;
mod order;
pub mod plugin;
mod problem;
pub mod process;
pub mod record;
#[cfg(feature = "settings")]
pub mod registry;
mod route;
#[cfg(feature = "settings")]
pub mod settings;
mod signals;
pub mod value;

pub use accounts::{Accounts, Imbalance, LossReason, Losses, PluginState, Rung, SinkAccounts};
pub use clock::ManualClock;
pub use colors::Colors;
pub use container::{
    Container, ContainerBuilder, FlushError, Metrics, PluginMetrics, RingMetrics, ShutdownError, StartError,
};
pub use directives::{DirectiveFault, Directives, DirectivesError};
pub use drain::{ManualDrain, SinkOptions, changes::ChangeError, latency::Percentiles, probe::GlommioUnavailable};
pub use error::{AlreadyInitialized, Error, ErrorKind};
pub use event::{Batch, Bucket, Event, EventId, FieldRef, ProducerInfo, Source, Timestamp};
pub use executor::Executor;
pub use intake::{DynamicEvent, InScope, Logger, Overflow, Scope, ScopeGuard, Scoped};
pub use level::{Category, Level, LevelError, LevelFilter};
pub use notices::{ErrorCallback, Notice};
pub use order::EventOrder;
pub use problem::{IoCause, Problem, SettingsError};
pub use route::Route;
pub use value::{Value, ValueRef};
