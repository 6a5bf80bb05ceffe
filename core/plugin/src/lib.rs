//! The contract between fapilog and its plugins: all that a plugin depends on, and nothing else.
//!
//! | module | what |
//! |---|---|
//! | [`event`] | events and batches, as plugins see them |
//! | [`enricher`], [`processor`], [`formatter`], [`sink`] | the kinds of plugins |
//! | [`record_end`] | how a sink finds the ends of records in the bytes of a formatter |
//! | [`factory`] | how a plugin is made, one for each shard |
//! | [`registry`], [`settings`] | how settings find a plugin, and how it reads its own settings |
//! | [`data_class`] | classes of sensitive data, for redactors and for compliance standards |
//! | [`compliance`] | standards that check a container before it starts |
//! | [`substitute`] | texts that stand for sensitive data: tokens, ciphertexts |
//! | [`text_redactor`] | redaction of texts that are in no event |
//! | [`plugin_counts`] | counters of a plugin's own |
//! | [`common_fields`], [`cache`] | the same fields for many events; values that are expensive to compute |
//! | [`per_call_site`] | values that are the same for every event of a call site or of a logger |
//! | [`uuid_v7`] | ids that sort by time |
//! | [`threads`] | threads, forks and signals, for plugins that have threads of their own |
//! | [`error`], [`problem`], [`diagnostics`] | errors, invalid settings, reports to the operator |
//! | `testing` | batches without a container, for a plugin's unit tests; feature `testing` |
//!
//! A plugin belongs to one shard and is called from that shard's thread only, with a batch per call. It is made there,
//! by its factory, so it need not be `Send`. A panic in it is caught: the batch goes on without it, and an event that
//! it alone could have delivered is counted as lost.

pub mod cache;
pub mod colors;
pub mod common_fields;
pub mod compliance;
pub mod data_class;
pub mod diagnostics;
pub mod enricher;
pub mod error;
pub mod event;
pub mod factory;
pub mod formatter;
pub mod kind;
pub mod name;
pub mod per_call_site;
pub mod plugin_counts;
pub mod problem;
pub mod processor;
pub mod record_end;
pub mod registry;
pub mod settings;
pub mod sink;
pub mod substitute;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text_redactor;
pub mod threads;
pub mod uuid_v7;

/// Parts of a log call's record: levels, values, call sites, times.
#[doc(inline)]
pub use fapilog_record::{call_site, directives, field_group, level, text, timestamp, user_code, value};
