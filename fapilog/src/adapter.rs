//! The means of adapters: crates that bring the calls of another logging library to a container.
//!
//! An adapter keeps an [`AdapterSite`] for each place that logs, collects an event's fields in [`Fields`], and hands both to
//! [`Logger::log_fields`](crate::Logger::log_fields). [`on_level_change`] calls it when its library has to ask anew which levels are
//! enabled.
//!
//! ```
//! use fapilog::{Container, Level, adapter::{AdapterSite, Fields}, event::{FieldGroup, ValueRef}, format, sink};
//!
//! # let (sink, events) = sink::Memory::new(format::Json::new);
//! let logs = Container::builder().sink("memory", sink).start()?;
//! let log = logs.logger("adapter");
//!
//! // Once for each place of the program.
//! let site = AdapterSite::leak(Level::Info, "orders", "src/orders.rs", 12);
//!
//! // For each event. An adapter keeps the memory from one event to the next.
//! let mut fields = Fields::new();
//! if log.is_enabled_at_site(site) {
//!     fields.clear();
//!     fields.put_display(FieldGroup::Message, "", &format_args!("order {} filled", 42));
//!     fields.put(FieldGroup::Context, "price", ValueRef::F64(101.25));
//!     log.log_fields(site, &fields);
//! }
//! # logs.shutdown(std::time::Duration::from_secs(5))?;
//! # assert!(events.lines()[0].contains(r#""message":"order 42 filled""#), "{}", events.lines()[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A library that names the place anew with each call gets the site by [`AdapterSite::at_place`]. [`AdapterCalls`] has the memory for
//! fields, and suppresses calls that would lead to others without end.
//!
//! The other way, a sink hands events to another logging library: it encodes each as an [`EventCopy`], whose values have their
//! types.

mod calls;
mod event_copy;
mod keys;
mod widened;

pub use calls::{AdapterCalls, OpenCall, SuppressedCalls};
pub use event_copy::EventCopy;
pub use fapilog_engine::producer::{LevelWatch, bind_adapter_scope, on_level_change};
pub use fapilog_record::{
    call_site::AdapterSite,
    fields::Fields,
    self_typed::{MapEntries, SelfTypedWriter, SequenceElements},
};
pub use keys::{field_of_key, key_of_field};
pub use widened::widened_f32;
