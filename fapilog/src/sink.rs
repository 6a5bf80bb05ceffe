//! Sinks: where events go.

pub use fapilog_engine::{container::SinkOptions, route::Route};
pub use fapilog_plugin::sink::{Delivery, OnFull, Payload, Reporter, Sink, SinkContext, SinkError, SinkFactory};
pub use fapilog_sink_console::Console;
pub use fapilog_sink_file::{Compression, File, FileEngine, FileSync, RotateEvery, RotateZone};
pub use fapilog_sink_memory::{Memory, MemoryEvents};
pub use fapilog_sink_null::Null;
