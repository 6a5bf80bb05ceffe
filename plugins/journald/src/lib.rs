//! systemd's journal as a destination of fapilog's events.
//!
//! The sink `journald` sends each event as an entry of the journal, by the [native protocol](https://systemd.io/JOURNAL_NATIVE_PROTOCOL/):
//! a datagram for an entry, and a sealed file in memory for an entry that no datagram holds. Every field of an event is a field of
//! the entry, so that `journalctl ORDER_ID=42` finds it.
//!
//! | type | use |
//! |---|---|
//! | [`Journald`] | the sink, by code; settings name it `journald` |
//! | [`Facility`], [`Priority`] | values of the fields `SYSLOG_FACILITY` and `PRIORITY` |
//!
//! docs/journald-sink.md describes the fields, the settings and what is guaranteed.

#![forbid(unsafe_code)]

mod deliver;
mod encode;
mod entry;
mod entry_text;
mod error;
mod field_name;
mod priority;
mod registration;
mod sealed_file;
mod settings;
mod sink;
mod stop_deadline;

pub use fapilog_format::syslog::Facility;

pub use crate::{error::JournaldError, priority::Priority, registration::register, settings::Journald};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/journald-sink.md")]
mod book {}
