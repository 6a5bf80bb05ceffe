//! Syslog for fapilog: a sink and two formatters.
//!
//! | type | use |
//! |---|---|
//! | [`SyslogFormat`] | the message of an event: RFC 5424 or RFC 3164, header, structured data, length |
//! | [`SyslogFormatter`] | a formatter that writes such messages as lines, for any sink |
//! | [`Syslog`] | the sink: over UDP, TCP, TLS, and Unix sockets |
//!
//! Settings name the sink `syslog` and the formatters `syslog_rfc5424` and `syslog_rfc3164`, where the program links the crate
//! (`use fapilog_syslog as _;`). docs/syslog-sink.md describes the use and the guarantees.
#![forbid(unsafe_code)]

mod message;
mod registration;
mod settings;
mod sink;
mod transport;

pub use crate::{
    message::{
        Facility, MessageIdSource, PrioritySource, StructuredData, SyslogFormat, SyslogFormatter, SyslogProtocol,
        SyslogTime,
    },
    registration::register,
    sink::Syslog,
    transport::{Framing, SyslogError},
};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/syslog-sink.md")]
mod page {}
