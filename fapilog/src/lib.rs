//! Structured logging for latency-critical Linux servers.
//!
//! ```
//! use std::time::Duration;
//! use fapilog::{Container, format, info, sink};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("orders.log");
//! let logs = Container::builder().sink("file", sink::File::new(&path, format::Json::new)).start()?;
//! let log = logs.logger("matching-engine");
//!
//! info!(log, "order filled", order_id = 42, price = 101.25, venue = "XNAS", tags.region = "eu");
//!
//! let accounts = logs.shutdown(Duration::from_secs(5))?;
//! assert_eq!((accounts.submitted, accounts.delivered_total()), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A log call
//!
//! `info!(logger, message, fields...)`; likewise `trace!`, `debug!`, `warn!`, `error!`, `critical!`, `audit!`,
//! `security!`, and [`event!`] with the level as an argument, which may be known only at run time.
//!
//! * The **logger** may be left out where the message is a literal: `info!("ready", port = 8080)` logs to the global
//!   container (`init`, [`set_global`]), if there is one. The source is the program's name.
//! * The **message** is a literal, which costs nothing at run time, or any expression that is a
//!   [`Value`](event::Value), or `%value` or `?value`. `{name}` in a literal is the field or the variable `name`, filled in by
//!   the drain; `{{` is a brace.
//! * A **field** is `key = value`. The key is an identifier or a string literal; `tags.key` and `metrics.key` choose the
//!   part of the event that it goes to, and a bare key goes to its context. A lone `name` stands for `name = name`.
//! * A **value** is a number, `bool`, `char`, text, bytes, `Option`, `Duration`, `SystemTime`, address, `Uuid`,
//!   or a slice, array or vector of these; or `%value` to log it by its `Display`, `?value` by its `Debug`, `#?value` by its
//!   `Debug` over several lines, and `#error` an error with the chain of its sources. `~value` is not read: the field is
//!   `[redacted]` (see [`privacy`]).
//!
//! * `category: value` and `severity: value` among the fields set the event's subject (a [`Category`](event::Category))
//!   and its gravity (a `u8` from 1 to 10). Without them, the level decides. `target: value` takes the place of the module path.
//!
//! [`child!`] makes a logger with fields of its own, and [`scope!`] binds fields to a thread. Both take fields as a call does.
//!
//! Values are looked at only when the event is wanted. They are taken by reference and copied before the call returns.
//!
//! ```
//! # use fapilog::{Container, error, format, sink, warn};
//! # let (sink, events) = sink::Memory::new(format::Json::new);
//! # let logs = Container::builder().sink("memory", sink).start()?;
//! # let log = logs.logger("docs");
//! let attempt = 3;
//! let failure = std::io::Error::other("connection reset");
//! warn!(log, "will retry", attempt, backoff = std::time::Duration::from_millis(250));
//! error!(log, "gave up after {attempt} attempts", error = #failure, peers = ["10.0.0.1", "10.0.0.2"], metrics.latency_ms = 3.2);
//! # logs.flush(std::time::Duration::from_secs(5))?;
//! # assert_eq!(events.lines().len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod adapter;
pub mod compliance;
pub mod container;
mod default_pipeline;
pub mod diagnostics;
pub mod enrich;
pub mod error;
pub mod event;
pub mod format;
mod global;
pub mod level;
pub mod machine;
mod macros;
pub mod metrics;
#[doc(alias = "FapilogExceptionHandler")]
#[doc(alias = "capture_unhandled")]
pub mod panic_hook;
pub mod plugin;
pub mod privacy;
pub mod process;
pub mod redact;
pub mod scope;
#[cfg(feature = "settings")]
pub mod settings;
pub mod sink;
#[cfg(feature = "testing")]
pub mod testing;

pub use default_pipeline::{default_pipeline, default_pipeline_with};
#[doc(inline)]
pub use error::Error;
pub use fapilog_engine::{
    container::Container,
    producer::{Logger, Scope},
};
pub use fapilog_plugin::register_plugin;
pub use fapilog_record::level::Level;
#[cfg(feature = "settings")]
pub use fapilog_settings::Settings;
pub use global::{Global, logger, set_global};
#[cfg(feature = "settings")]
pub use global::{init, init_with};

/// The macros' expansion. Not a public interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::global::GlobalLogger;
    pub use fapilog_macros::{log_call, scope};
    pub use fapilog_record::{
        arguments::{Arg, End},
        call_site::{CallSite, CallSiteByLevel, FieldName},
        field_group::FieldGroup,
        level::{Level, category_number, severity_number},
        self_typed::SelfTypedWriter,
        value::{
            Key, Kind, Redacted, Render, Value, debug, display, error_chain, pretty_debug, put_debug, put_display,
            put_error,
            sealed::{Sealed, SealedKey},
            self_typed_bytes, unread,
        },
        writer::SlotWriter,
    };
}

/// Compiles and runs the code on the pages of the book.
#[cfg(doctest)]
mod book {
    macro_rules! pages {
        ($($name:ident: $path:literal,)*) => {$(
            #[doc = include_str!($path)]
            mod $name {}
        )*};
    }

    pages! {
        readme: "../../README.md",
        quickstart: "../../docs/quickstart.md",
        audit_events: "../../docs/audit-events.md",
        console_sink: "../../docs/console-sink.md",
        csv: "../../docs/csv.md",
        errors: "../../docs/errors.md",
        delivery: "../../docs/delivery.md",
        enrichers: "../../docs/enrichers.md",
        executors: "../../docs/executors.md",
        ends_of_a_process: "../../docs/ends-of-a-process.md",
        file_sink: "../../docs/file-sink.md",
        formats_for_products: "../../docs/formats-for-products.md",
        json: "../../docs/json.md",
        log_calls: "../../docs/log-calls.md",
        null_and_memory_sinks: "../../docs/null-and-memory-sinks.md",
        panics: "../../docs/panics.md",
        testing: "../../docs/testing.md",
        processors: "../../docs/processors.md",
        protobuf: "../../docs/protobuf.md",
        redaction: "../../docs/redaction.md",
        text_formats: "../../docs/text-formats.md",
        operations: "../../docs/operations.md",
        plugins: "../../docs/plugins.md",
        settings_page: "../../docs/settings.md",
        secrets: "../../docs/secrets.md",
        spill: "../../docs/spill.md",
        writing_a_plugin: "../../docs/writing-a-plugin.md",
        xml: "../../docs/xml.md",
    }
}
