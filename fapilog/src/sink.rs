//! Sinks: where events go.

pub use fapilog_engine::{container::SinkOptions, route::Route};
pub use fapilog_plugin::sink::{Delivery, OnFull, Payload, Reporter, Sink, SinkContext, SinkError, SinkFactory};
pub use fapilog_sink_console::ConsoleSink;
pub use fapilog_sink_file::{FileEngine, FileSink, FileSync};
pub use fapilog_sink_memory::{MemoryEvents, MemorySink};
pub use fapilog_sink_null::NullSink;
